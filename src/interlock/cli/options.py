"""Options that several commands have."""

from __future__ import annotations

import typer

__all__ = ["AFTER", "AS", "COMMENT", "JSON", "LIMIT"]

JSON = typer.Option(False, "--json", help="Write JSON to the standard output, messages to the standard error.")
AS = typer.Option(None, "--as", metavar="PERSON", help="Act as somebody else; only in a demo database.")
LIMIT = typer.Option(50, "--limit", min=1, max=10_000, help="At most so many.")
AFTER = typer.Option(None, "--after", metavar="CURSOR", help="The page after the one that gave this cursor (--json).")
COMMENT = typer.Option("", "--comment", "-m", help="Why; it is logged, and the agent reads it.")

"""Options that several commands have."""

from __future__ import annotations

import typer

__all__ = ["AS", "COMMENT", "JSON"]

JSON = typer.Option(False, "--json", help="Write JSON to the standard output, messages to the standard error.")
AS = typer.Option(None, "--as", metavar="PERSON", help="Act as somebody else; only in a demo database.")
COMMENT = typer.Option("", "--comment", "-m", help="Why; it is logged, and the agent reads it.")

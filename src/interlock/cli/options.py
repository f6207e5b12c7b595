"""Options and arguments that several commands have."""

from __future__ import annotations

import typer

from interlock.cli.candidates import any_request, any_run, open_request, unsettled

JSON = typer.Option(False, "--json", help="Write JSON to the standard output, messages to the standard error.")
AS = typer.Option(None, "--as", metavar="PERSON", help="Act as somebody else; only in a demo database.")
LIMIT = typer.Option(50, "--limit", min=1, max=10_000, help="Show at most N.")
AFTER = typer.Option(None, "--after", metavar="CURSOR", help="Continue from this cursor (`next` in --json).")
ADVANCE = typer.Option(True, "--advance/--no-advance", help="Carry the run on here, if its agent can be loaded.")
DETACH = typer.Option(False, "--detach", help="Stop at the first pause; write the ids of run and requests.")
COMMENT = typer.Option("", "--comment", "-m", help="Why; it is logged, and the agent reads it.")

_REQUEST = "The request; the beginning of its id is enough."
OPEN_REQUEST = typer.Argument(metavar="ID", help=_REQUEST, autocompletion=open_request)
ANY_REQUEST = typer.Argument(metavar="ID", help=_REQUEST, autocompletion=any_request)
UNSETTLED = typer.Argument(metavar="ID", help=_REQUEST, autocompletion=unsettled)
RUN = typer.Argument(metavar="ID", help="The run; the beginning of its id is enough.", autocompletion=any_run)

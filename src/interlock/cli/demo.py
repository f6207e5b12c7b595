"""`interlock demo`: an agent, a request, a decision, and a mail that is really written."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from interlock.cli.errors import Exit
from interlock.cli.options import AS, JSON
from interlock.cli.run import start_and_attend
from interlock.cli.session import DEMO, Session, execute
from interlock.config import load_settings
from interlock.errors import BadInput

__all__ = ["app"]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

INPUT = "Send email to team about meeting"

CONFIG = """\
# The configuration of `interlock demo`: one person on one machine. Change it, and run the demo again.
database:
  url: sqlite:///interlock.db
  fixed: true # whatever INTERLOCK_DATABASE_URL says: the demo keeps to itself

default:
  initiator_may_approve: true # in the demo, whoever starts the agent may also decide
  levels:
    - name: reviewer
      steps:
        - ask: [role:reviewer]
          within: 1h
"""


@app.command()
def demo(
    ctx: typer.Context,
    *,
    text: str = typer.Argument(INPUT, metavar="INPUT", help="What the agent is to do."),
    folder: Path = typer.Option(Path("demo"), "--folder", help="Where database, configuration and mail are kept."),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """See an agent plan a mail and ask; approve, reject or modify it; find the mail it wrote.

    Without a terminal the answers are read from the standard input: echo yes | interlock demo
    """
    config = _prepared(folder)
    # Never the database that the environment names: this one is marked as a demo, in which everybody may be anybody.
    settings = load_settings(config, {})

    async def work(session: Session) -> int:
        code = await start_and_attend(session, "approval", text)
        _what_next(session, folder, code)
        return code

    execute(ctx, work, as_json=as_json, person=person, settings=settings, note=(DEMO, "yes"))


def _prepared(folder: Path) -> Path:
    config = folder / "interlock.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not config.exists():
            config.write_text(CONFIG, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{folder} cannot be used: {error.strerror}. Give another with --folder.") from None
    return config


def _what_next(session: Session, folder: Path, code: int) -> None:
    if code == Exit.ok and not os.environ.get("INTERLOCK_SMTP_URL"):
        session.tell(f"Mail, if any was sent, is in {os.environ['INTERLOCK_MAILDIR']}/new")
    prefix = f"interlock -c {folder / 'interlock.yaml'}"
    session.tell(f"Everything that happened: {prefix} log show", "dim")
    if code == Exit.waiting:
        session.tell(f"In this demo, put `-c {folder / 'interlock.yaml'}` after `interlock`.", "dim")

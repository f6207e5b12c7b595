"""`interlock demo`: an agent, a request, a decision, and a mail or a payment that is really written.

With `--web`, in a browser, a whole installation: see `demo_site`.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import typer

from interlock.agents import AGENTS
from interlock.cli.demo_site.serving import serve_demo
from interlock.cli.errors import Exit
from interlock.cli.options import AS, JSON, demo_agents
from interlock.cli.run import start_and_attend
from interlock.cli.session import DEMO, Session, execute
from interlock.config import load_settings
from interlock.config.paths import expanded
from interlock.errors import BadInput

INPUTS = {
    "approval": "Send email to team about meeting",
    "feedback": "Write a report",
    "input": "Book a flight",
    "multi_step": "Buy 3 laptops from ACME for 4500",
    "multi_step_checkpoints": "Buy 3 laptops from ACME for 4500",
}
"""What an agent does in a demo, unless something else is wanted."""

DATABASE = """\
# The configuration of `interlock demo`: everybody on one machine. Change it, and run the demo again.
database:
  url: sqlite:///interlock.db
  fixed: true # whatever INTERLOCK_DATABASE_URL says: the demo keeps to itself

"""

ONE_PERSON = """\
default:
  initiator_may_approve: true # in the demo, whoever starts the agent may also decide
  levels:
    - name: reviewer
      steps:
        - ask: [role:reviewer]
          within: 1h
"""


def demo(
    ctx: typer.Context,
    *,
    agent: str = typer.Argument(
        "approval", metavar="[AGENT]", help=f"One of {', '.join(AGENTS)}.", autocompletion=demo_agents
    ),
    text: str | None = typer.Argument(None, metavar="INPUT", help="What the agent is to do."),
    web: bool = typer.Option(False, "--web", help="See the pages in a browser: people, agents, a week of requests."),
    port: int | None = typer.Option(
        None, "--port", min=0, max=65_535, help="Of --web: listen on this port; by default 8000, or any free one."
    ),
    folder: Path | None = typer.Option(
        None, "--folder", help="Where everything is kept; by default demo, demo-AGENT or demo-web."
    ),
    person: str | None = AS,
    as_json: bool = JSON,
) -> None:
    """See an agent ask; decide; find the mail, or the payment, that it wrote.

    Where others decide, as on the purchase of `interlock demo multi_step`, you play them. Without a terminal the
    answers are read from the standard input: echo yes | interlock demo
    """
    if web:
        config = _prepared(folder or Path("demo-web"), _installation())
        serve_demo(ctx, config, port, as_json=as_json)
        return
    agent, task = _meant(agent, text)
    folder = expanded(str(folder)) if folder else Path("demo" if agent == "approval" else f"demo-{agent}")
    config = _prepared(folder, _policy_of(agent))
    settings = load_settings(config, {})  # never the database that the environment names: this one is marked as a demo

    async def work(session: Session) -> int:
        code = await start_and_attend(session, agent, task)
        if code == Exit.ok:
            _where(session)
        session.hint("log", "Everything that happened:")
        return code

    execute(ctx, work, as_json=as_json, person=person, settings=settings, note=(DEMO, "yes"), config=str(config))


def _meant(agent: str, text: str | None) -> tuple[str, str]:
    """Return the agent, and what it is to do: one text alone is for the agent of the first demo."""
    if agent not in AGENTS and text is None:
        agent, text = "approval", agent
    if agent not in AGENTS:
        raise BadInput(f"There is no agent {agent!r} that ships with Interlock: give one of {', '.join(AGENTS)}.")
    return agent, INPUTS[agent] if text is None else text


def _policy_of(agent: str) -> str:
    if not agent.startswith("multi_step"):
        return DATABASE + ONE_PERSON
    return DATABASE + (files("interlock.agents") / "purchases.yaml").read_text(encoding="utf-8")


def _installation() -> str:
    return (files("interlock.cli.demo_site") / "interlock.yaml").read_text(encoding="utf-8")


def _prepared(folder: Path, written: str) -> Path:
    config = folder / "interlock.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not config.exists():
            config.write_text(written, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{folder} cannot be used: {error.strerror}. Give another with --folder.") from None
    return config


def _where(session: Session) -> None:
    mail, ledger = expanded(os.environ["INTERLOCK_MAILDIR"]), expanded(os.environ["INTERLOCK_LEDGER"])
    if mail.exists() and not os.environ.get("INTERLOCK_SMTP_URL"):
        session.tell(f"Mail, if any was sent, is in {mail}/new")
    if ledger.exists():
        session.tell(f"What was booked and paid is in {ledger}")

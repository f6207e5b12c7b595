"""The command `interlock`: its commands, each loaded when it is used, and the one place where errors end."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from interlock.cli.errors import MEANINGS, Exit, report, report_usage
from interlock.cli.hints import command_prefix
from interlock.errors import BadInput, InvalidAgent
from interlock.terminal.screen import discard_unwritten, open_missing


@dataclass(slots=True)
class Root:
    """The options that stand before the command."""

    config: str | None = None
    database: str | None = None
    server: str | None = None


COMMANDS = {
    "run": ("run:app", "Start an agent, and answer what it asks"),
    "login": ("login:login", "Sign in at a server"),
    "logout": ("login:logout", "Sign out at a server"),
    "serve": ("serve:serve", "Serve people, agents and programs over HTTP"),
    "work": ("work:work", "Advance runs as a worker"),
    "requests": ("requests:app", "List and show what people are asked"),
    "approve": ("votes:approve", "Approve a request"),
    "reject": ("votes:reject", "Reject a request"),
    "edit": ("votes:edit", "Approve a request with changes"),
    "answer": ("votes:answer", "Answer a question"),
    "revise": ("votes:revise", "Send a draft back with feedback"),
    "take-back": ("collaboration:take_back", "Take back your vote on a request"),
    "comment": ("collaboration:comment", "Say something about a request"),
    "ask-back": ("collaboration:ask_back", "Ask the agent, or who started it, about a request"),
    "clarify": ("collaboration:clarify", "Answer what was asked back about a request"),
    "reserve": ("collaboration:reserve", "Say that you are on a request"),
    "delegate": ("collaboration:delegate", "Let somebody else vote for you on a request"),
    "extend": ("collaboration:extend", "Give a request more time"),
    "runs": ("runs:app", "List, show, cancel, retry and fork runs"),
    "threads": ("threads:app", "List, show and delete conversations"),
    "effects": ("effects:app", "Settle effects of which nobody knows what became"),
    "deliveries": ("deliveries:app", "List messages to people and programs, and send them again"),
    "agents": ("agents:app", "List the agents"),
    "tokens": ("tokens:app", "Make, list and revoke tokens of agents and services"),
    "sessions": ("sessions:app", "List and end people's sessions"),
    "people": ("people:app", "Invite people, and keep them out"),
    "groups": ("groups:groups", "List, add and remove members of groups"),
    "roles": ("groups:roles", "List, give and take roles"),
    "notices": ("notices:app", "Show and change how people are told of what waits for them"),
    "delegations": ("groups:delegations", "List, make and end who votes for whom"),
    "grants": ("grants:app", "Allow the next actions like one, within bounds"),
    "stats": ("stats:stats", "Say how requests ended, and how long people took"),
    "cost": ("cost:cost", "Say what waiting has cost, and would have cost"),
    "policy": ("policy:app", "Check, explain, simulate and suggest policies"),
    "dataset": ("dataset:app", "Export what people decided as training data"),
    "log": ("log:app", "Read the log"),
    "schema": ("schema:schema", "Write the JSON Schema of what --json writes"),
    "doctor": ("doctor:doctor", "Examine this installation"),
    "prune": ("prune:prune", "Delete what is not needed any more; never the log"),
    "completion": ("completion:app", "Complete commands, ids and names in your shell"),
    "demo": ("demo:demo", "See an agent ask, decide, and see what it does"),
}
"""Name to where the command is, and what it does. Nothing of a command is loaded before it is used."""


def group(about: str) -> typer.Typer:
    """Return what the commands of a group are added to."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=about)


EPILOG = "Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + "."


class Commands(TyperGroup):
    """Loads a command when it is run; its name and its line of help are known before."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is typer's
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is typer's
        """Return a stand-in that has the command's name and help."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that is meant, and load it."""
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}  # for "did you mean"
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else command, rest


def load(name: str) -> Any:
    """Return a command, ready to run."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(import_module(f"interlock.cli.{module}"), attribute)
    if not gc.isenabled():  # as `main` begins: what has been loaded by now stays
        gc.freeze()
        gc.enable()
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(found)
        found = app
    command = get_command(found)
    command.name = name
    return command


app = typer.Typer(cls=Commands, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - slow to load

        typer.echo(f"interlock {version('interlock-hitl')}")
        raise typer.Exit


@app.callback(epilog=EPILOG)
def root(
    ctx: typer.Context,
    config: str | None = typer.Option(
        None, "--config", "-c", metavar="FILE", help="Use this instead of ./interlock.yaml."
    ),
    database: str | None = typer.Option(
        None, "--database", metavar="URL", help="Use this instead of the configured one."
    ),
    server: str | None = typer.Option(
        None, "--server", metavar="URL", help="Do it at this server, and not in a database here (INTERLOCK_SERVER)."
    ),
    _version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """People's control over AI agents: an agent pauses, people decide, the agent goes on, and it can be proved.

    Begin with: interlock demo
    """
    if server and (config is not None or database is not None):
        raise BadInput("Give --server, or --config and --database: a server has its own.")
    ctx.obj.config, ctx.obj.database, ctx.obj.server = config, database, server


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code. No traceback reaches the user."""
    as_json = "--json" in arguments[: arguments.index("--")] if "--" in arguments else "--json" in arguments
    open_missing()
    root = Root()
    try:
        return _run(arguments, root)
    except BrokenPipeError:  # nobody reads any more
        return Exit.broken_pipe
    except TyperException as error:
        return report_usage(error, as_json=as_json)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - this is where every error ends
        return report(error, as_json=as_json, prefix=command_prefix(root.config, root.database, root.server))
    finally:
        discard_unwritten()


def _run(arguments: list[str], root: Root) -> int:
    try:
        code = get_command(app).main(arguments, prog_name="interlock", standalone_mode=False, obj=root)
    except SystemExit as end:
        if isinstance(end.__context__, OSError):  # by typer, where nobody reads any more
            raise BrokenPipeError from None
        raise InvalidAgent(
            f"An agent's code ended this process by sys.exit({end.code!r}). Its run is taken up again when its lease "
            "has ended, and comes to a person if that goes on. Let the agent raise an exception instead."
        ) from None
    sys.stdout.flush()
    return code if isinstance(code, int) else Exit.ok

"""Options and arguments of several commands, and what the tab key completes in them.

Completion reads the database, and never creates it. Nothing that an agent has written is offered or shown: a shell
would read it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import islice

import typer

from interlock.agents import AGENTS
from interlock.bootstrap import build
from interlock.cli.app import Root
from interlock.cli.session import opened, server_of, settings_of, storeless
from interlock.domain.request import Request, Status
from interlock.domain.run import Run
from interlock.engine.ports.store import RequestFilter
from interlock.engine.threads import ThreadView
from interlock.service.client import Client
from interlock.terminal.screen import Screen

MOST, MOST_READ = 50, 500
_WORD = re.compile(r"[\w.@-]+")  # what needs no quotes in any shell

Candidates = list[tuple[str, str]]
"""Each with what it is, or the empty string."""

Complete = Callable[[typer.Context, str], Candidates]


def _found(read: Callable[[Client], AsyncIterator[Request | Run | ThreadView]]) -> Complete:
    def complete(context: typer.Context, beginning: str) -> Candidates:
        if server_of(_root(context)) is not None:
            return []  # a server is not asked each time that somebody presses a key

        async def found() -> Candidates:
            async with opened(settings_of(_root(context)), Screen.on(sys.stderr), create=False) as session:
                return [_named(one) async for one in read(session.local)]

        return _offered(beginning, asyncio.run(found()))

    return complete


async def _unsettled(client: Client) -> AsyncIterator[Request]:
    for request in (await client.list_effects(limit=MOST_READ)).rows:
        yield request


async def _threads(client: Client) -> AsyncIterator[ThreadView]:
    for view in (await client.list_threads(limit=MOST_READ)).rows:
        yield view


open_request = _found(lambda client: client.requests(RequestFilter((Status.open,)), limit=MOST_READ))
any_request = _found(lambda client: client.requests(RequestFilter(()), limit=MOST_READ))
unsettled = _found(_unsettled)
any_run = _found(lambda client: client.runs(limit=MOST_READ))
thread = _found(_threads)


def agents(context: typer.Context, beginning: str) -> Candidates:
    """Return the names of agents that are configured, or ship with Interlock."""
    names = build(storeless(_root(context)), AGENTS).registry.names
    return _offered(beginning, ((name, "") for name in sorted(names)))


def demo_agents(_context: typer.Context, beginning: str) -> Candidates:
    """Return the names of agents that ship with Interlock."""
    return _offered(beginning, ((name, "") for name in AGENTS))


def _named(one: Request | Run | ThreadView) -> tuple[str, str]:
    if isinstance(one, ThreadView):
        return one.name, f"{one.last.status}"
    return one.id, f"{one.status}, {one.agent}" if _WORD.fullmatch(one.agent) else f"{one.status}"


def _offered(beginning: str, found: Iterable[tuple[str, str]]) -> Candidates:
    fitting = (one for one in found if one[0].startswith(beginning) and _WORD.fullmatch(one[0]))
    return list(islice(fitting, MOST))


def _root(context: typer.Context) -> Root:
    """Return the options before the command: nobody has run what keeps them."""
    given = context.find_root().params
    return Root(given.get("config"), given.get("database"), given.get("server"))


JSON = typer.Option(False, "--json", help="Write JSON to the standard output, messages to the standard error.")
AS = typer.Option(None, "--as", metavar="PERSON", help="Act as somebody else; only in a demo database.")
LIMIT = typer.Option(50, "--limit", min=1, max=10_000, help="Show at most N.")
AFTER = typer.Option(None, "--after", metavar="CURSOR", help="Continue from this cursor (`next` in --json).")
ADVANCE = typer.Option(True, "--advance/--no-advance", help="Carry the run on here, if its agent can be loaded.")
DETACH = typer.Option(False, "--detach", help="Stop at the first pause; write the ids of run and requests.")
ORIGIN = typer.Option("http://127.0.0.1:8000", "--origin", metavar="URL", help="Where people reach the server.")
COMMENT = typer.Option("", "--comment", "-m", help="Why; it is logged, and the agent reads it.")

_REQUEST = "The request; the beginning of its id is enough."
OPEN_REQUEST = typer.Argument(metavar="ID", help=_REQUEST, autocompletion=open_request)
ANY_REQUEST = typer.Argument(metavar="ID", help=_REQUEST, autocompletion=any_request)
UNSETTLED = typer.Argument(metavar="ID", help=_REQUEST, autocompletion=unsettled)
RUN = typer.Argument(metavar="ID", help="The run; the beginning of its id is enough.", autocompletion=any_run)

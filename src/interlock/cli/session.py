"""What every command needs: the system, who acts, a screen, a terminal, and a way to be interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from interlock.agents import AGENTS
from interlock.bootstrap import System, build, local_person
from interlock.cli.app import Root
from interlock.cli.errors import Exit, json_line
from interlock.cli.forked_children import HANDLED
from interlock.cli.hints import command_prefix
from interlock.cli.tables import table
from interlock.config.load import load_settings
from interlock.config.sections import DatabaseSettings, Settings
from interlock.domain.authority import LOCAL_TENANT, Principal
from interlock.engine.changes import Entry
from interlock.engine.observed_store import Observer
from interlock.engine.ports.waker import Waker
from interlock.errors import BadInput, Forbidden
from interlock.service.client import Client
from interlock.service.hostile_text import cells, plain
from interlock.service.ways import ACTS_AS
from interlock.storage.open import file_of
from interlock.terminal.screen import Line, Screen, discard_unwritten
from interlock.terminal.terminal import Terminal

if TYPE_CHECKING:
    from interlock.cli.remote import Followed
    from interlock.client import RemoteClient

T = TypeVar("T")
SERVER = "INTERLOCK_SERVER"
DEMO = "demo"


@dataclass(slots=True)
class Session:
    """One command at work.

    Args:
        screen: where people read; the standard error if the standard output is for a program.
        stop: set when the person, or the system, wants the command to end.
        plays: whether the person may act as others: in a demo database, unless one of them was named.
        prefix: how a command in a hint begins.
        here: the system that is open in this process; None at a server.
        remote, followed: at a server, its client, and its log as it grows.
    """

    here: System | None
    principal: Principal
    screen: Screen
    terminal: Terminal
    as_json: bool = False
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    plays: bool = False
    prefix: str = "interlock"
    remote: RemoteClient | None = None
    followed: Followed | None = None

    def hint(self, command: str, lead: str = "") -> None:
        """Name a command that can be pasted as it stands, behind what it is for, or below that if there is no room."""
        shown = plain(f"{self.prefix} {command}")
        if lead and self.screen.width is not None and cells(f"{lead} {shown}") > self.screen.width:
            self.tell(lead, "dim")
            lead = ""
        self.screen.show(Line(f"{lead} {shown}", "dim", whole=True) if lead else Line(shown, "", "  ", whole=True))

    @property
    def system(self) -> System:
        """The system that is open in this process; raise `BadInput` at a server."""
        if self.here is None:
            raise BadInput("A server does not tell that: run the command where its database is, without --server.")
        return self.here

    @property
    def local(self) -> Client:
        """What whoever is at it reads and does in a database; raise `BadInput` at a server."""
        return self.system.client(self.principal)

    @property
    def client(self) -> Client | RemoteClient:
        """What whoever is at it reads and does, here or at a server: the same functions."""
        return self.local if self.remote is None else self.remote

    @property
    def waker(self) -> Waker | Followed:
        """What tells that something has changed."""
        return self.system.waker if self.followed is None else self.followed

    async def position(self) -> str:
        """Return where the log ends now: `entries_since` tells what comes after it."""
        return await (self.local.last_position() if self.followed is None else self.followed.begin())

    def entries_since(self, position: str) -> AsyncGenerator[Entry, None]:
        """Read the log after a position, as far as it goes now."""
        return self.local.log(position) if self.followed is None else self.followed.since(position)

    def acting_as(self, person: str) -> Session:
        """Return this session with another person at it, shown and logged as such."""
        self.screen.say(f"Acting as {person}, which a demo database allows.", "warn")
        via = f"{ACTS_AS}{person} by {self.principal.id}"
        return replace(self, principal=Principal(person, "person", LOCAL_TENANT, via))

    def write(self, document: object) -> None:
        """Write one JSON document in one line, or nothing if nobody asked for JSON."""
        if self.as_json:
            self.screen.put(sys.stdout, json_line(document))

    def tell(self, text: str, style: str = "") -> None:
        """Say a sentence to whoever runs the command."""
        self.screen.say(text, style)

    def tell_of_more(self, cursor: str | None, limit: int) -> None:
        """Say how to get the rest of the list."""
        if cursor is not None:
            self.tell(f"There are more than {limit}: --limit shows them.", "warn")

    def show_table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows of harmless text in columns, unless a program reads."""
        self.show(*table(head, rows, self.screen.width))

    def show(self, *lines: Line | str) -> None:
        """Show lines, unless a program reads."""
        if not self.as_json:
            self.screen.show(*lines)


def server_of(root: Root) -> str | None:
    """Return the server that is meant; None: a database here. What stands on the command line goes first."""
    if root.server is not None:
        return root.server or None
    here = root.config is not None or root.database is not None
    return None if here else os.environ.get(SERVER) or None


def settings_of(root: Root) -> Settings:
    """Read the configuration that the options before the command name."""
    environ = dict(os.environ)
    if root.database == "":
        raise BadInput("--database is empty: name a file or an address, or omit it.")
    if root.database is not None:
        environ["INTERLOCK_DATABASE_URL"] = root.database
    settings = load_settings(root.config, environ)
    if root.database is not None and settings.database.fixed:
        raise BadInput("--database cannot be used with this configuration, whose database is fixed: omit one.")
    return settings


def storeless(root: Root) -> Settings:
    """Read the configuration for a command that looks at no request and no run, and makes no database."""
    settings = settings_of(root)
    return settings.model_copy(update={"database": DatabaseSettings(url="memory:")})


def execute(
    ctx: typer.Context,
    work: Callable[[Session], Awaitable[int | None]],
    *,
    as_json: bool = False,
    person: str | None = None,
    settings: Settings | None = None,
    screen: Screen | None = None,
    note: tuple[str, str] | None = None,
    create: bool = True,
    config: str | None = None,
    observer: Observer | None = None,
    remote: bool = False,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Do the work of a command, and end with its exit code.

    Args:
        remote: whether it can be done at a server; any other command says that it cannot.
        note: a fact to keep about the database, before anything else.
        create: whether to make the database where there is none; not for who looks for what is there.
        config: the file that commands in hints name, if it is not the one of this command line.
        observer: is told of each commit.
        loop_factory: makes the event loop, if it is not asyncio's own.
    """
    root = ctx.obj
    server = _server_for(ctx, remote=remote, person=person)
    ready = _ready(root, server, settings, person=person, note=note, create=create, observer=observer)
    prefix = command_prefix(config or root.config, None if config else root.database, root.server)
    if config is not None:
        root.config, root.database = config, None  # which an error's sentence names, too
    shown = screen or Screen.on(sys.stderr if as_json else sys.stdout)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        code = runner.run(_done(work, ready(shown, as_json=as_json), prefix))
    if shown.drops:
        discard_unwritten()
    raise typer.Exit(code)


async def _done(
    work: Callable[[Session], Awaitable[int | None]],
    opened: contextlib.AbstractAsyncContextManager[Session],
    prefix: str,
) -> int:
    if not os.environ.get("INTERLOCK_DEBUG"):  # an agent may end the process in the middle of others' work
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    async with opened as session:
        return await work(replace(session, prefix=prefix)) or Exit.ok


def check_here(ctx: typer.Context) -> None:
    """Refuse, with `BadInput`, a command at a server that works where the database is."""
    if server_of(ctx.obj) is not None:
        raise BadInput(
            f"The command {ctx.command_path.partition(' ')[2]!r} works where the database is, and not at a server: "
            f"leave --server out, or unset {SERVER}."
        )


def _server_for(ctx: typer.Context, *, remote: bool, person: str | None) -> str | None:
    """Return the server that a command is for, if it can be done at one."""
    server = server_of(ctx.obj)
    if not remote:
        check_here(ctx)
    if server is not None and person is not None:
        raise Forbidden("--as is for demo databases: at a server, you are who has signed in.")
    return server


def _ready(
    root: Root, server: str | None, settings: Settings | None, **options: Any
) -> Callable[..., contextlib.AbstractAsyncContextManager[Session]]:
    """Return what opens a session, here or at a server."""
    if server is None:
        return partial(opened, settings or settings_of(root), **options)
    from interlock.cli.remote import opened_at  # noqa: PLC0415 - most commands are no commands at a server

    return partial(opened_at, server)


@contextlib.asynccontextmanager
async def opened(
    settings: Settings,
    screen: Screen,
    *,
    as_json: bool = False,
    person: str | None = None,
    note: tuple[str, str] | None = None,
    create: bool = True,
    observer: Observer | None = None,
) -> AsyncIterator[Session]:
    """Open the system for one command."""
    system = build(settings, AGENTS, create=create, observer=observer)
    try:
        if note is not None:
            await system.store.note(*note)
        demo = await system.store.note(DEMO) == "yes"
        if demo:
            keep_effects_beside(settings)
        terminal = Terminal.here(screen, shown_on_terminal=screen.width is not None)
        local = local_person()
        principal = Principal(local, "person", LOCAL_TENANT, "terminal")
        session = Session(system, principal, screen, terminal, as_json, plays=demo and person is None)
        if person is not None:
            _check_played(person, local, demo=demo)
            session = session.acting_as(person)
        yield session
    finally:
        await system.close()


def keep_effects_beside(settings: Settings) -> None:
    """Let agents send mail, pay and file beside a demo's database."""
    # One approval is one mail in one maildir, one line in one ledger: whoever carries a demo's run on uses the demo's.
    folder = file_of(settings.database_url).parent
    for variable, name in (("MAILDIR", "mail"), ("LEDGER", "ledger.jsonl"), ("REPORTS", "reports")):
        if not os.environ.get(f"INTERLOCK_{variable}"):
            os.environ[f"INTERLOCK_{variable}"] = str(folder / name)


def _check_played(person: str, local: str, *, demo: bool) -> None:
    if not demo:
        raise Forbidden(
            "--as is for demo databases only: here, you are whom the operating system says you are "
            f"({local}). `interlock demo` makes one."
        )
    if not person.strip() or not person.isprintable():
        raise BadInput("--as needs the id of a person, such as mia@example.com.")


@contextlib.contextmanager
def interruptible(session: Session) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP ask for an end; a second one ends the process at once.

    Not a second SIGHUP: a terminal that is closed may send it twice, by its shell and by the system. A process that was
    started to outlive its terminal, as by `nohup`, does.
    """
    loop = asyncio.get_running_loop()
    asked = session.stop.is_set()

    def ask(number: signal.Signals) -> None:
        nonlocal asked
        if number is signal.SIGHUP:
            session.screen.drops = True  # the terminal is gone
        elif asked:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        else:
            asked = True
        session.stop.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, ask, number)
    HANDLED.update(numbers)
    try:
        yield
    finally:
        HANDLED.clear()
        for number in numbers:
            loop.remove_signal_handler(number)


async def patiently(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """Do work that is not cut short; whoever asks for an end is told how it is had."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(session.stop.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        session.tell("Finishing what is under way; Ctrl-C again stops at once.", "warn")
    stop.cancel()
    return await task

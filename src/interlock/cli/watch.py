"""A person beside a run: sees what the agent does, is asked what it asks, follows what others decide."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from interlock.cli.errors import Exit
from interlock.cli.live import Live
from interlock.cli.run_status import closing, is_advancing, is_over, status_words, tell_hold, waiting, ways_on
from interlock.cli.session import Session
from interlock.domain.collaboration import (
    AskedBack,
    Clarified,
    ReservationEnded,
    Reserved,
    Snoozed,
    Viewed,
)
from interlock.domain.events import (
    Commented,
    Opened,
    RefusalNoted,
    Reminded,
    StepReached,
)
from interlock.domain.request import Request
from interlock.domain.run_events import AdvanceBegan, AttemptFailed, RunPaused, RunStarted
from interlock.engine.changes import Entry
from interlock.engine.watching import Streamed
from interlock.engine.worker import Worker
from interlock.errors import BadInput, Forbidden, InterlockError, Refused
from interlock.service.hostile_text import plain
from interlock.service.inline import Place, in_order, places
from interlock.service.log_reader import CutShort, unless
from interlock.service.replies import Reply, void_votes
from interlock.service.sentences import sentence
from interlock.service.shapes import entry_shape, request_shape, run_view_shape
from interlock.service.views import RequestView
from interlock.terminal.presentation import present
from interlock.terminal.prompts import MEANS
from interlock.terminal.reply import Skipped, read_reply
from interlock.terminal.terminal import EndOfInput

QUIT = "quit"
LOOK_AGAIN = 5.0
SHORTEST = 0.2

BESIDE = Commented | Viewed | Reserved | ReservationEnded | Snoozed | AskedBack | Clarified | RefusalNoted | Reminded
"""What changes nothing of what somebody is about to decide."""


@dataclass(slots=True)
class Narrator:
    """Tells what others do with a run: whatever its log holds after a position, and was not done here."""

    session: Session
    run_id: str
    position: str
    streams: set[str] = field(default_factory=set)
    mine: set[tuple[str, int]] = field(default_factory=set)
    advanced_here: bool = True

    def did(self, before: Request, after: Request) -> None:
        """Note which entries are this person's own doing."""
        self.mine.update((before.id, seq) for seq in range(before.version + 1, after.version + 1))

    async def catch_up(self) -> None:
        """Tell what is new in the log."""
        async for entry in self.session.entries_since(self.position):
            self.position = entry.position
            if isinstance(entry.event, Opened) and entry.event.run_id == self.run_id:
                self.streams.add(entry.stream)
            if entry.stream == self.run_id or entry.stream in self.streams:
                self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        self.session.write({"event": "log", "entry": entry_shape(entry)})
        event = entry.event
        if isinstance(event, AdvanceBegan):
            here = event.worker.startswith(f"{_worker_name()}:")
            if not here:
                self.session.tell(f"— Another process ({event.worker}) carries the run on.", "dim")
            self.advanced_here = here
        elif isinstance(event, AttemptFailed):
            self.session.tell(f"— {sentence(entry)}", "warn")
        elif isinstance(event, Opened | StepReached | RunStarted | RunPaused | Viewed):
            return
        elif not (entry.by.startswith("agent:") and self.advanced_here) and (entry.stream, entry.seq) not in self.mine:
            self.session.tell(f"— {sentence(entry)}", "dim")


def _worker_name() -> str:
    return f"terminal-{os.getpid()}"


def narrated_worker(session: Session, run_id: str, *, updates: bool = False) -> Worker:
    """Return a worker for one run that shows what the agent does; with `updates`, what each node changes, too."""
    watcher = Live(session, updates=updates)
    complain = partial(session.tell, style="bad")
    return session.system.worker(name=_worker_name(), only=run_id, watcher=watcher, complain=complain)


class Attendant:
    """Attends a run, from where the log stood before it was started, until it ends or the person leaves it."""

    def __init__(self, session: Session, run_id: str, position: str, *, updates: bool = False) -> None:
        self._session = session
        self._run_id = run_id
        self._updates = updates
        self._narrator = Narrator(session, run_id, position)
        self._aside: set[tuple[str, str, int, int]] = set()
        self._later: set[tuple[str, str, int, int]] = set()

    async def attend(self) -> int:
        """Advance the run, ask, and follow; return the exit code."""
        stop = asyncio.Event()
        work = asyncio.create_task(self._advance(stop))
        try:
            while await self._look():
                if work.done():
                    work.result()
        finally:
            stop.set()
            await work
        await self._narrator.catch_up()
        view = await self._session.client.run(self._run_id)
        if is_over(view.run):
            return closing(self._session, view)
        self._session.write({"event": "waiting", "run": run_view_shape(view)})
        self._session.tell(f"Run {view.run.id} is left as it is: {status_words(view)}.", "warn")
        ways_on(self._session, view)
        return Exit.waiting

    async def _advance(self, stop: asyncio.Event) -> None:
        """Advance the run until it is stopped; at a server, its workers do."""
        if self._session.remote is None:
            await narrated_worker(self._session, self._run_id, updates=self._updates).run(stop)
        else:
            with suppress(CutShort):
                await unless(_shown(self._session, self._run_id), stop.wait())

    async def _look(self) -> bool:
        """See what there is to do, do it or wait; say whether there may be more."""
        session = self._session
        since = await session.waker.seen()
        await self._narrator.catch_up()
        view = await session.client.run(self._run_id)
        if is_over(view.run) or session.stop.is_set():
            return False
        place_of = places({view.run.id: [pending.request_id for pending in view.run.pause]})
        by_time = sorted(waiting(view), key=lambda request: (request.due_at or view.now, request.id))
        undecided = [request for request in in_order(by_time, place_of) if request.held_until is None]
        open_here = [request for request in undecided if _state_of(request) not in self._aside]
        if open_here and all(_state_of(request) in self._later for request in open_here):
            session.tell("Nothing else is asked: here is what you left for later. `quit` leaves it waiting.", "dim")
            self._later.clear()
        for request in open_here:
            if _state_of(request) not in self._later:
                return await self._ask(request, place_of.get(request.id))
        try:
            await unless(session.waker.wait(since, LOOK_AGAIN), session.stop.wait())
        except CutShort:
            if is_advancing(view):
                session.tell("Stopping after what is under way; Ctrl-C again stops at once.", "warn")
        return True

    async def _ask(self, request: Request, place: Place | None) -> bool:
        """Ask about one request; say whether the person stays."""
        session = self._session
        view = await session.client.request(request.id)
        session.write({"event": "request", "request": request_shape(view.request)})
        try:
            if view.excluded is not None:
                chosen = await self._play(view)
                if chosen is None:
                    return True
                session = session.acting_as(chosen)
                view = await session.client.request(request.id)
            if view.on_behalf_of is not None:
                session.tell(f"You vote for {view.on_behalf_of}.", "warn")
            reply = await unless(
                read_reply(session.terminal, view, place), changed(session, view, self._narrator), session.stop.wait()
            )
        except EndOfInput:
            return False
        except CutShort:
            return True
        if reply is None:
            return False
        if isinstance(reply, Skipped):
            self._later.add(_state_of(request))
        else:
            await self._vote(session, view.request, reply)
        return True

    async def _vote(self, session: Session, request: Request, reply: Reply) -> None:
        try:
            after = await session.client.cast(reply)
        except (Refused, BadInput) as refusal:
            session.tell(refusal.message, "warn")
            if isinstance(refusal, Forbidden):
                self._aside.add(_state_of(request))
            return
        self._narrator.did(request, after)
        if void := void_votes(request, after):
            session.tell(void, "warn")
        if after.held_until is not None:
            tell_hold(session, after)
        elif after.is_open:
            session.tell("Your vote is recorded; it is not decided yet.", "dim")

    async def _play(self, view: RequestView) -> str | None:
        """Ask as whom of those who may decide the person wants to act; None if as nobody, who then follows."""
        session = self._session
        people = list(view.candidates.people) if session.plays else []
        if not people:
            self._aside.add(_state_of(view.request))
            session.show(*present(view, full=True).lines)
            session.tell(f"You may not decide on it: {view.excluded}. Waiting for others; Ctrl-C leaves it.", "warn")
            return None
        session.tell(f"You may not decide on it: {view.excluded}. In this demo you may play who may.", "dim")
        words = {person: person for person in people} | {QUIT: QUIT}
        prompt = f"Act as ({'/'.join(map(plain, people))}/{QUIT}): "
        means = {person: f"decide as {plain(person)}" for person in people} | {QUIT: MEANS[QUIT]}
        chosen = await unless(
            session.terminal.choose(prompt, words, means), changed(session, view, self._narrator), session.stop.wait()
        )
        if chosen == QUIT:
            raise EndOfInput
        return chosen


async def _shown(session: Session, run_id: str) -> None:
    """Show what an agent does at a server until its run ends: beside the log, of which the narrator tells."""
    live = Live(session)
    assert session.remote is not None
    with suppress(InterlockError):  # the log is followed all the same, and says why it cannot be
        async for seen in session.remote.watch(run_id):
            match seen:
                case Streamed():
                    live.streamed(seen)
                case Entry():
                    pass
                case said:
                    live.said(said.run_id, said.text)


async def changed(session: Session, view: RequestView, narrator: Narrator | None = None) -> None:
    """Return when a request is no longer what this view shows; refusals of others and reminders are only told."""
    shown = view.request
    while True:
        since = await session.waker.seen()
        looked = await session.client.request(shown.id)
        now = looked.request
        if session.remote is None and now.wake_at is not None and looked.now >= now.wake_at:
            await session.local.sweep()  # its commit is seen below, without a wait
        if now.version != shown.version:
            entries = (await session.client.history(shown.id))[shown.version :]
            if not all(isinstance(entry.event, BESIDE) for entry in entries):
                return
            if narrator is not None:
                await narrator.catch_up()
        left = LOOK_AGAIN if now.wake_at is None else (now.wake_at - looked.now).total_seconds()
        await session.waker.wait(since, min(LOOK_AGAIN, max(SHORTEST, left)))


async def until_it_rests(session: Session, run_id: str) -> None:
    """Return when a run waits for people or is over, or when the person wants to leave."""
    while not session.stop.is_set():
        since = await session.waker.seen()
        view = await session.client.run(run_id)
        if is_over(view.run) or waiting(view):
            return
        with suppress(CutShort):
            await unless(session.waker.wait(since, LOOK_AGAIN), session.stop.wait())


def _state_of(request: Request) -> tuple[str, str, int, int]:
    """Return what must change before somebody who may not decide is asked again."""
    return request.id, request.digest, request.step, len(request.escalated)

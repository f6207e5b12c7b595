"""One real system under test, and a person who starts agents, decides, and lets time pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.domain.action import Subject, Verdict
from interlock.domain.canonical import Json
from interlock.domain.commands import CastVote, SettleEffect
from interlock.domain.events import Opened
from interlock.domain.request import Request
from interlock.domain.run import Run
from interlock.engine.changes import RunRecord
from interlock.engine.ports.store import RequestFilter
from interlock.engine.watching import Lines
from interlock.service.components import Components
from interlock.testing.fakes import SettableClock
from interlock.testing.invariants import assert_invariants, whole_log
from interlock.testing.people import principal

ROUNDS = 50


class Story:
    """Drives a system of `interlock.bootstrap.build`, with its clock, from end to end, as one person: `me`."""

    def __init__(self, system: Components, clock: SettableClock, me: str = "local:me") -> None:
        self.system = system
        self.store = system.store
        self.clock = clock
        self.me = principal(me)
        self.shown: list[str] = []

    async def start(self, reference: str, input_: Json = None, **given: Json) -> str:
        """Start an agent, with its `context` and `configurable`; carry it on as far as it goes; return its run's id."""
        name = reference.rpartition(":")[2]
        run = await self.system.runs.start(name, reference, {} if input_ is None else input_, self.me, **given)
        await self.drain()
        return run.id

    async def drain(self) -> int:
        """Carry out everything that is due."""
        return await self.system.worker(watcher=Lines(lambda _, text: self.shown.append(text))).drain()

    async def later(self, **by: float) -> None:
        """Let time pass, given like the arguments of `timedelta`, and carry out what is due then."""
        self.clock.advance(**by)
        await self.drain()

    async def record(self, run_id: str) -> RunRecord:
        """Return a run with its state and its lease."""
        record = (await self.store.load(self.me.tenant, run_id=run_id)).run
        assert record is not None, f"there is no run {run_id}"
        return record

    async def run(self, run_id: str) -> Run:
        """Return a run as it stands."""
        return (await self.record(run_id)).run

    async def request(self, request_id: str) -> Request:
        """Return a request as it stands."""
        return (await self.store.load(self.me.tenant, [request_id])).requests[request_id]

    async def open(self, run_id: str | None = None) -> Sequence[Request]:
        """Return the open requests, of one run or of all."""
        return await self.store.requests(self.me.tenant, RequestFilter(run_id=run_id), limit=1_000)

    async def asked(self, run_id: str | None = None) -> Request:
        """Return the one open request."""
        found = await self.open(run_id)
        assert len(found) == 1, f"{len(found)} requests are open: {[request.asked for request in found]}"
        return found[0]

    async def every(self, run_id: str) -> Sequence[Request]:
        """Return all requests of a run, open or not, in the order in which they were asked."""
        entries = await whole_log(self.store, self.me.tenant)
        ids = [entry.stream for entry in entries if isinstance(entry.event, Opened) and entry.event.run_id == run_id]
        return [await self.request(request_id) for request_id in ids]

    async def types(self, stream: str) -> list[str]:
        """Return the types of the events of a request or run, in order."""
        return [entry.event.type for entry in await self.store.history(self.me.tenant, stream)]

    async def vote(  # noqa: PLR0913 - the parts of a vote
        self,
        request: Request,
        verdict: Verdict | str = Verdict.approve,
        comment: str = "",
        *,
        who: str | None = None,
        subject: Subject | None = None,
        answer: Json = None,
    ) -> Request:
        """Vote on a request as it was given; nothing is carried out by that yet."""
        command = CastVote(request.id, Verdict(verdict), request.digest, comment, subject, answer)
        return await self.system.desk.handle(command, self.me if who is None else principal(who))

    async def decide(self, request: Request, verdict: Verdict | str = Verdict.approve, comment: str = "") -> Request:
        """Vote on a request, and carry out what follows."""
        after = await self.vote(request, verdict, comment)
        await self.drain()
        return after

    async def settle(self, request_id: str, became: Any, result: Json = None) -> Request:
        """Say what became of an unknown effect, and carry out what follows."""
        after = await self.system.desk.handle(SettleEffect(request_id, became, result, "I looked"), self.me)
        await self.drain()
        return after

    async def retry(self, run_id: str) -> Run:
        """Let a run that needs attention go on, and carry it on."""
        await self.system.runs.retry(run_id, self.me)
        await self.drain()
        return await self.run(run_id)

    async def approve_all(self, run_id: str) -> Run:
        """Approve whatever a run asks until it asks nothing more."""
        for _ in range(ROUNDS):
            await self.drain()
            waiting = await self.open(run_id)
            if not waiting:
                return await self.run(run_id)
            for request in waiting:
                await self.vote(request)
        raise AssertionError(f"{run_id} asks for ever")

    async def assert_invariants(self) -> None:
        """Check the whole store. See `interlock.testing.invariants`."""
        await assert_invariants(self.store, self.me.tenant)

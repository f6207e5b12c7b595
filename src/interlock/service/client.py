"""What one principal reads and does: the same from a terminal, a script, a web page or a message."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from interlock.domain.authority import Principal
from interlock.domain.canonical import Json
from interlock.domain.delivery import Delivery
from interlock.domain.run import Run
from interlock.domain.statistics import Every
from interlock.engine.changes import Entry
from interlock.engine.deadlines import sweep
from interlock.engine.ports.store import RequestFilter
from interlock.engine.recall import recall
from interlock.engine.states import kept_state
from interlock.engine.threads import checked_name
from interlock.engine.watching import NOBODY, Watcher
from interlock.learning.recalling import RecalledDecisions
from interlock.learning.selection import Selection
from interlock.service.cost import CostReport, cost_report
from interlock.service.datasets import export_dataset
from interlock.service.deliveries import send_again
from interlock.service.log_reader import Reader
from interlock.service.request_client import RequestClient
from interlock.service.run_views import RunView
from interlock.service.statistics import LAST

LOOKED_AT = 50
"""How many of the newest runs are searched for another agent of this name; all requests are searched as well."""


class Client(RequestClient):
    """API of one principal: read, vote, start and advance runs.

    Ids are whole; `resolve` finds the one that begins like this. Whoever votes names the digest of what was shown (its
    first 12 digits are enough), or None for whatever stands there, which the log says; `WrongDigest` is raised if
    something else stands there.

    Every method may raise, beside what it names: `NotFound`; `Refused`, of which the log then speaks, with the reason;
    `RecordAltered`; `Conflict`, if others were faster many times in a row; `StoreUnavailable`.

    Args:
        system: its components; one system serves many clients.
        principal: who reads and acts.
        key: an idempotency key, for one call. See `keyed`.
        notes_views: whoever reads a request has seen it. See `unseen`.
        at_hand: requests by id, each with its log, as they were read; each is used once, by the first vote on it.
    """

    def keyed(self, key: str | None) -> Client:
        """Return the same for one call with an idempotency key: made again with it, it does nothing that it has done.

        What it is good for: votes, all else that is said to a request, and whatever starts or changes runs.
        """
        return Client(self.system, self.principal, key=key, notes_views=self._notes_views, at_hand=self._at_hand)

    def unseen(self) -> Client:
        """Return the same for a front end that shows nothing of the requests that it reads: nobody has seen them."""
        return Client(self.system, self.principal, key=self.key, notes_views=False)

    def acting_as(self, principal: Principal) -> Client:
        """Return the same for somebody else, as a front end does that knows its people."""
        return Client(self.system, principal)

    # ── the log, as it grows ──

    def follow(self, after: str | None = None, *, stop: asyncio.Event | None = None) -> AsyncGenerator[Entry, None]:
        """Read the log as it grows: after a position of it, "" for its beginning; by default what comes from now on.

        Args:
            stop: ends it when it is set.
        """
        return Reader(self._store, self.system.waker, self.principal.tenant, stop or asyncio.Event()).entries(after)

    # ── what was learnt ──

    def export_dataset(self, selection: Selection) -> AsyncGenerator[bytes, None]:
        """Return past decisions as training data: an archive (tar) of rows, manifest and card, in parts.

        In it is what people decided on requests of agents whose configuration allows it (`learning`). The same
        selection of the same log comes to the same bytes. The log says that it was exported.

        Raises:
            Forbidden: if the principal is no auditor, and no admin.
            BadInput: if `since` or `until` is no time.
        """
        return export_dataset(self.system, self.principal, selection, self.key)

    async def cost(self, *, every: Every | None = None, since: str = LAST, until: str | None = None) -> CostReport:
        """Reckon what waiting for people has cost in a span of time, and would have cost held in a process.

        Args:
            every: the periods that are told apart as well.
            since, until: moments (`2026-11-01T00:00:00Z`), or durations back from now (`30d`).

        Raises:
            BadInput: if it is no time, or the configured file of prices cannot be used.
        """
        prices = self.system.directories.configured().prices
        return await cost_report(self._store, self._tenant, prices, since=since, until=until, every=every)

    async def recall(
        self, agent: str, action: str, like: Mapping[str, Json] | None = None, *, most: int = 3
    ) -> RecalledDecisions:
        """Return what people decided on an action of an agent, the most alike first. See `interlock.recall`."""
        consent = self.system.directories.configured().consent_of(agent)
        return await recall(self._store, self._tenant, consent, agent=agent, action=action, like=like, most=most)

    # ── runs ──

    async def start(  # noqa: PLR0913 - what a run is started with
        self,
        agent: str,
        given: Json,
        *,
        raw: bool = False,
        context: Json = None,
        configurable: Json = None,
        thread: str | None = None,
    ) -> Run:
        """Start an agent; return the run as it was started. A worker carries it on: here, `advance` is one.

        Args:
            agent: its name, or `module:attribute`, `file.py:attribute`, `langgraph.json:name`.
            given: a text, which becomes the graph's input; or the graph's input itself.
            raw: the input is the graph's own though it is a text.
            context, configurable: objects for LangGraph. They are recorded: no secrets.
            thread: the conversation that it continues.

        Raises:
            InvalidAgent: if there is no such agent, or it cannot be loaded here.
            BadInput: if it does not take this input, context or configurable.
            Closed: if another run of the thread has not ended.
        """
        if thread is not None:
            checked_name(thread)
        name, reference = await self._name_and_reference(agent)
        input_ = await self.system.agents.admit(
            name, reference, given, self.principal.id, raw=raw, context=context, configurable=configurable
        )
        return await self.system.runs.start(
            name,
            reference,
            input_,
            self.principal,
            context=context,
            configurable=configurable,
            thread=thread,
            key=self.key,
        )

    async def _name_and_reference(self, given: str) -> tuple[str, str]:
        """Return the name, which people see and policies know, and the importable reference of an agent.

        An agent of another file that is known here by the same name keeps it; this one is called with its folder.
        """
        agents = self.system.agents
        name, reference = agents.reference(given)
        if name in agents.names or not reference.rpartition(":")[0].endswith(".py"):
            return name, reference
        others = {run.agent async for run in self.runs(limit=LOOKED_AT) if run.reference != reference} | {*agents.names}
        for candidate in agents.possible_names(reference):
            if candidate not in others and not await self._asked(candidate, reference):
                return candidate, reference
        return reference, reference

    async def _asked(self, name: str, reference: str) -> bool:
        """Say whether an agent of another reference was the last to ask somebody something under this name."""
        async for request in self.requests(RequestFilter(statuses=(), agent=name), limit=1):
            return not request.run_id or (await self.run(request.run_id)).run.reference != reference
        return False

    async def fork(self, run_id: str, *, pause: int | None = None, changes: Mapping[str, Json] | None = None) -> Run:
        """Start a new run from a pause of another. See `interlock.engine.runs.Runs.fork`."""
        return await self.system.runs.fork(run_id, self.principal, pause=pause, changes=changes, key=self.key)

    async def cancel(self, run_id: str, *, reason: str = "") -> Run:
        """End a run; its open requests are withdrawn. A run that has ended raises `Closed`."""
        return await self.system.runs.cancel(run_id, self.principal, reason, key=self.key)

    async def retry(self, run_id: str) -> Run:
        """Let a run that needs attention go on; any other raises `Closed`."""
        return await self.system.runs.retry(run_id, self.principal, key=self.key)

    async def accept_version(self, run_id: str) -> Run:
        """Say that the agent as it is now may go on with what an earlier version of it left.

        Raises:
            Closed: if the run does not need attention.
            InvalidAgent: if the agent cannot be loaded here.
        """
        return await self.system.runs.accept_version(run_id, self.principal, key=self.key)

    async def advance(self, run_id: str, *, watcher: Watcher = NOBODY) -> RunView:
        """Carry a run on in this process, as far as it goes now; return where it stands then.

        It is `running` then if another process, or another call, has it; `queued` if an attempt has failed that is made
        again later. Whoever is interrupted leaves the run to its lease: nobody takes it up for 30 seconds.

        Args:
            watcher: is told what the agent does meanwhile.
        """
        await self.run(run_id)  # which is refused where there is none in this tenant
        name = f"{self.principal.via}-{os.getpid()}"
        await self.system.worker(name=name, only=run_id, watcher=watcher).drain()
        return await self.run(run_id)

    async def state(self, run_id: str, pause: int | None = None) -> dict[str, Json]:
        """Return what a kept state of a run holds, as JSON: `values`, those of sub-graphs, and of which pause it is.

        Args:
            pause: from 1; by default the last one, or the end. What is not kept raises `NotFound`.
        """
        kept = await kept_state(self._store, self.principal.tenant, run_id, pause)
        shown = await self.system.runtime.read(kept.run, kept.state)
        assert isinstance(shown, dict)
        return {"of": kept.where, "pause": kept.pause, **shown}

    async def snapshot(self, run_id: str, pause: int | None = None) -> Any:
        """Return a kept state of a run as LangGraph's own `StateSnapshot`: its values are what the graph has.

        Raises:
            InvalidAgent: if the agent cannot be loaded here.
        """
        kept = await kept_state(self._store, self.principal.tenant, run_id, pause)
        return await self.system.runtime.snapshot(kept.run, kept.state)

    async def send_again(self, delivery_id: str) -> Delivery:
        """Let a message be sent anew, whatever became of it. One that waits to be sent raises `Closed`."""
        return await send_again(self._store, self.principal.tenant, delivery_id)

    async def sweep(self) -> int:
        """Remind, escalate and expire what is due, in all tenants, as a worker does; return for how many requests."""
        return await sweep(self._store, self.system.desk)

    async def delete_states(self, thread: str) -> int:
        """Delete the states that a thread's runs have left; the log stays. Return of how many runs.

        A thread of which a run has not ended raises `Closed`.
        """
        directory = await self._directories.directory(self.principal.tenant)
        return await self.system.runs.threads.delete(thread, self.principal, directory)

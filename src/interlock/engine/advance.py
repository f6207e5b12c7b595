"""One advance, as the runtime sees it: its run, its requests, and the effect ledger."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from interlock.domain.authority import Principal
from interlock.domain.canonical import Json
from interlock.domain.commands import ClaimEffect, RecordEffect
from interlock.domain.request import Repeatable, Reported, Request
from interlock.domain.run_events import StepKept
from interlock.engine.advance_start import AdvanceStart
from interlock.engine.changes import FRESH, Actor, Changes, Lease, RunChange, RunRecord
from interlock.engine.desk import Desk
from interlock.engine.integrity import digest_of_state, verified, verified_request
from interlock.engine.ports.store import Store
from interlock.engine.recall import recall
from interlock.engine.results import KnownResult, Results
from interlock.errors import AdvanceOvertaken, Conflict, EffectRefused, NotInTime, StoreUnavailable
from interlock.failpoints import failpoint
from interlock.learning.recalling import RecalledDecisions


class HeldAdvance:
    """An advance that holds its run. Implements the port `Advance`."""

    record: RunRecord

    def __init__(self, store: Store, desk: Desk, results: Results, start: AdvanceStart) -> None:
        record = start.taken.seen.run
        assert record is not None
        self.record = record
        self.taken = start.taken
        self._store = store
        self._known = dict(start.known)  # compared with their logs; changed since only by this advance
        self._desk = desk
        self._agent = Principal(f"agent:{record.run.agent}", "agent", record.run.tenant, "run")
        self._held_until = start.held_until
        self._results = results
        # Claims are fenced by this version: keeping steps does not make this another advance.
        self._version = start.taken.fence.version
        self._length = timedelta(0) if record.lease is None else record.lease.until - start.taken.seen.now

    def extended(self, held_until: float) -> None:
        """Note the new end of the lease, by this machine's monotonic clock."""
        self._held_until = held_until

    def is_held(self) -> bool:
        """Say whether the lease still runs by this machine's monotonic clock."""
        return time.monotonic() < self._held_until

    async def requests(self, ids: Iterable[str]) -> Mapping[str, Request]:
        """Read requests of this run."""
        wanted = tuple(ids)
        seen = self.taken.seen
        if not set(wanted) <= seen.logs.keys():  # older than those for which its pause waits
            seen = await self._store.load(self.taken.tenant, wanted)
        for key in wanted:
            request = seen.requests.get(key)
            if key not in self._known and request is not None and request.run_id == self.record.run.id:
                # The graph acts on the decision, gated or not, so the decision must be what the log says.
                self._known[key] = verified_request(request, seen.logs[key])
        return {key: self._known[key] for key in wanted if key in self._known}

    async def claim(self, request_id: str, digest: str, tool: str, repeatable: Repeatable) -> Request:
        """Begin an effect. See the port."""
        command = ClaimEffect(request_id, digest, tool, self._version, repeatable)
        unanswered = False  # the store may have committed what it could not acknowledge

        async def attempt() -> Request:
            nonlocal unanswered
            try:
                return await self._claim_once(command)
            except StoreUnavailable:
                unanswered = True
                raise
            except EffectRefused:
                made = unanswered and await self._made(command)
                if not made:
                    raise
                return made  # this advance has claimed it, and nobody else: its tool has not been called yet

        request = await self._results.patience.outlast(f"The claim of {request_id}", attempt)
        self._known[request_id] = request
        failpoint("effect.claimed")
        return request

    async def record_effect(
        self, request_id: str, attempt: int, state: Reported, result: Json = None, reason: str = ""
    ) -> Request:
        """Record what became of an attempt. See the port."""
        command = RecordEffect(request_id, attempt, state, result, reason)
        known = self._known.pop(request_id, None)
        request = await self._results.record(KnownResult(self.taken.tenant, self._agent.id, command), known)
        failpoint("effect.recorded")
        return request

    async def recall(self, action: str, like: Mapping[str, Json] | None, most: int) -> RecalledDecisions:
        """Return what people decided on an action of this agent before. See the port."""
        agent = self.record.run.agent
        consent = self._desk.consent_of(agent)
        return await recall(self._store, self.taken.tenant, consent, agent=agent, action=action, like=like, most=most)

    async def keep_step(self, state: bytes, agent_version: str) -> None:
        """Keep the state after a step. See the port."""
        fence = self.taken.fence
        await self._results.patience.outlast(f"A step of {fence.run_id}", lambda: self._keep_once(state, agent_version))
        failpoint("step.kept")

    async def _keep_once(self, state: bytes, agent_version: str) -> None:
        taken, asked = self.taken, time.monotonic()
        record, now = taken.seen.run, await self._store.now()
        assert record is not None
        lease = Lease(taken.fence.owner, now + self._length)
        event = StepKept(digest_of_state(state), agent_version, now)
        change = RunChange.of(record.run, event, state=state, lease=lease)
        actor = Actor(self._agent.id, "run")
        try:
            await self._store.commit(Changes(taken.tenant, actor, run=change, fence=taken.fence, before=now + FRESH))
        except NotInTime as late:
            raise StoreUnavailable(f"A step of {taken.fence.run_id} took too long to be kept.") from late
        except Conflict:
            raise AdvanceOvertaken(taken.fence.run_id) from None
        self.extended(asked + self._length.total_seconds())
        seen = replace(taken.seen, run=RunRecord(change.after, state, lease))
        self.taken = replace(taken, fence=replace(taken.fence, version=change.after.version), seen=seen)

    async def _claim_once(self, command: ClaimEffect) -> Request:
        known = self._known.pop(command.request_id, None)
        if known is None or known.claim is not None:  # an earlier attempt may have left a result that nobody recorded
            await self._results.take_in(command.request_id)
            known = None
        # Not read again, because the claim is committed only at the version that was compared with the log.
        return await self._desk.handle(command, self._agent, fence=self.taken.fence, known=known)

    async def _made(self, command: ClaimEffect) -> Request | None:
        """Return the request as it is now, compared with its log, if it has this claim."""
        loaded = verified(await self._store.load(self.taken.tenant, [command.request_id]))
        request = loaded.requests[command.request_id]
        return request if request.claim is not None and request.claim.run_version == command.run_version else None

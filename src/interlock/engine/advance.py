"""One advance, as the runtime sees it: its run, its requests, and the effect ledger."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Literal

from interlock.domain.authority import Principal
from interlock.domain.canonical import Json
from interlock.domain.commands import ClaimEffect, RecordEffect
from interlock.domain.request import Request
from interlock.engine.changes import RunRecord
from interlock.engine.desk import Desk, Held
from interlock.engine.integrity import verified_request
from interlock.engine.ports import Store
from interlock.failpoints import failpoint

__all__ = ["HeldAdvance"]


class HeldAdvance:
    """An advance that holds its run. Implements the port `Advance`.

    Args:
        held_until: until when the lease runs, by this machine's monotonic clock.
        known: requests that were compared with their logs, and only changed by this process since.
    """

    record: RunRecord

    def __init__(self, store: Store, desk: Desk, held: Held, held_until: float, known: Mapping[str, Request]) -> None:
        record = held.seen.run
        assert record is not None
        self.record = record
        self.held = held
        self._store = store
        self._known = dict(known)
        self._desk = desk
        self._agent = Principal(f"agent:{record.run.agent}", "agent", record.run.tenant, "run")
        self._held_until = held_until

    def extended(self, held_until: float) -> None:
        """Note until when the lease runs now, by this machine's monotonic clock."""
        self._held_until = held_until

    def is_held(self) -> bool:
        """Say whether the lease still runs by this machine's monotonic clock."""
        return time.monotonic() < self._held_until

    async def requests(self, ids: Iterable[str]) -> Mapping[str, Request]:
        """Read requests of this run."""
        wanted = tuple(ids)
        seen = self.held.seen
        if not set(wanted) <= seen.logs.keys():  # the run was read with what its pause waits for; these are older
            seen = await self._store.load(self.held.tenant, wanted)
        for key in wanted:
            request = seen.requests.get(key)
            if key not in self._known and request is not None and request.run_id == self.record.run.id:
                # The graph goes on by what was decided, gated or not: it must be what the log says.
                self._known[key] = verified_request(request, seen.logs[key])
        return {key: self._known[key] for key in wanted if key in self._known}

    async def claim(
        self, request_id: str, digest: str, tool: str, repeatable: Literal["idempotent", "verifiable", "no"]
    ) -> Request:
        """Begin an effect. See the port."""
        command = ClaimEffect(request_id, digest, tool, self.held.hold.version, repeatable)
        # Not read again: the claim is committed only at the version that was compared with the log, and over its row.
        known = self._known.pop(request_id, None)
        request = await self._desk.handle(command, self._agent, hold=self.held.hold, known=known)
        self._known[request_id] = request
        failpoint("effect.claimed")
        return request

    async def record_effect(
        self,
        request_id: str,
        attempt: int,
        state: Literal["executed", "failed", "unknown"],
        result: Json = None,
        reason: str = "",
    ) -> Request:
        """Record what became of an attempt. See the port."""
        command = RecordEffect(request_id, attempt, state, result, reason)
        request = await self._desk.handle(command, self._agent, known=self._known.pop(request_id, None))
        failpoint("effect.recorded")
        return request

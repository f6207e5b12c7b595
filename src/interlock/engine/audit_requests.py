"""Is every request what its log says, and can its log be whole?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial

from interlock.domain.inbox import acts_of
from interlock.domain.request import Request
from interlock.engine.alterations import BACKUP, OF_REQUEST, OF_RUN, REPAIR, WITHDRAW
from interlock.engine.audit_findings import UNREADABLE, Findings, iso, or_none, same
from interlock.engine.changes import Entry
from interlock.engine.codec import encode_request
from interlock.engine.integrity import deadlines_of, request_of_log
from interlock.engine.missing_entries import Key

__all__ = ["RequestAudit"]

BATCH = 100
CLOCK_ERROR = timedelta(seconds=10)


class RequestAudit:
    """Looks at requests."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._policies: dict[str, bool] = {}

    async def all(self) -> None:
        """Look at every request that has a row."""
        for tenant, ids in _batches(self._findings.found.requests):
            async for key, request, history in self._read(tenant, ids):
                if history is not None and (tenant, key) not in self._findings.strays:
                    look = self._request((tenant, key), request, history)
                    await self._findings.surely(look, partial(self._request_again, (tenant, key)))

    async def _read(
        self, tenant: str, ids: Sequence[str]
    ) -> AsyncIterator[tuple[str, Request | None, Sequence[Entry] | None]]:
        """Read requests with their logs; one by one where something among them cannot be read."""
        try:
            loaded = await self._findings.store.load(tenant, ids)
        except UNREADABLE:
            for key in ids:
                one = await or_none(self._findings.store.load(tenant, [key]))
                request = None if one is None else one.requests.get(key)
                yield key, request, one.logs[key] if one and request else await self._findings.history((tenant, key))
            return
        for key in ids:
            yield key, loaded.requests.get(key), loaded.logs.get(key)

    async def _request_again(self, key: Key) -> None:
        async for _, request, history in self._read(key[0], [key[1]]):
            if history is not None:
                await self._request(key, request, history)

    async def _request(self, key: Key, request: Request | None, history: Sequence[Entry]) -> None:
        if request is not None:
            self._findings.readable.add(key)
        logged = await self.of_log(key, history)
        if logged is None:
            return
        if request is None or not same(encode_request(request), encode_request(logged)):
            self._findings.add(f"The stored request {key[1]} is not what its log says.", REPAIR, key, "request")
        elif key in self._findings.found.places and self._findings.found.places[key] not in deadlines_of(history):
            self._findings.add(f"The row of {key[1]} keeps a deadline that it never had.", REPAIR, key, "request")
        elif not self._knows_who_acted(key, history):
            self._findings.add(
                f"Who is said to have voted on {key[1]}, or changed it, is not what its log says.",
                REPAIR,
                key,
                "request",
            )
        await self.as_it_stands(key, logged)

    def _knows_who_acted(self, key: Key, history: Sequence[Entry]) -> bool:
        """Say whether those by whom a request is found are those of its log, as it was when its row was read."""
        version = self._findings.found.own_versions.get(key)
        acts = acts_of(entry.event for entry in history[:version])
        found = dict(self._findings.found.participants.get(key, ()))
        return version is None or found == {person: at for person, at in acts.items() if "\0" not in person}

    async def as_it_stands(self, key: Key, logged: Request) -> None:
        """Look at what is wrong with a request that its log may say as well as its row."""
        if self._findings.evidence.is_left_open(logged):
            self._findings.add(
                f"{key[1]} is open, though its run has ended: it was altered then.", WITHDRAW, key, "left open"
            )
        elif logged.is_open and logged.step_since is not None and logged.step_since > self._findings.now + CLOCK_ERROR:
            self._findings.add(
                f"The present step of {key[1]} begins in the future, at {iso(logged.step_since)}, and ends at "
                f"{iso(logged.due_at)}: a clock was wrong.",
                "`interlock doctor --repair` lets it begin now",
                key,
                "clock",
            )
        await self._policy(key, logged)

    async def of_log(self, key: Key, history: Sequence[Entry]) -> Request | None:
        """Return what the log makes; None, with why, if it is not what was written, or not all of it."""
        if self._findings.is_short(key, self._findings.evidence.of_stream(key, history), OF_REQUEST):
            return None
        logged = self._findings.logged(key, lambda: request_of_log(*key, history))
        if logged is None or self._findings.is_short(key, self._findings.evidence.of_request(key, logged), OF_REQUEST):
            return None
        await self._its_run(logged, history)
        return logged

    async def _its_run(self, request: Request, history: Sequence[Entry]) -> None:
        """Look whether the log of a request's run can be whole, as far as the request's own says."""
        key = request.tenant, request.run_id
        if key in self._findings.evidence.missing or not self._findings.evidence.of_its_run(request, history):
            return
        of_run = await self._findings.history(key)  # the request may be younger than what was read of its run
        if of_run is not None:
            self._findings.evidence.take_run(key, of_run)
            if self._findings.evidence.of_its_run(request, history):
                self._findings.add(self._findings.evidence.note_run(request), OF_RUN, key)

    async def _policy(self, key: Key, request: Request) -> None:
        name = request.route.policy_hash
        if name not in self._policies:
            self._policies[name] = await self._findings.store.policy(name) is not None
        if not self._policies[name]:
            self._findings.add(f"The policy {name}, which {key[1]} has pinned, is gone.", BACKUP, key)


def _batches(keys: Sequence[Key]) -> list[tuple[str, list[str]]]:
    by_tenant: dict[str, list[str]] = {}
    for tenant, key in keys:
        by_tenant.setdefault(tenant, []).append(key)
    return [
        (tenant, ids[start : start + BATCH]) for tenant, ids in by_tenant.items() for start in range(0, len(ids), BATCH)
    ]

"""What people look at of runs: one with its requests and its timeline, lists of them, conversations."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from interlock.domain.authority import Principal
from interlock.domain.outcome_words import cannot_pass
from interlock.domain.request import Request
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.engine.changes import Entry, Lease
from interlock.engine.directories import Directories
from interlock.engine.integrity import verified
from interlock.engine.ports.store import Loaded, RequestFilter, RunFilter, Store
from interlock.engine.routing import PinnedPolicies
from interlock.engine.threads import Threads, ThreadView
from interlock.errors import NotFound, RecordAltered
from interlock.service.pages import PAGE, Listing, Page, page, text_key, walk
from interlock.service.stored_lists import list_runs, walk_requests, walk_runs

MOST_PAUSES = 200
OPEN = RequestFilter()


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with everything that it asked, oldest first; `lease` is None unless somebody advances it now.

    `stuck` says, by request, why nobody can approve it as people are now. `altered` says what of it is not what its log
    says: nobody carries it on then. `at_its_turn` is the run of its thread whose turn is now; None where all have
    ended, or it is this one.
    """

    run: Run
    requests: tuple[Request, ...]
    lease: Lease | None
    now: datetime
    stuck: Mapping[str, str] = field(default_factory=dict)
    altered: str | None = None
    at_its_turn: Run | None = None


class RunViews:
    """Reads runs for one principal. `pinned_policies` has what was read before."""

    def __init__(
        self, store: Store, directories: Directories, principal: Principal, pinned_policies: PinnedPolicies
    ) -> None:
        self.principal = principal
        self._store = store
        self._directories = directories
        self._tenant = principal.tenant
        self._pinned_policies = pinned_policies

    async def run(self, run_id: str) -> RunView:
        """Return a run with its requests."""
        loaded = await self._store.load(self._tenant, run_id=run_id)
        if loaded.run is None:
            raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
        asked = [request async for request in self.requests(RequestFilter(statuses=(), run_id=run_id))]
        lease = loaded.run.lease
        alive = lease if lease is not None and lease.until > loaded.now else None
        stuck, altered, run = await self.stuck(asked), _altered(loaded), loaded.run.run
        return RunView(run, tuple(reversed(asked)), alive, loaded.now, stuck, altered, await self._at_its_turn(run))

    async def _at_its_turn(self, run: Run) -> Run | None:
        if run.thread is None or not (run.waits or run.status in ENDED):
            return None
        try:
            first = await Threads(self._store).at_its_turn(self._tenant, run.thread)
        except RecordAltered:
            return None  # whoever continues the thread is told
        return None if first is None or first.id == run.id else first

    async def stuck(self, requests: Iterable[Request]) -> Mapping[str, str]:
        """Return, by its id, why nobody can approve a request as people are now, for those of which that is so."""
        directory = await self._directories.directory(self._tenant)
        found = {
            request.id: cannot_pass(request, await self._pinned_policies.pinned(request.route.policy_hash), directory)
            for request in requests
            if request.is_open
        }
        return {key: why for key, why in found.items() if why is not None}

    async def pauses(self, run_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the requests that runs wait at, run to ids, in the order in which they were asked; not of too many."""
        ids = list(dict.fromkeys(run_ids))[:MOST_PAUSES]
        found = await self._store.runs(self._tenant, RunFilter(ids=ids), limit=MOST_PAUSES)
        return {run.id: tuple(pending.request_id for pending in run.pause) for run in found}

    async def requests(
        self, wanted: RequestFilter = OPEN, *, limit: int | None = None
    ) -> AsyncGenerator[Request, None]:
        """Read requests, each once, at most so many; by default those that are open, soonest first."""
        async for _, request in walk_requests(self._store, self._tenant, wanted, limit=limit):
            yield request

    def runs(self, statuses: tuple[RunStatus, ...] = (), *, limit: int | None = None) -> AsyncGenerator[Run, None]:
        """Read runs, newest first, at most so many."""
        return walk_runs(self._store, self._tenant, RunFilter(statuses), limit=limit)

    async def list_runs(  # noqa: PLR0913 - the filters of a list
        self,
        statuses: tuple[RunStatus, ...] = (),
        *,
        agent: str | None = None,
        initiator: str | None = None,
        thread: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Run]:
        """Return a page of runs, newest first. See `list_requests`.

        Args:
            initiator: who has started them, by any of their names.
        """
        directory = await self._directories.directory(self._tenant)
        who = None if initiator is None else directory.canonical(initiator)
        wanted = RunFilter(statuses, agent, who, thread)
        return await list_runs(self._store, self._tenant, wanted, after=after, limit=limit)

    async def timeline(self, run_id: str) -> list[Entry]:
        """Return the entries of a run and of all that it asked, in the order of the log.

        Raises:
            NotFound: if there is no such run.
        """
        ids = [request.id async for request in self.requests(RequestFilter(statuses=(), run_id=run_id))]
        loaded = await self._store.load(self._tenant, ids, run_id=run_id)
        if loaded.run is None:
            raise NotFound(f"There is no run {run_id} here.", run_id=run_id)
        logs = (loaded.logs.get(stream, ()) for stream in dict.fromkeys((run_id, *ids)))
        return sorted((entry for entries in logs for entry in entries), key=place_in_log)

    async def list_threads(self, *, after: str | None = None, limit: int = 50) -> Page[ThreadView]:
        """Return a page of conversations by name, each with its last run. See `list_requests`."""
        return await page(Listing("threads", text_key, (self._tenant,)), self._threads, after=after, limit=limit)

    async def _threads(self, after: str | None, limit: int) -> AsyncGenerator[tuple[str, ThreadView], None]:
        threads, read, tenant = Threads(self._store), self._store.thread_names, self._tenant
        names = walk(
            lambda at, most: read(tenant, after=at or "", limit=most), str, after=after, at_once=min(limit, PAGE)
        )
        async for name in names:
            view = await threads.view(tenant, name, limit=1)
            if view is not None:
                yield name, view

    async def thread(self, name: str, *, limit: int = 20) -> ThreadView:
        """Return a conversation with its last runs, the newest first."""
        return await Threads(self._store).show(self._tenant, name, limit=limit)


def place_in_log(entry: Entry) -> list[tuple[int, str]]:
    """Return by what entries are sorted as the log has them: a position is one number, or several with dashes."""
    return [(len(number), number) for number in entry.position.split("-")]


def _altered(loaded: Loaded) -> str | None:
    try:
        verified(loaded)
    except RecordAltered as altered:
        return altered.message
    return None

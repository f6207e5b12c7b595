"""Ends jobs that are not run: finishes them, postpones them, or asks a person."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from interlock.domain.run import Run, RunStatus
from interlock.domain.run_events import AttentionNeeded
from interlock.engine.advance_start import is_at_it
from interlock.engine.changes import Actor, Changes, Entry, Job, RunChange
from interlock.engine.integrity import run_of_log
from interlock.engine.missing_entries import Evidence
from interlock.engine.ports.store import RequestFilter, Store
from interlock.errors import Conflict, RecordAltered, StoreError, StoreTooNew

LATER = timedelta(seconds=5)
PAGE = 200


class Jobs:
    """Ends jobs for one worker; `complain` is called with a sentence that says why a run cannot go on."""

    def __init__(self, store: Store, actor: Actor, complain: Callable[[str], None]) -> None:
        self._store = store
        self._actor = actor
        self._complain = complain

    async def let_go(self, job: Job) -> bool:
        """Finish a job without work."""
        with contextlib.suppress(Conflict):
            await self._store.commit(Changes(job.tenant, self._actor, finish_job=job))
        return True

    async def put_off(self, job: Job, why: str) -> None:
        """Postpone a job, unless somebody else has taken it."""
        self._complain(why)
        later = replace(job, owner=None, due_at=await self._store.now() + LATER)
        with contextlib.suppress(Conflict):
            await self._store.commit(Changes(job.tenant, self._actor, lease_job=(job, later)))

    async def hand_over(self, job: Job, altered: StoreError) -> bool:
        """Ask a person to look at a run whose record was altered; its row is written anew from its log.

        If the log may have been cut, the job is postponed instead: nobody goes on from less than has happened. The same
        if another worker advances the run, because it may be in the middle of an effect.
        """
        try:
            history = await self._store.history(job.tenant, job.subject)
            run = run_of_log(job.tenant, job.subject, history)
            if await self._stays(run, history):
                raise altered
            if run.ended_at is not None or run.status is RunStatus.needs_attention:
                return await self.let_go(job)
            now = await self._store.now()
            change = RunChange.of(run, AttentionNeeded("record_altered", altered.message, None, now))
            taken = replace(job, owner=self._actor.by, due_at=now + LATER)  # unless another worker has it
            changes = Changes(job.tenant, self._actor, run=change, lease_job=(job, taken), finish_job=taken)
            await self._store.commit(changes)
        except (RecordAltered, StoreTooNew, Conflict):  # its log, its row or its requests cannot be read
            await self.put_off(job, f"{job.subject} cannot go on. {altered.message}")
            return False
        return True

    async def _stays(self, run: Run, history: Sequence[Entry]) -> bool:
        """Say whether a worker advances a run, or its row or one of its requests names entries that its log lacks.

        Raises:
            RecordAltered: if the row or one of the requests cannot be read.
        """
        loaded = await self._store.load(run.tenant, run_id=run.id)
        if loaded.run is None or loaded.run.run.id != run.id or loaded.run.run.version > run.version:
            return True
        if loaded.run.lease is not None and is_at_it(run, history, [loaded.run.lease], loaded.now):
            return True
        evidence = Evidence({})
        evidence.take_run((run.tenant, run.id), loaded.logs[run.id])
        after = None
        while page := await self._store.requests(
            run.tenant, RequestFilter(statuses=(), run_id=run.id), after=after, limit=PAGE
        ):
            for request in page:
                if evidence.of_its_run(request, await self._store.history(run.tenant, request.id)):
                    return True
            after = page.keys[-1]
        return False

"""Is the whole record what was written? Every row against its log, and what no log speaks of; each with what to do."""

from __future__ import annotations

from dataclasses import replace

from interlock.domain.events import Opened
from interlock.domain.run_events import RunStarted
from interlock.engine.alterations import (
    ANEW,
    BACKUP,
    FOREIGN,
    LOST,
    NOT_ANEW,
    OF_REQUEST,
    REPAIR,
    TAKEN,
    Alteration,
    Mend,
)
from interlock.engine.audit_findings import Findings
from interlock.engine.audit_requests import BATCH, RequestAudit
from interlock.engine.audit_runs import LATEST_JOB, RunAudit
from interlock.engine.missing_entries import Key
from interlock.engine.ports.store import Audit, Store

__all__ = ["audit_record", "audit_times"]


async def audit_record(store: Store) -> list[Alteration]:
    """Compare every row of every tenant with its log, and every entry with its hash; return what does not fit."""
    found = await store.audit()
    findings = Findings(store, await store.now(), found)
    requests, runs = RequestAudit(findings), RunAudit(findings)
    no_row = _WithoutRow(findings, requests, runs)
    await no_row.misfiled()
    await runs.all()
    await no_row.runs()
    await requests.all()
    await no_row.others()
    await no_row.gone()
    _rest(findings)
    return _concluded(findings)


async def audit_times(store: Store) -> list[Alteration]:
    """Look only at jobs that are due too far ahead of the store's clock: no row is read but theirs."""
    findings = Findings(store, await store.now(), Audit())
    runs = RunAudit(findings)
    for job in await store.jobs_after(findings.now + LATEST_JOB, BATCH):
        runs.due(job)
    return findings.alterations


class _WithoutRow:
    """Looks at what is filed under something else than what it is, and at what has no row."""

    def __init__(self, findings: Findings, requests: RequestAudit, runs: RunAudit) -> None:
        self._findings = findings
        self._requests = requests
        self._runs = runs

    async def misfiled(self) -> None:
        found = self._findings.found
        requests, runs = set(found.requests), set(found.runs)
        for key in found.misfiled:
            if key in requests or key in runs:
                await self._misfiled(key, "request" if key in requests else "run")
            else:
                self._findings.add(f"A row is stored under {key[1]!r}, which is no id.", FOREIGN, key)

    async def _misfiled(self, key: Key, mend: Mend) -> None:
        """Look at a row under columns that are not its own: one of a stream that no log has is nobody's."""
        history = await self._findings.history(key)
        held = self._findings.found.copies.get(key)
        if history == [] and held is not None and await self._findings.history(held):
            told = f"The row of {key[1]} is a copy of another's, or made up: no log knows it."
            gone: Mend = "stray request" if mend == "request" else "stray run"
            self._findings.add(told, TAKEN, key, gone)
            self._findings.strays.add(key)
        elif history:
            self._findings.add(f"The row of {key[1]} is found by something else than what it holds.", REPAIR, key, mend)

    async def runs(self) -> None:
        for key in self._findings.found.strangers:
            history = await self._findings.history(key)
            if history and isinstance(history[0].event, RunStarted) and self._runs.of_log(key, history) is not None:
                self._findings.add(f"The row of {key[1]} is gone.", REPAIR, key, "run")

    async def others(self) -> None:
        for key in self._findings.found.strangers:
            history = await self._findings.history(key)
            if not history or isinstance(history[0].event, RunStarted):
                continue
            if isinstance(history[0].event, Opened):
                if (logged := await self._requests.of_log(key, history)) is not None:
                    self._findings.add(f"The row of {key[1]} is gone.", REPAIR, key, "request")
                    await self._requests.as_it_stands(key, logged)
            elif not self._findings.is_short(key, self._findings.evidence.of_stream(key, history), OF_REQUEST):
                self._findings.add(f"The log has entries of {key[1]}, which is no request and no run.", BACKUP, key)

    async def gone(self) -> None:
        """Look for requests of which runs speak, or of whose voters something is kept, and nothing else does."""
        found = self._findings.found
        for key in self._findings.evidence.unheard_of([*found.requests, *found.strangers]):
            if await self._findings.history(key) == []:
                self._findings.add(self._findings.evidence.note_gone(key), OF_REQUEST, key)
        for key in set(found.participants_left) - set(found.strangers):
            told = f"Somebody is said to have voted on {key[1]}, which is no request."
            self._findings.add(told, TAKEN, key, "stray request")


def _rest(findings: Findings) -> None:
    for name in findings.found.altered_policies:
        findings.add(f"What is kept as the policy {name} is another one.", BACKUP)
    for name in findings.found.unguarded:
        findings.add(
            f"The trigger {name}, which refuses changes of the log, is gone or another.",
            "find out who has changed it; `interlock doctor --repair` makes it anew",
            mend="guard",
        )
    for what, table, undo in findings.found.added:
        told = f"Somebody has added the {what} to the table {table}, which may change or swallow what is written."
        findings.add(told, f"find out who has made it and what it has done; then take it away: `{undo}`")
    for key in findings.found.states:
        if key not in findings.found.strangers:
            findings.add(f"There is a LangGraph state of {key[1]}, which is no run.", FOREIGN, key)
    for key in findings.found.unknown_jobs:
        findings.add(f"There is a job of {key[1]} of a kind that nobody carries out.", TAKEN, key, "stray job")
    for key in findings.found.unread_jobs:
        if key in findings.found.runs or key in findings.found.strangers:
            findings.add(f"The job of {key[1]} cannot be read.", REPAIR, key, "run")
        else:
            findings.add(f"There is a job of {key[1]!r}, which is no run, and it cannot be read.", FOREIGN, key)


def _concluded(findings: Findings) -> list[Alteration]:
    """Return all that was found. Nothing is written anew from a log of which entries are missing."""
    lost = findings.found.lost or 0
    if lost > 0:
        entries = "1 entry of the log is" if lost == 1 else f"{lost} entries of the log are"
        findings.add(f"{entries} missing, as the positions say that it has given.", LOST)
    return [
        replace(one, mend=None, advice=NOT_ANEW) if one.mend in ANEW and _may_be_cut(findings, one, lost) else one
        for one in findings.alterations
    ]


def _may_be_cut(findings: Findings, one: Alteration, lost: int) -> bool:
    """Say whether entries may be missing of what a row is of: what it says of them must stay, or nothing says it.

    Whose the lost entries are is not counted up: whoever removes some can write rows that seem to lack others.
    """
    about = {one.stream, findings.found.copies.get(one.stream) if one.stream else None}
    if lost > 0 and (one.stream not in findings.readable or one.mend in {"stray request", "stray run"}):
        return True
    return not about.isdisjoint(findings.evidence.missing)

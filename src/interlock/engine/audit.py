"""Compare the whole record with its log: every row, and rows that no log names. Each finding says what to do."""

from __future__ import annotations

from dataclasses import replace

from interlock.domain.directory import STREAM
from interlock.domain.events import Opened
from interlock.domain.run_events import RunStarted
from interlock.engine.audit_directory import audit_directories
from interlock.engine.audit_findings import ANEW, BACKUP, FOREIGN, OF_REQUEST, Alteration, Findings
from interlock.engine.audit_requests import BATCH, as_it_stands, audit_requests, request_of
from interlock.engine.audit_runs import LATEST_JOB, audit_runs, due, run_of
from interlock.engine.ports.store import Audit, Store


async def audit_record(store: Store) -> list[Alteration]:
    """Compare every row of every tenant with its log, and every entry with its hash; return the differences."""
    found = await store.audit()
    findings = Findings(store, await store.now(), found)
    await _misfiled(findings)
    await audit_runs(findings)
    await _runs_without_row(findings)
    await audit_requests(findings)
    await _others_without_row(findings)
    await _gone(findings)
    await audit_directories(findings)
    _rest(findings)
    return _concluded(findings)


async def audit_times(store: Store) -> list[Alteration]:
    """Check only jobs, for due times too far ahead of the store's clock; no other rows are read."""
    findings = Findings(store, await store.now(), Audit())
    for job in await store.jobs_after(findings.now + LATEST_JOB, BATCH):
        due(findings, job)
    return findings.alterations


async def _misfiled(findings: Findings) -> None:
    """Check rows whose columns differ from their bodies; a row of a stream that no log has is a stray."""
    found = findings.found
    requests, runs = set(found.requests), set(found.runs)
    for key in found.misfiled:
        if key not in requests and key not in runs:
            findings.tell(f"A row is stored under {key[1]!r}, which is no id.", FOREIGN, key)
            continue
        history = await findings.history(key)
        held = found.copies.get(key)
        if history == [] and held is not None and await findings.history(held):
            told = f"The row of {key[1]} is a copy of another's, or made up: no log knows it."
            findings.add(told, key, "stray request" if key in requests else "stray run")
            findings.strays.add(key)
        elif history:
            told = f"The row of {key[1]} is found by something else than what it holds."
            findings.add(told, key, "request" if key in requests else "run")


async def _runs_without_row(findings: Findings) -> None:
    for key in findings.found.strangers:
        history = await findings.history(key)
        if history and isinstance(history[0].event, RunStarted) and run_of(findings, key, history) is not None:
            findings.add(f"The row of {key[1]} is gone.", key, "run")


async def _others_without_row(findings: Findings) -> None:
    for key in findings.found.strangers:
        history = await findings.history(key)
        if not history or isinstance(history[0].event, RunStarted) or key[1] == STREAM:
            continue
        if isinstance(history[0].event, Opened):
            if (logged := await request_of(findings, key, history)) is not None:
                findings.add(f"The row of {key[1]} is gone.", key, "request")
                await as_it_stands(findings, key, logged)
        elif not findings.is_short(key, findings.evidence.of_stream(key, history), OF_REQUEST):
            findings.tell(f"The log has entries of {key[1]}, which is no request and no run.", BACKUP, key)


async def _gone(findings: Findings) -> None:
    """Find requests that only the logs of runs, or the rows of who has acted on them, still name."""
    found = findings.found
    for key in findings.evidence.unheard_of([*found.requests, *found.strangers]):
        if await findings.history(key) == []:
            findings.tell(findings.evidence.note_gone(key), OF_REQUEST, key)
    for key in set(found.participants_left) - set(found.strangers):
        told = f"Somebody is said to have voted on {key[1]}, which is no request."
        findings.add(told, key, "stray request")


def _rest(findings: Findings) -> None:
    for name in findings.found.altered_policies:
        findings.tell(f"What is kept as the policy {name} is another one.", BACKUP)
    for name in findings.found.unguarded:
        findings.add(f"The trigger {name}, which refuses changes of the log, is gone or another.", None, "guard")
    for what, table, undo in findings.found.added:
        told = f"Somebody has added the {what} to the table {table}, which may change or swallow what is written."
        findings.tell(told, f"find out who has made it and what it has done; then take it away: `{undo}`")
    for key in findings.found.states:
        if key not in findings.found.strangers:
            findings.tell(f"There is a LangGraph state of {key[1]}, which is no run.", FOREIGN, key)
    for key in findings.found.unknown_jobs:
        findings.add(f"There is a job of {key[1]} of a kind that nobody carries out.", key, "stray job")
    for key in findings.found.unread_jobs:
        if key in findings.found.runs or key in findings.found.strangers:
            findings.add(f"The job of {key[1]} cannot be read.", key, "run")
        else:
            findings.tell(f"There is a job of {key[1]!r}, which is no run, and it cannot be read.", FOREIGN, key)


def _concluded(findings: Findings) -> list[Alteration]:
    """Return all findings. No row is written anew from a log with missing entries."""
    lost = findings.found.lost or 0
    if lost > 0:
        entries = "1 entry of the log is" if lost == 1 else f"{lost} entries of the log are"
        advice = "until then, `interlock doctor --repair` makes no row that is gone or cannot be read anew"
        findings.tell(f"{entries} missing, as the positions say that it has given.", f"put a backup back: {advice}")
    not_anew = "put a backup back: it cannot be written anew from a log of which entries are missing"
    return [
        replace(one, mend=None, advice=not_anew) if one.mend in ANEW and _may_be_cut(findings, one, lost) else one
        for one in findings.alterations
    ]


def _may_be_cut(findings: Findings, one: Alteration, lost: int) -> bool:
    """Say whether entries may be missing from a row's log; then the row stays, because nothing else tells of them.

    The lost entries are not matched to logs: somebody who removes some can write rows that seem to lack others.
    """
    about = {one.stream, findings.found.copies.get(one.stream) if one.stream else None}
    if lost > 0 and (one.stream not in findings.readable or one.mend in {"stray request", "stray run"}):
        return True
    return not about.isdisjoint(findings.evidence.missing)

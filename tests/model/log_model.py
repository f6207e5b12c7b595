"""The plain model of everything: read from the log, entry after entry, and compared with what the store says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model.entry_context import EntryContext
from tests.model.grant_model import GrantModel
from tests.model.request_model import RequestModel

from interlock.domain.authority import Directory
from interlock.domain.directory import STREAM as DIRECTORY
from interlock.domain.directory_events import GrantGiven, GrantRevoked, GrantUsed
from interlock.domain.events import Decided, Opened
from interlock.domain.lifecycle import evolve
from interlock.domain.policy import Policy
from interlock.domain.request import Request
from interlock.domain.run import Origin, Run
from interlock.domain.run_events import (
    AdvanceBegan,
    AttentionNeeded,
    RunCancelled,
    RunEvent,
    RunPaused,
    RunRetried,
    RunStarted,
    TurnCame,
    VersionAccepted,
)
from interlock.domain.run_lifecycle import evolve_run
from interlock.engine.changes import Entry, Job
from interlock.engine.codec import leaf_hash
from interlock.engine.jobs import LATER
from interlock.testing.scripts import Call, Sink

ENDED = {"run_done": "done", "run_failed": "failed", "run_cancelled": "cancelled"}


@dataclass(slots=True)
class RunModel:
    """One run, as plainly as it can be told."""

    id: str
    initiator: str
    status: str = "queued"
    version: int = 1
    waits_for: tuple[str, ...] = ()
    leased_until: datetime | None = None
    attention: str | None = None
    thread: str | None = None
    turn: int = 0
    waits: bool = False

    @property
    def has_stopped(self) -> bool:
        """Whether no worker advances it any more."""
        return self.has_ended or self.status == "needs_attention"

    @property
    def has_ended(self) -> bool:
        """Whether nothing happens any more."""
        return self.status in ENDED.values()

    def read(self, event: RunEvent, at: datetime, waits: Iterable[RequestModel], lease: timedelta) -> None:
        """Take in the next entry."""
        assert not self.has_ended, f"I3: {event.type} after the run was {self.status}"
        self.version += 1
        if isinstance(event, TurnCame):
            assert self.status == "queued", f"I16: its turn came when {self.status}"
            assert self.waits, "I16: its turn came twice"
            self.waits = False
            return
        if isinstance(event, AdvanceBegan):
            assert not self.waits, "I16: advanced before its turn in its thread"
            assert self.status != "needs_attention", "I4: advanced, though a person has to look"
            assert not any(request.is_open for request in waits), "I16: resumed before all answers were there"
            held = self.status == "running" and self.leased_until is not None and at < self.leased_until
            assert not held, "I16: taken from a worker that holds it"
            self.status, self.leased_until = "running", event.at + lease
            return
        altered = isinstance(event, AttentionNeeded) and event.code == "record_altered"
        if not altered and not isinstance(event, RunRetried | VersionAccepted | RunCancelled):
            assert self.status == "running", f"I16: {event.type} when {self.status}"
            assert self.leased_until is not None, "I16: ended by nobody"
        self.status = ENDED.get(event.type) or _STATUS[event.type]
        if not isinstance(event, RunCancelled):  # a worker in the middle of an effect may still record it
            self.leased_until = None
        self.attention = event.code if isinstance(event, AttentionNeeded) else None
        if isinstance(event, RunPaused):
            self.waits_for = tuple(pending.request_id for pending in event.pause)


_STATUS = {
    "run_paused": "paused",
    "attempt_failed": "queued",
    "attention_needed": "needs_attention",
    "run_retried": "queued",
    "version_accepted": "queued",
}


@dataclass
class LogModel:
    """All that the log has said so far.

    Args:
        policies: every policy that was ever configured, by its hash.
        lease: how long a run stays with a silent worker.
    """

    policies: Mapping[str, Policy]
    lease: timedelta
    requests: dict[str, RequestModel] = field(default_factory=dict)
    runs: dict[str, RunModel] = field(default_factory=dict)
    grants: dict[str, GrantModel] = field(default_factory=dict)
    rows: dict[str, Request] = field(default_factory=dict)
    run_rows: dict[str, Run] = field(default_factory=dict)
    _seqs: dict[str, int] = field(default_factory=dict)
    _calls: int = 0

    def read(self, entry: Entry, directories: Sequence[Directory]) -> None:
        """Take in the next entry."""
        assert entry.seq == self._seqs.get(entry.stream, 0) + 1, f"I11: gap or repetition in {entry.stream}"
        assert entry.leaf == leaf_hash(entry.body), "I12: the leaf is not the entry's"
        self._seqs[entry.stream] = entry.seq
        if entry.stream == DIRECTORY:
            self._read_grant(entry.event)
        elif entry.stream.startswith("run_"):
            self._read_run(entry)
        else:
            self._read_request(entry, directories)

    def _read_run(self, entry: Entry) -> None:
        event: RunEvent = entry.event  # type: ignore[assignment]
        self.run_rows[entry.stream] = evolve_run(self.run_rows.get(entry.stream), event)
        if isinstance(event, RunStarted):
            self.runs[entry.stream] = self._started(entry.stream, event)
            return
        run = self.runs[entry.stream]
        if isinstance(event, TurnCame | AdvanceBegan):
            assert not self.before(run), "I16: it goes on beside another run of its thread"
        if isinstance(event, TurnCame):
            assert self._goes_on_from(run, event.origin), "I16: its turn begins with another state than the thread's"
        run.read(event, entry.at, [self.requests[key] for key in run.waits_for], self.lease)

    def _started(self, key: str, event: RunStarted) -> RunModel:
        run = RunModel(key, event.initiator, thread=event.thread, turn=event.turn or 0, waits=event.waits)
        if run.thread is not None:
            turns = [other.turn for other in self.runs.values() if other.thread == run.thread]
            assert run.turn == len(turns) + 1, "I16: a turn of the thread is taken twice, or left out"
            assert run.waits == bool(self.before(run)), "I16: it waits for nobody, or not for the run before it"
            assert run.waits or self._goes_on_from(run, event.origin), "I16: it begins with another state"
        return run

    def before(self, run: RunModel) -> list[RunModel]:
        """Return the runs before one in its thread that have not ended."""
        return [other for other in self._earlier(run) if not other.has_ended]

    def _earlier(self, run: RunModel) -> list[RunModel]:
        thread = [other for other in self.runs.values() if run.thread is not None and other.thread == run.thread]
        return sorted((other for other in thread if other.turn < run.turn), key=lambda other: other.turn)

    def _goes_on_from(self, run: RunModel, origin: Origin | None) -> bool:
        """Say whether that is the state of the last run before it that ended well; of none if there is none."""
        well = [other.id for other in self._earlier(run) if other.status == "done"]
        return (origin.run_id if origin is not None else None) == (well[-1] if well else None)

    def _read_request(self, entry: Entry, directories: Sequence[Directory]) -> None:
        event, key = entry.event, entry.stream
        if isinstance(event, Opened):
            assert key not in self.requests, "I3: opened twice"
            self.requests[key] = RequestModel.begin(event, self.policies[event.route.policy_hash])
        else:
            request = self.requests[key]
            if isinstance(event, Decided) and event.by_grant is not None:
                request.grant = self.grants[event.by_grant.grant]
            version = self.runs[request.opened.run_id].version
            request.read(event, EntryContext(entry.at, entry.by, directories, version))  # type: ignore[arg-type]
        self.rows[key] = evolve(self.rows.get(key), event)  # type: ignore[arg-type]

    def _read_grant(self, event: object) -> None:
        if isinstance(event, GrantGiven):
            self.grants[event.grant.id] = GrantModel(event.grant)
        else:
            assert isinstance(event, GrantUsed | GrantRevoked)
            self.grants[event.id].read(event)

    def doubtful(self, now: datetime) -> list[str]:
        """Return the ids of requests whose effect only a person can settle: unknown, or begun by a vanished worker."""
        begun = [(key, it) for key, it in self.requests.items() if it.effect in {"claimed", "unknown"}]
        stuck = {key for key, run in self.runs.items() if run.has_stopped and (run.leased_until or now) <= now}
        return [key for key, it in begun if it.effect == "unknown" or it.opened.run_id in stuck]

    def next_due(self, now: datetime) -> list[datetime]:
        """Return when something of a request comes due, and when leases of workers that were in the middle end."""
        leases = [run.leased_until for run in self.runs.values() if run.has_stopped]
        deadlines = [request.wakes for request in self.requests.values() if request.is_open]
        return [at for at in (*deadlines, *(at for at in leases if at is not None and at > now)) if at is not None]

    @property
    def open(self) -> list[str]:
        """The ids of open requests, as an inbox lists them: by due time."""
        waiting = [(it.due, key) for key, it in self.requests.items() if it.is_open and it.due is not None]
        return [key for _, key in sorted(waiting)]

    def check(self, jobs: Mapping[str, Job], now: datetime) -> None:
        """Check what must hold whenever nothing is half-way.

        Args:
            jobs: every job there is, by its run.
        """
        assert not any(one.pending for one in self.grants.values()), "a grant approved what its record does not count"
        for key, request in self.requests.items():
            request.check()
            on_it = {one.by: one.until for one in self.rows[key].reserved_at(now)}
            assert on_it == request.reserved_at(now), "I3: others are on it than have said so"
            told = [(one.asked_by, one.said and (one.said, one.said_by)) for one in self.rows[key].clarifications]
            assert told == request.questions, "I3: something else was asked back, or answered"
        for key, run in self.runs.items():
            waits = [self.requests[request_id] for request_id in run.waits_for]
            if run.has_ended:
                mine = [it for it in self.requests.values() if it.opened.run_id == key]
                assert not any(it.is_open for it in mine), "I4: open, though its run has ended"
            elif run.status == "queued" and run.waits and self.before(run):
                continue  # the end of the one before it asks for it
            elif run.status in {"queued", "paused"} and not any(it.is_open for it in waits):
                # One that a person has let go on while some of its requests are open is queued, and waits for those.
                assert key in jobs, f"I4: {key} could go on, and nothing wakes it"
                assert jobs[key].owner is None, "I4: a run that nobody advances has a job that somebody carries out"
            elif run.status == "running":
                assert key in jobs, "I4: nobody takes the run up when its worker is gone"
                due = jobs[key].due_at
                assert run.leased_until is not None, "I4: a run that nobody has taken up is running"
                # Whoever has found it altered leaves it to others for a while; after its lease, not before.
                left = run.leased_until <= now and due <= now + LATER
                assert run.leased_until == due or now >= due or left, "I4: job and lease differ"

    def check_world(self, sink: Sink) -> None:
        """Check what has happened outside."""
        for call in sink.calls[self._calls :]:
            self._check_call(call, self.requests[call.request_id])
            assert sink.effects(call.request_id) <= 1, f"I2: {call.request_id} has had two effects"
        self._calls = len(sink.calls)

    @staticmethod
    def _check_call(call: Call, request: RequestModel) -> None:
        assert request.status == "approved", f"I1: executed, though {request.status}"
        assert call.digest == request.digest, "I1: executed something else than was approved"
        assert call.key == request.opened.request_id, "I2: executed with another key"
        assert 1 <= call.attempt <= request.attempt, "I2: executed without a claim"

    def check_rest(self) -> None:
        """Check what must hold when faults have ceased, time has passed and nothing more is to be done."""
        for key, request in self.requests.items():
            assert not request.is_open, f"I4: {key} is left open"
            assert request.effect not in {"claimed", "unknown"}, f"I4: the effect of {key} is left {request.effect}"
        for key, run in self.runs.items():
            waits = run.waits and any(other.status == "needs_attention" for other in self.before(run))
            assert run.has_ended or run.status == "needs_attention" or waits, f"I4: {key} is left {run.status}"

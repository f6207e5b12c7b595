"""What happens to a run, as its log keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from interlock.domain.canonical import Json
from interlock.domain.run import Origin, Pending


@dataclass(frozen=True, slots=True)
class RunStarted:
    """Somebody started an agent, perhaps with the state of `origin`, which `state_digest` names. See `Run`."""

    run_id: str
    tenant: str
    agent: str
    reference: str
    initiator: str
    input: Json
    at: datetime
    context: dict[str, Json] | None = None
    configurable: dict[str, Json] | None = None
    thread: str | None = None
    turn: int | None = None
    waits: bool = False
    origin: Origin | None = None
    state_digest: str | None = None
    trace: str | None = None
    type: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class TurnCame:
    """The runs of its thread before it have ended: it may begin, with the state that the last one left."""

    origin: Origin | None
    state_digest: str | None
    at: datetime
    type: Literal["turn_came"] = "turn_came"


@dataclass(frozen=True, slots=True)
class AdvanceBegan:
    """A worker took the run."""

    worker: str
    at: datetime
    type: Literal["advance_began"] = "advance_began"


@dataclass(frozen=True, slots=True)
class StepKept:
    """A step of the graph has ended, and the state after it was kept: whoever carries the run on begins there."""

    state_digest: str
    agent_version: str
    at: datetime
    type: Literal["step_kept"] = "step_kept"


@dataclass(frozen=True, slots=True)
class RunPaused:
    """The run waits at these interrupts. Nothing of it is in memory.

    Args:
        keeps: how many of its states stay readable, this one included.
        again: as in `Run`.
    """

    pause: tuple[Pending, ...]
    state_digest: str
    agent_version: str
    at: datetime
    keeps: int = 0
    again: tuple[str, ...] = ()
    type: Literal["run_paused"] = "run_paused"


@dataclass(frozen=True, slots=True)
class RunDone:
    """The agent came to its end, in the state of this digest; None if that could not be kept: `unkept` says why."""

    output: Json
    at: datetime
    state_digest: str | None = None
    unkept: str = ""
    keeps: int = 0
    type: Literal["run_done"] = "run_done"


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The agent ended without its result, and trying again would not change that."""

    reason: str
    at: datetime
    type: Literal["run_failed"] = "run_failed"


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An advance failed. Nothing of it was kept; it will be tried again. The database's failures are not counted."""

    reason: str
    retry_at: datetime
    at: datetime
    counted: bool = True
    type: Literal["attempt_failed"] = "attempt_failed"


@dataclass(frozen=True, slots=True)
class AttentionNeeded:
    """The run goes on only when a person has looked.

    Args:
        code: `effect_unknown`, `effect_refused`, `may_have_happened`, `version_mismatch`, `arguments_changed`,
            `too_many_requests`, `attempts_exhausted`, `not_governed`, `invalid_ask`, `invalid_state`,
            `invalid_context`, `record_altered`, `agent_unavailable` or `model_not_usable`.
    """

    code: str
    reason: str
    request_id: str | None
    at: datetime
    type: Literal["attention_needed"] = "attention_needed"


@dataclass(frozen=True, slots=True)
class RunRetried:
    """A person, or the settling of an effect, lets it go on."""

    by: str
    at: datetime
    type: Literal["run_retried"] = "run_retried"


@dataclass(frozen=True, slots=True)
class VersionAccepted:
    """A person says that this version of the agent may go on with the stored state."""

    by: str
    agent_version: str
    at: datetime
    type: Literal["version_accepted"] = "version_accepted"


@dataclass(frozen=True, slots=True)
class RunCancelled:
    """A person ended it."""

    by: str
    reason: str
    at: datetime
    type: Literal["run_cancelled"] = "run_cancelled"


@dataclass(frozen=True, slots=True)
class RunRestored:
    """A person had the stored run, or its job, written anew from its log; `found` says what was wrong."""

    by: str
    found: str
    at: datetime
    type: Literal["run_restored"] = "run_restored"


@dataclass(frozen=True, slots=True)
class StatesDeleted:
    """A person deleted the states that could still be read, with its thread. The log stays."""

    by: str
    at: datetime
    type: Literal["states_deleted"] = "states_deleted"


_AdvanceEnded = RunPaused | RunDone | RunFailed | AttemptFailed | AttentionNeeded
_ByPerson = RunRetried | VersionAccepted | RunCancelled | RunRestored | StatesDeleted
RunEvent = RunStarted | TurnCame | AdvanceBegan | StepKept | _AdvanceEnded | _ByPerson

"""What somebody may do about a run as it stands: the rules of the engine are tried, so that both agree."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.domain.authority import Directory, Principal
from interlock.domain.run import ENDED, Run, RunStatus
from interlock.engine.threads import check_may_change
from interlock.errors import Forbidden

OF_A_VERSION = "version_mismatch"
UNKNOWN_EFFECT = "effect_unknown"


@dataclass(frozen=True, slots=True)
class RunPermitted:
    """What somebody may do about a run now, and what is of use.

    Args:
        retry: let it go on. Not where an effect is unknown: it goes on when somebody has said what became of that.
        accept_version: let the agent as it is now go on with what an earlier version left.
    """

    cancel: bool = False
    retry: bool = False
    accept_version: bool = False


def run_permitted(run: Run, principal: Principal, directory: Directory) -> RunPermitted:
    """Say what a principal may do about a run."""
    try:
        check_may_change(run, principal, directory)
    except Forbidden:
        return RunPermitted()
    needed = run.status is RunStatus.needs_attention
    of_version = run.attention == OF_A_VERSION
    return RunPermitted(
        cancel=run.status not in ENDED,
        retry=needed and not of_version and run.attention != UNKNOWN_EFFECT,
        accept_version=needed and of_version,
    )

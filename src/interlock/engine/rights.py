"""Who may change a run: whoever started it, and operators."""

from __future__ import annotations

from interlock.domain.authority import Directory, Principal
from interlock.domain.policy import Step
from interlock.domain.run import Run
from interlock.errors import Forbidden

__all__ = ["check_may_change"]


def check_may_change(run: Run, principal: Principal, directory: Directory) -> None:
    """Refuse whoever may not change a run.

    Raises:
        Forbidden: if the principal may not.
    """
    person = directory.canonical(principal.id)
    if principal.kind == "person" and (person == run.initiator or _operates(directory, person)):
        return
    raise Forbidden(f"{person} neither started {run.id} nor is an operator.", run_id=run.id)


def _operates(directory: Directory, person: str) -> bool:
    return directory.is_asked(Step(ask=("role:operator",)), person)

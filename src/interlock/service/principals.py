"""What a principal may be, checked where a client is made: its names are shown, compared and kept for ever."""

from __future__ import annotations

from interlock.domain.authority import LONGEST_ID, NO_PERSON, Principal
from interlock.errors import BadInput, InvalidValue

KINDS = ("person", "agent", "service")


def check_principal(principal: Principal) -> None:
    """Refuse a principal that is none; BadInput or InvalidValue says why."""
    if not isinstance(principal, Principal):
        raise BadInput(f"A principal is an interlock.Principal, not {type(principal).__name__}.")
    for name in ("id", "tenant", "via"):
        _check_name(f"principal.{name}", getattr(principal, name))
    if principal.address is not None:
        _check_name("principal.address", principal.address)
    if principal.kind not in KINDS:
        raise InvalidValue("principal.kind", f"must be one of {', '.join(KINDS)}")
    if principal.kind == "person" and principal.id.strip().casefold().startswith(NO_PERSON):
        raise InvalidValue("principal.id", f"is no person: a person's id begins with none of {', '.join(NO_PERSON)}")


def _check_name(path: str, name: object) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_ID:
        raise InvalidValue(path, f"must be text that can be shown, in at most {LONGEST_ID} characters")

"""Grants as JSON and in words, and what somebody typed as what an argument may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from interlock.domain.canonical import Json
from interlock.domain.facts import decimal_of
from interlock.domain.grants import Anything, Between, ByGrant, GrantState, OneOf, Pattern, Same, TextLike, Total
from interlock.errors import BadInput
from interlock.service.arguments import duration_text
from interlock.service.grants import GrantTerms
from interlock.service.hostile_text import shortened
from interlock.service.inline import raw_line

SHORT = 80
RANGE = ".."


def grant_shape(state: GrantState, now: datetime) -> dict[str, Any]:
    """Return a grant as it stands. `over` says why it allows nothing more; null while it may."""
    grant = state.grant
    named = ("id", "giver", "agent", "action", "policy", "policy_hash", "level", "level_name", "uses", "like", "reason")
    return {
        **{name: getattr(grant, name) for name in named},
        "allowed": {name: pattern_shape(one) for name, one in grant.allowed.items()},
        "total": None if grant.total is None else _total(grant.total, state.spent),
        "given_at": grant.at.isoformat(),
        "until": grant.until.isoformat(),
        "used": [
            {"request": use.request_id, "amount": _number(use.amount), "at": use.at.isoformat()} for use in state.used
        ],
        "revoked_at": None if state.revoked_at is None else state.revoked_at.isoformat(),
        "revoked_by": state.revoked_by or None,
        "over": state.over(now),
    }


def _total(total: Total, spent: Decimal) -> dict[str, str]:
    return {"argument": total.argument, "at_most": str(total.at_most), "spent": str(spent)}


def _number(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def by_grant_shape(by: ByGrant | None) -> dict[str, Any] | None:
    """Return which grant approved a request; None if none did."""
    return None if by is None else {"grant": by.grant, "giver": by.giver, "amount": _number(by.amount)}


def terms_shape(digest: str, terms: GrantTerms) -> dict[str, Any]:
    """Return what somebody wants to allow, as it is sent to a server."""
    until = terms.until
    if isinstance(until, datetime):
        until = until.isoformat(timespec="seconds")
    total = None if terms.total is None else {"argument": terms.total.argument, "at_most": str(terms.total.at_most)}
    return {
        "digest": digest,
        "until": duration_text(until) if isinstance(until, timedelta) else until,
        "uses": terms.uses,
        "allow": {name: pattern_shape(one) for name, one in terms.allowed.items()},
        "total": total,
        "reason": terms.reason,
    }


def pattern_shape(pattern: Pattern) -> dict[str, Json]:
    """Return what an argument may be."""
    match pattern:
        case Same(digest=digest, value=value):
            return {"type": "same", "digest": digest, "value": value}
        case OneOf(values=values):
            return {"type": "one_of", "values": [*values]}
        case Between(least=least, most=most):
            return {"type": "between", "least": str(least), "most": str(most)}
        case TextLike(begins=begins, ends=ends):
            return {"type": "text_like", "begins": begins, "ends": ends}
        case Anything():
            return {"type": "anything"}


def pattern_words(pattern: Pattern) -> str:
    """Say what an argument may be; values in it are not harmless yet."""
    match pattern:
        case Same(digest=digest, value=value):
            return _short(value) if value is not None else f"the same ({digest[:19]}…)"
        case OneOf(values=values):
            return f"one of {', '.join(map(_short, values))}"
        case Between(least=least, most=most):
            return f"{least} to {most}"
        case TextLike(begins=begins, ends=ends):
            parts = [f"begins with {begins}" if begins else "", f"ends with {ends}" if ends else ""]
            return f"text that {' and '.join(part for part in parts if part)}"
        case Anything():
            return "anything"


def _short(value: Json) -> str:
    return shortened(raw_line(value), SHORT)


def bound_words(state: GrantState) -> Iterator[str]:
    """Yield how much of a grant is used, and of how much."""
    yield f"{len(state.used)} of {state.grant.uses} used"
    if state.grant.total is not None:
        yield f"{state.spent} of {state.grant.total.at_most} {state.grant.total.argument} in sum"


def typed_pattern(text: str, option: str) -> Pattern:
    """Read what an argument may be: `*`, `*@example.com`, `0..50`, `EUR|USD`.

    Raises:
        BadInput: if it is none of these.
    """
    if text == "*":
        return Anything()
    least, dots, most = text.partition(RANGE)
    bounds = decimal_of(least or "0"), decimal_of(most)
    if dots and bounds[0] is not None and bounds[1] is not None:
        return Between(bounds[0], bounds[1])
    if text.count("*") == 1:
        begins, _, ends = text.partition("*")
        return TextLike(begins, ends)
    if "|" in text and "*" not in text:
        return OneOf(tuple(text.split("|")))
    raise BadInput(f"{option} {text!r} is no pattern: write * for anything, *@example.com, 0..50, or EUR|USD.")


def typed_patterns(given: list[str], option: str) -> Mapping[str, Pattern]:
    """Read what arguments may be, each as `NAME=PATTERN`; see `typed_pattern`."""
    named = [one.partition("=") for one in given]
    if bad := next((one for one in named if not one[0] or not one[1]), None):
        raise BadInput(f"{option} {''.join(bad)!r} must be NAME=PATTERN, such as to=*@example.com.")
    return {name: typed_pattern(text, f"{option} {name}=") for name, _, text in named}


def typed_total(text: str, option: str) -> Total:
    """Read what an argument may come to in sum, as `NAME=NUMBER`; raise `BadInput` if it is something else."""
    name, _, number = text.partition("=")
    most = decimal_of(number)
    if not name or most is None:
        raise BadInput(f"{option} {text!r} must be NAME=NUMBER, such as amount=500.")
    return Total(name, most)

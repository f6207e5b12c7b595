"""Standing grants: a person allows the next actions of one kind, within bounds. This is what a grant is and covers.

Everything is exact: an argument that a grant does not name, or that is not there, is not covered; sums are decimals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Literal

from interlock.domain.action import Action
from interlock.domain.canonical import Json, canonical_bytes, digest
from interlock.domain.facts import decimal_of

BY_GRANT = "grant:"
"""How the decision of a grant is named among those who decided, with the grant's id."""

MOST_CHOICES = 20
LONGEST_TEXT = 200
SHOWN_BYTES = 300
"""How large a value is at most that stands in a grant as it is, and not by its digest alone."""
_FREE = re.compile(r"[A-Za-z0-9._+-]{1,200}", re.ASCII)
_EXACT = Context(prec=100, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class Same:
    """The argument is this value. `value` is left out where it is large."""

    digest: str
    value: Json = None
    type: Literal["same"] = "same"

    def covers(self, value: Json) -> bool:
        """Say whether it is this value."""
        return digest(value) == self.digest


@dataclass(frozen=True, slots=True)
class OneOf:
    """The argument is one of these values."""

    values: tuple[Json, ...]
    type: Literal["one_of"] = "one_of"

    def covers(self, value: Json) -> bool:
        """Say whether it is among them: compared as they are written, as Python takes 1 and True for the same."""
        return canonical_bytes(value) in map(canonical_bytes, self.values)


@dataclass(frozen=True, slots=True)
class Between:
    """The argument is a number, or text that is one, and neither less nor more than this."""

    least: Decimal
    most: Decimal
    type: Literal["between"] = "between"

    def covers(self, value: Json) -> bool:
        """Say whether it is."""
        number = decimal_of(value)
        return number is not None and not number.is_signed() and self.least <= number <= self.most


@dataclass(frozen=True, slots=True)
class TextLike:
    """The argument is text that begins and ends like this; between them are a few ASCII letters, digits and `._+-`.

    So nothing can stand there that reads as a second address, or leads into another folder.
    """

    begins: str = ""
    ends: str = ""
    type: Literal["text_like"] = "text_like"

    def covers(self, value: Json) -> bool:
        """Say whether it is."""
        fixed = len(self.begins) + len(self.ends)
        if not isinstance(value, str) or not (value.startswith(self.begins) and value.endswith(self.ends)):
            return False
        free = value[len(self.begins) : len(value) - len(self.ends)] if len(value) > fixed else ""
        dotted = not free.strip(".") or ".." in f"{self.begins[-1:]}{free}{self.ends[:1]}"  # a folder: this, or above
        return _FREE.fullmatch(free) is not None and not dotted


@dataclass(frozen=True, slots=True)
class Anything:
    """The argument is there, whatever it is."""

    type: Literal["anything"] = "anything"

    def covers(self, value: Json) -> bool:  # noqa: ARG002 - one of several patterns
        """Say yes."""
        return True


Pattern = Same | OneOf | Between | TextLike | Anything


@dataclass(frozen=True, slots=True)
class Total:
    """What one argument, a number, may come to in all uses together."""

    argument: str
    at_most: Decimal


@dataclass(frozen=True, slots=True)
class GrantLimits:
    """What a level lets a person grant: for how long, how many uses, and what an argument must not exceed in sum."""

    within: timedelta
    uses: int
    total: Total | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a person allows.

    Args:
        giver: canonical id of the person.
        policy_hash: the version of the policy under which it was given; under any other it is worth nothing.
        level: index of the level of that policy that the person may approve; `level_name` is what it is called.
        allowed: for each argument of the action, what it may be.
        until: from then on it is over.
        uses: how many actions it allows at most.
        like: the request that the person had before them.
    """

    id: str
    giver: str
    agent: str
    action: str
    policy: str
    policy_hash: str
    level: int
    level_name: str
    allowed: Mapping[str, Pattern]
    until: datetime
    uses: int
    total: Total | None
    like: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """An action that a grant has allowed. `amount` is what its argument adds to the sum, if the grant bounds one."""

    request_id: str
    amount: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ByGrant:
    """That a grant, and no vote, approved a request: which one, whose, and what it added to the sum."""

    grant: str
    giver: str
    amount: Decimal | None = None

    @property
    def words(self) -> str:
        """Who decided, in words."""
        return f"grant {self.grant} of {self.giver}"


@dataclass(frozen=True, slots=True)
class GrantState:
    """A grant as it stands: what was given, what it has allowed since, and who has revoked it."""

    grant: Grant
    used: tuple[Use, ...] = field(default=())
    revoked_at: datetime | None = None
    revoked_by: str = ""

    @property
    def left(self) -> int:
        """How many more actions it allows."""
        return self.grant.uses - len(self.used)

    @property
    def spent(self) -> Decimal:
        """What the uses have come to in sum."""
        return exact_sum(use.amount for use in self.used if use.amount is not None)

    def over(self, now: datetime) -> str | None:
        """Say why it allows nothing more, whatever is asked; None if it may."""
        if self.revoked_at is not None:
            return f"{self.revoked_by} has revoked it"
        if now >= self.grant.until:
            return "its time is over"
        return None if self.left > 0 else "it is used up"

    def amount_of(self, action: Action) -> Decimal | None:
        """Return what an action adds to the sum; None where the grant bounds none.

        Raises:
            ValueError: if the argument is no number, negative, or would make the sum more than it may be.
        """
        total = self.grant.total
        if total is None:
            return None
        amount = decimal_of(action.args.get(total.argument))
        if amount is None or amount < 0:
            raise ValueError(f"{total.argument} is not a number of at least 0")
        if exact_sum((self.spent, amount)) > total.at_most:
            raise ValueError(f"{total.argument} would come to more than {total.at_most} in sum")
        return amount


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add decimals without rounding."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def uncovered(grant: Grant, action: Action) -> str | None:
    """Say which argument of an action a grant does not cover; None if it covers all of it."""
    if action.name != grant.action:
        return f"it is for {grant.action}"
    if strange := sorted(action.args.keys() ^ grant.allowed.keys()):
        return f"{strange[0]} is not an argument of both"
    missed = (name for name in sorted(grant.allowed) if not grant.allowed[name].covers(action.args[name]))
    return next((f"{name} is not covered" for name in missed), None)


def same(value: Json) -> Same:
    """Return the pattern of one value."""
    small = len(canonical_bytes(value)) <= SHOWN_BYTES
    return Same(digest(value), value if small else None)

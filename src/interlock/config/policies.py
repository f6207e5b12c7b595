"""The sections of `interlock.yaml` about policies: facts, levels, steps, windows and calendars."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr

from interlock.config.base import Section
from interlock.config.values import (
    ARGUMENT,
    ONE_OR_MORE_HOURS,
    AskEntry,
    Day,
    Duration,
    Expression,
    Hold,
    Hours,
    Identifier,
    Name,
    Number,
    Weekday,
    never_approve,
    none_if_false,
    one_or_more,
)


class FactSettings(Section):
    """A value that expressions may use."""

    source: Annotated[StrictStr, Field(pattern=ARGUMENT)] = Field(
        alias="from", description="its place in the arguments, such as args.amount"
    )
    type: Literal["decimal", "integer", "string", "boolean"] = Field(
        default="string", description="its type; a decimal may be sent as text, as money should"
    )
    min: Number | None = Field(
        default=None, description="the smallest valid value; a smaller one satisfies no condition"
    )
    max: Number | None = Field(default=None, description="the largest valid value, in the same way")
    digits: Annotated[StrictInt, Field(ge=1, le=15)] = Field(
        default=15, description="the most digits of a decimal, before and after the point together"
    )


class EscalateSettings(Section):
    """Who else is asked when nobody has decided."""

    after: Duration | None = Field(default=None, description="from the beginning of the step; needed to ask in time")
    to: tuple[AskEntry, ...] = Field(min_length=1, description="group:NAME, role:NAME, person:ID")


class StepSettings(Section):
    """Who is asked, how many must agree, until when."""

    ask: tuple[AskEntry, ...] = Field(min_length=1, description="group:NAME, role:NAME, person:ID")
    approvals: Annotated[StrictInt, Field(ge=1, le=100)] = Field(default=1, description="how many people must approve")
    rejections: Annotated[StrictInt, Field(ge=1, le=100)] = Field(default=1, description="how many rejections end it")
    within: Duration = Field(
        default=timedelta(hours=24), description="the time to decide; after it, the request expires"
    )
    where: Expression | None = Field(
        default=None, description="who of them may vote: CEL over reviewer, initiator and requester"
    )
    remind_after: tuple[Duration, ...] = Field(
        default=(), max_length=20, description="counted from the step's beginning"
    )
    escalate: EscalateSettings | None = Field(default=None, description="who else is asked, and when")
    on_timeout: Annotated[Literal["expire", "escalate"], BeforeValidator(never_approve)] = Field(
        default="expire", description="what happens when nobody decides; it never approves"
    )
    calendar: Name | None = Field(
        default=None, description="the calendar in whose hours these times count; by default the policy's"
    )


def _false_for_none(schema: dict[str, Any]) -> None:
    schema["anyOf"][-1] = {"const": False}
    schema["default"] = False


class GrantSettings(Section):
    """The bounds of standing grants, by which a person who may approve a level allows the next actions like one."""

    within: Duration = Field(default=timedelta(hours=8), description="the longest time")
    uses: Annotated[StrictInt, Field(ge=1, le=1_000)] = Field(default=20, description="the most actions")
    sum: dict[Annotated[StrictStr, Field(min_length=1, max_length=200)], Annotated[Number, Field(gt=0)]] = Field(
        default_factory=dict,
        max_length=1,
        description="a numeric argument and the highest sum over all uses: {amount: 500}",
    )


class LevelSettings(Section):
    """One level of a policy."""

    elsewhere: ClassVar = {
        "ask": "it belongs to a step, under `steps`",
        "within": "it belongs to a step, under `steps`",
        "calendar": "it belongs to the policy, or to a step, under `steps`",
    }

    name: Name | None = Field(default=None, description="its name for people and in statistics; by default its number")
    when: Expression | None = Field(default=None, description="CEL over the facts; the last level has none")
    approve: Literal["automatically"] | None = Field(
        default=None, description="nobody is asked; such a level has no steps"
    )
    hold: Hold | None = Field(
        default=None,
        description="how long the vote that ends a step can be taken back (0s: not at all); by default the policy's",
    )
    grants: Annotated[GrantSettings | None, BeforeValidator(none_if_false)] = Field(
        default=None,
        description="lets people who may approve it allow the next actions like one, within bounds; false for nobody",
        json_schema_extra=_false_for_none,
    )
    steps: tuple[StepSettings, ...] = ()


class WindowSettings(Section):
    """What windows such as `recent_24h` count."""

    by: tuple[Annotated[StrictStr, Field(pattern=ARGUMENT)], ...] = Field(
        min_length=1, max_length=10, description="count only actions with the same values here, such as args.vendor"
    )


class PolicySettings(Section):
    """Who decides, how many, until when."""

    elsewhere: ClassVar = {
        "steps": "it belongs to a level, under `levels`",
        "ask": "it belongs to a step of a level",
        "delegations": "it stands beside `groups`, for all policies",
    }

    applies_to: Expression | None = Field(default=None, description="CEL; policies are tried in order")
    facts: dict[Identifier, FactSettings] = Field(default_factory=dict)
    levels: tuple[LevelSettings, ...] = Field(min_length=1, max_length=50)
    windows: WindowSettings | None = Field(default=None, description="what windows such as recent_24h count")
    four_eyes: StrictBool = Field(default=False, description="a person who has changed a request cannot vote on it")
    initiator_may_approve: StrictBool = Field(default=False, description="the person who started the run may vote, too")
    edits: tuple[StrictStr, ...] | None = Field(default=None, description="arguments a reviewer may change")
    reason_for: tuple[Literal["approve", "edit", "reject", "respond", "revise"], ...] = Field(
        default=(), description="votes that need a comment"
    )
    hold: Hold | None = Field(
        default=None, description="how long a vote can be taken back, on levels that say nothing else"
    )
    answer_expires: Duration | None = Field(
        default=None, description="how long an approval may stay unused; every hour counts, whatever the calendar"
    )
    calendar: Name | None = Field(default=None, description="the calendar of steps that name no other")


class CalendarSettings(Section):
    """Business hours."""

    timezone: StrictStr = Field(
        min_length=1, max_length=100, description="a name of the IANA database, such as Europe/Berlin"
    )
    days: tuple[Weekday, ...] = Field(
        min_length=1, max_length=7, description="the working days, such as [mon, tue, wed]"
    )
    hours: Annotated[tuple[Hours, ...], BeforeValidator(one_or_more), ONE_OR_MORE_HOURS] = Field(
        min_length=1, max_length=24, description="the hours of each of these days: 09:00-17:00, or a list of such spans"
    )
    holidays: tuple[Day, ...] = Field(
        default=(), max_length=366, description="days that are closed, such as 2026-12-25"
    )

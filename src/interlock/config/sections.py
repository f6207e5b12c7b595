"""The sections of `interlock.yaml`: which keys there are, and what their values may be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from interlock.config.config_file import ConfigFile

__all__ = [
    "CalendarSettings",
    "DatabaseSettings",
    "DelegationSettings",
    "EscalateSettings",
    "FactSettings",
    "LevelSettings",
    "LimitSettings",
    "PersonSettings",
    "PolicySettings",
    "Settings",
    "StepSettings",
    "ThreadSettings",
    "WindowSettings",
    "config_schema",
    "parse_duration",
    "parse_moment",
    "suggestion",
]

MAX_DURATION = timedelta(days=3660)
_DURATION = re.compile(r"([0-9]{1,6}w)?([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?")
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS = re.compile(rf"{_CLOCK}-(?:{_CLOCK}|24:00)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_NAME = r"^[^\W_][\w .\-]*$"
_PERSON = r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$"
_ASK = r"^(group:|role:|person:|anyone with role )[^\x00-\x1f]*[^\s\x00-\x1f]$"
_ARGUMENT = r"^args(\.[A-Za-z_][A-Za-z0-9_\-]*)+$"
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"
_REFERENCE = r"^[^:\s][^\x00-\x1f]*:[A-Za-z_][A-Za-z0-9_.]*$"

PATTERNS = {
    _NAME: "must be a name of letters, digits, spaces and . _ -",
    _PERSON: "must be a person's id, such as mia@example.com",
    _ASK: "must be group:NAME, role:NAME, person:ID or `anyone with role NAME`",
    _ARGUMENT: "must be the path of an argument, such as args.amount",
    _IDENTIFIER: "must be a name of letters, digits and _",
    _REFERENCE: "must be module:attribute or path/to/file.py:attribute",
}
"""What to say when text is not of one of these forms."""

_NOT_YET = frozenset(
    {
        "extend", "step_up",
    }
)  # fmt: skip


def parse_duration(text: object) -> timedelta:
    """Read a duration such as `30s`, `15m`, `4h`, `2d`, `1w` or `1h30m`."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or not found.group():
        raise PydanticCustomError("duration", "must be a duration such as 30s, 15m, 4h, 2d, 1w or 1h30m")
    parts = [part for part in found.groups() if part]
    length = timedelta(**{_UNITS[part[-1]]: int(part[:-1]) for part in parts})
    if not timedelta(seconds=1) <= length <= MAX_DURATION:
        raise PydanticCustomError("duration", "must be at least 1s and at most ten years")
    return length


def parse_moment(text: object) -> datetime:
    """Read a moment such as `2026-12-01T09:00:00+01:00`: its offset says which one it is."""
    try:
        if isinstance(text, str) and _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # no such day, or too far away
    raise PydanticCustomError(
        "moment", "must be a moment with its offset, such as 2026-12-01T09:00:00Z or 2026-12-01T09:00:00+01:00"
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `did you mean …?` with what is nearest, or what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there is {', '.join(names)}" if names else "there is none"


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("number", "must be a number")
    return Decimal(value)


def _hours(value: object) -> object:
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("hours", "must be hours such as 09:00-17:00, from 00:00 to 24:00")
    return value


def _one_or_more(value: object) -> object:
    return (_hours(value),) if isinstance(value, str) else value


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # not in that month
        pass
    raise PydanticCustomError("date", "must be a day such as 2026-12-25")


def _never_approve(value: object) -> object:
    if value == "approve":
        raise PydanticCustomError("silence", "must be expire or escalate: silence never approves")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": f"^(?=.){_DURATION.pattern}$", "examples": ["30s", "4h", "1h30m"]}),
]
Hours = Annotated[str, BeforeValidator(_hours)]
_ONE_OR_MORE_HOURS = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": f"^{_HOURS.pattern}$", "examples": ["09:00-17:00"]},
            {
                "type": "array",
                "items": {"type": "string", "pattern": f"^{_HOURS.pattern}$"},
                "minItems": 1,
                "maxItems": 24,
            },
        ]
    }
)
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Moment = Annotated[
    datetime,
    BeforeValidator(parse_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-12-01T09:00:00+01:00"]}),
]
Number = Annotated[Decimal, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
Name = Annotated[StrictStr, Field(pattern=_NAME, max_length=100)]
Person = Annotated[StrictStr, Field(pattern=_PERSON, max_length=200)]
Expression = Annotated[StrictStr, Field(min_length=1, max_length=2_000)]
AskEntry = Annotated[StrictStr, Field(pattern=_ASK, max_length=250)]
Identifier = Annotated[StrictStr, Field(pattern=_IDENTIFIER, max_length=64)]
Reference = Annotated[StrictStr, Field(pattern=_REFERENCE, max_length=1_000)]


class _Section(BaseModel):
    """A part of the file: its keys are these and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    elsewhere: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, data: Any) -> Any:
        known = {info.alias or name for name, info in cls.model_fields.items()}
        for key in data if isinstance(data, dict) else ():
            if key in known:
                continue
            if key in _NOT_YET:
                raise PydanticCustomError(
                    "unknown_key", "is not supported yet by this version: remove it", {"key": str(key)}
                )
            hint = cls.elsewhere.get(key) or suggestion(str(key), known)
            raise PydanticCustomError("unknown_key", "is not known here: {hint}", {"key": str(key), "hint": hint})
        return data


class DatabaseSettings(_Section):
    """Where requests, runs and the log are kept."""

    url: StrictStr | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="sqlite:///file.db, postgresql://user@host/name, or SCHEME://… of a store that a package brings",
    )
    fixed: StrictBool = Field(default=False, description="do not take INTERLOCK_DATABASE_URL in its place")


class PersonSettings(_Section):
    """One person, under one id."""

    aliases: tuple[Person, ...] = Field(default=(), description="other ids of the same person")


class DelegationSettings(_Section):
    """One person votes for another, for a time."""

    giver: Person = Field(alias="from", description="whose vote it is")
    delegate: Person = Field(alias="to", description="who casts it meanwhile")
    since: Moment | None = Field(default=None, description="when it begins; at once if nothing is said")
    until: Moment = Field(description="when it ends: a delegation is for a time")
    reason: Annotated[StrictStr, Field(max_length=1_000)] = ""


class FactSettings(_Section):
    """A value that expressions may use."""

    source: Annotated[StrictStr, Field(pattern=_ARGUMENT)] = Field(
        alias="from", description="where it is in the arguments, such as args.amount"
    )
    type: Literal["decimal", "integer", "string", "boolean"] = "string"
    min: Number | None = None
    max: Number | None = None
    digits: Annotated[StrictInt, Field(ge=1, le=15)] = 15


class EscalateSettings(_Section):
    """Who else is asked when those whom a step asks stay silent."""

    after: Duration | None = Field(default=None, description="from the beginning of the step; needed to ask in time")
    to: tuple[AskEntry, ...] = Field(min_length=1, description="group:NAME, role:NAME, person:ID")


class StepSettings(_Section):
    """Who is asked, how many must agree, until when."""

    ask: tuple[AskEntry, ...] = Field(min_length=1, description="group:NAME, role:NAME, person:ID")
    approvals: Annotated[StrictInt, Field(ge=1, le=100)] = Field(default=1, description="of distinct people")
    rejections: Annotated[StrictInt, Field(ge=1, le=100)] = Field(default=1, description="this many end it")
    within: Duration = Field(default=timedelta(hours=24), description="then the request expires")
    where: Expression | None = Field(default=None, description="CEL over reviewer, initiator and requester")
    remind_after: tuple[Duration, ...] = Field(default=(), max_length=20, description="from the beginning of the step")
    escalate: EscalateSettings | None = Field(default=None, description="who is asked as well, and after how long")
    on_timeout: Annotated[Literal["expire", "escalate"], BeforeValidator(_never_approve)] = Field(
        default="expire", description="what silence brings; it never approves"
    )
    calendar: Name | None = Field(default=None, description="whose open time these count; the policy's by default")


class LevelSettings(_Section):
    """One rung of a policy."""

    elsewhere: ClassVar = {
        "ask": "it belongs to a step, under `steps`",
        "within": "it belongs to a step, under `steps`",
        "calendar": "it belongs to the policy, or to a step, under `steps`",
    }

    name: Name | None = None
    when: Expression | None = Field(default=None, description="CEL over the facts; the last level has none")
    approve: Literal["automatically"] | None = None
    steps: tuple[StepSettings, ...] = ()


class WindowSettings(_Section):
    """What windows such as `recent_24h` count."""

    by: tuple[Annotated[StrictStr, Field(pattern=_ARGUMENT)], ...] = Field(
        min_length=1, max_length=10, description="only what is alike in these arguments, such as args.vendor"
    )


class PolicySettings(_Section):
    """Who decides, how many, until when."""

    elsewhere: ClassVar = {
        "steps": "it belongs to a level, under `levels`",
        "ask": "it belongs to a step of a level",
        "delegations": "it stands beside `groups`, for all policies",
    }

    applies_to: Expression | None = Field(default=None, description="CEL; policies are tried in order")
    facts: dict[Identifier, FactSettings] = Field(default_factory=dict)
    levels: tuple[LevelSettings, ...] = Field(min_length=1, max_length=50)
    windows: WindowSettings | None = Field(default=None, description="what recent_24h and its like count")
    four_eyes: StrictBool = False
    initiator_may_approve: StrictBool = False
    edits: tuple[StrictStr, ...] | None = Field(default=None, description="arguments a reviewer may change")
    reason_for: tuple[Literal["approve", "edit", "reject", "respond", "revise"], ...] = ()
    answer_expires: Duration | None = Field(default=None, description="every hour counts, whatever the calendar")
    calendar: Name | None = Field(default=None, description="of all its steps that name no other")


class CalendarSettings(_Section):
    """Business hours: when people are there."""

    timezone: StrictStr = Field(min_length=1, max_length=100, description="of the IANA database: Europe/Berlin")
    days: tuple[Weekday, ...] = Field(min_length=1, max_length=7, description="of the week, such as [mon, tue, wed]")
    hours: Annotated[tuple[Hours, ...], BeforeValidator(_one_or_more), _ONE_OR_MORE_HOURS] = Field(
        min_length=1, max_length=24, description="of each of these days: 09:00-17:00, or a list of such"
    )
    holidays: tuple[Day, ...] = Field(default=(), max_length=366, description="closed all day: 2026-12-25")


class RetrySettings(_Section):
    """How an agent's failed attempts are tried again."""

    attempts: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        default=5, description="how many may fail in a row before a person has to look"
    )
    backoff: Duration = Field(default=timedelta(seconds=1), description="before the second; doubles each time")
    longest: Duration = Field(default=timedelta(seconds=60), description="the longest that one waits")
    repeatable: StrictBool = Field(
        default=False,
        description="whatever the graph does by itself may happen twice, so it is tried again after an approval, too",
    )

    @model_validator(mode="after")
    def _longest_is_not_the_shortest(self) -> Self:
        if self.longest < self.backoff:
            raise PydanticCustomError(
                "longest",
                "no wait is longer than `longest` ({default}{longest} s), and `backoff`, the first, is {backoff} s: "
                "make `longest` at least as long",
                {
                    "default": "" if "longest" in self.model_fields_set else "which is not given: ",
                    "longest": f"{self.longest.total_seconds():g}",
                    "backoff": f"{self.backoff.total_seconds():g}",
                },
            )
        return self


class LimitSettings(_Section):
    """Other limits than the built-in ones."""

    action_bytes: Annotated[StrictInt, Field(ge=1_000, le=256_000)] | None = None
    state_bytes: Annotated[StrictInt, Field(ge=10_000, le=100_000_000)] | None = None
    states: Annotated[StrictInt, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="how many states of a run stay readable: of its pauses, and its end; 20 if not given"
    )
    load_seconds: Annotated[StrictInt, Field(ge=1, le=600)] | None = Field(
        default=None, description="how long the import of an agent may take; 30 if it is not given"
    )


class ThreadSettings(_Section):
    """Conversations: series of runs of which each begins where the last one ended."""

    when_busy: Literal["refuse", "queue"] = Field(
        default="refuse", description="what becomes of a run while another run of its thread has not ended"
    )


class Settings(_Section):
    """What is configured. `origin` is the file that it came from, if there is one."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    agents: dict[Name, Reference] = Field(
        default_factory=dict, description="name to module:attribute or path/to/file.py:attribute"
    )
    groups: dict[Name, tuple[Person, ...]] = Field(default_factory=dict)
    roles: dict[Name, tuple[Person, ...]] = Field(default_factory=dict)
    people: dict[Person, PersonSettings] = Field(default_factory=dict)
    delegations: tuple[DelegationSettings, ...] = Field(
        default=(),
        max_length=1_000,
        description="who votes for whom, and how long; never followed from one to the next",
    )
    policies: dict[Name, PolicySettings] = Field(default_factory=dict, description="tried in order")
    default: PolicySettings | None = Field(default=None, description="the policy for what no other applies to")
    calendars: dict[Name, CalendarSettings] = Field(default_factory=dict, description="business hours, by name")
    retries: dict[Name, RetrySettings] = Field(
        default_factory=dict, description="how failed attempts are tried again, by the agent's name"
    )
    limits: LimitSettings = Field(default_factory=LimitSettings)
    threads: ThreadSettings = Field(default_factory=ThreadSettings)
    _origin: ConfigFile | None = PrivateAttr(default=None)

    @property
    def origin(self) -> ConfigFile | None:
        """The file that the settings were read from; None where the built-in defaults hold."""
        return self._origin

    @property
    def database_url(self) -> str:
        """The address of the database, the default one included."""
        assert self.database.url is not None
        return self.database.url


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of `interlock.yaml`, for editors."""
    schema = Settings.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "interlock.yaml"}

"""The sections of `interlock.yaml`: which keys there are, and what their values may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from interlock.config.base import Section
from interlock.config.channels import AnyChannel
from interlock.config.located import ConfigFile
from interlock.config.server import ServerSettings
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
    Moment,
    Name,
    Number,
    Person,
    QueueName,
    Reference,
    Slug,
    Weekday,
    never_approve,
    none_if_false,
    one_or_more,
)


class DatabaseSettings(Section):
    """Where requests, runs and the log are kept."""

    url: StrictStr | None = Field(
        default=None,
        repr=False,
        min_length=1,
        description="sqlite:///file.db, postgresql://user@host/name, dynamodb://table, or SCHEME://… of a store that a "
        "package brings",
    )
    fixed: StrictBool = Field(default=False, description="ignore INTERLOCK_DATABASE_URL")


class PersonSettings(Section):
    """One person, under one id."""

    aliases: tuple[Person, ...] = Field(default=(), description="other ids of the same person")


class DelegationSettings(Section):
    """One person votes for another, for a time."""

    giver: Person = Field(alias="from", description="the person whose vote it is")
    delegate: Person = Field(alias="to", description="the person who casts it for them")
    since: Moment | None = Field(default=None, description="when it begins; by default at once")
    until: Moment = Field(description="when it ends; no delegation lasts for ever")
    reason: Annotated[StrictStr, Field(max_length=1_000)] = Field(default="", description="shown with each vote")


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


class RetrySettings(Section):
    """How an agent's failed attempts are tried again."""

    attempts: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        default=5, description="how many attempts may fail in a row before a person has to look"
    )
    backoff: Duration = Field(
        default=timedelta(seconds=1), description="the wait before the second attempt; it doubles each time"
    )
    longest: Duration = Field(default=timedelta(seconds=60), description="the longest wait")
    repeatable: StrictBool = Field(
        default=False,
        description="all that the graph does by itself may happen twice: it is tried again after an approval, too",
    )

    @model_validator(mode="after")
    def _longest_is_not_the_shortest(self) -> Self:
        if self.longest < self.backoff:
            given = "" if "longest" in self.model_fields_set else "which is not given: "
            raise PydanticCustomError(
                "longest",
                f"no wait is longer than `longest` ({given}{self.longest.total_seconds():g} s), and `backoff`, the "
                f"first, is {self.backoff.total_seconds():g} s: make `longest` at least as long",
            )
        return self


class LimitSettings(Section):
    """Limits, where they differ from the built-in ones."""

    action_bytes: Annotated[StrictInt, Field(ge=1_000, le=256_000)] | None = Field(
        default=None, description="the largest action, question or draft, as JSON; by default 256,000"
    )
    state_bytes: Annotated[StrictInt, Field(ge=10_000, le=100_000_000)] | None = Field(
        default=None, description="the largest state of a run; by default 8,000,000"
    )
    states: Annotated[StrictInt, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="how many states of a run stay readable, of its pauses and its end; by default 20"
    )
    load_seconds: Annotated[StrictInt, Field(ge=1, le=600)] | None = Field(
        default=None, description="how long the import of an agent may take; by default 30"
    )


class LearningSettings(Section):
    """How people's decisions on an agent's requests may be used."""

    export: StrictBool = Field(
        default=False, description="they may be exported as training data: `interlock dataset export`"
    )
    recall: StrictBool = Field(default=False, description="they may be shown to agents as examples: `recall`")
    redact: tuple[Annotated[StrictStr, Field(min_length=1, max_length=500)], ...] = Field(
        default=(),
        max_length=100,
        description="fields that both leave out: names, at any depth, or JSON pointers such as /customer/email",
    )


class CostSettings(Section):
    """The settings of `interlock cost`."""

    prices: StrictStr | None = Field(
        default=None, min_length=1, description="a file of prices; those that come with Interlock, if none is named"
    )


class ThreadSettings(Section):
    """Conversations: series of runs, where each run begins with the state that the last one left."""

    when_busy: Literal["refuse", "queue"] = Field(
        default="refuse", description="what happens to a new run while another run of its thread has not ended"
    )


class WakeSettings(Section):
    """How workers hear of work, in place of PostgreSQL's notifications; workers on SQLite need nothing."""

    celery: StrictBool = Field(
        default=False,
        description="Celery's workers carry runs on: each run is sent to them as a task",
    )
    channel: Slug = Field(description="a channel of RabbitMQ or SQS, under `channels`")
    name: QueueName | None = Field(
        default=None, description="the exchange (interlock.wake), or the queue of SQS (interlock-wake)"
    )


class Settings(Section):
    """The whole configuration. `origin` is the file that it came from, if there is one."""

    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    agents: dict[Name, Reference] = Field(
        default_factory=dict, description="each agent's name, with module:attribute or path/to/file.py:attribute"
    )
    groups: dict[Name, tuple[Person, ...]] = Field(default_factory=dict, description="the members of each group")
    roles: dict[Name, tuple[Person, ...]] = Field(default_factory=dict, description="the people who have each role")
    people: dict[Person, PersonSettings] = Field(default_factory=dict)
    delegations: tuple[DelegationSettings, ...] = Field(
        default=(),
        max_length=1_000,
        description="who votes for whom, and how long; a delegated vote cannot be delegated on",
    )
    policies: dict[Name, PolicySettings] = Field(default_factory=dict, description="tried in order")
    default: PolicySettings | None = Field(default=None, description="the policy of requests to which no other applies")
    calendars: dict[Name, CalendarSettings] = Field(default_factory=dict, description="business hours, by name")
    retries: dict[Name, RetrySettings] = Field(
        default_factory=dict, description="how failed attempts are tried again, by the agent's name"
    )
    request_limits: dict[Name, Annotated[StrictInt, Field(ge=1, le=100_000)]] = Field(
        default_factory=dict,
        description="how many requests of an agent may wait for people at once, by its name; `default` for the others",
    )
    requests_per_hour: dict[Name, Annotated[StrictInt, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=dict,
        description="how many requests an agent may open within an hour, by its name; `default` for the others",
    )
    learning: dict[Name, LearningSettings] = Field(
        default_factory=dict,
        description="how people's decisions may be used, by the agent's name; by default not at all",
    )
    cost: CostSettings = Field(default_factory=CostSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    threads: ThreadSettings = Field(default_factory=ThreadSettings)
    server: ServerSettings = Field(default_factory=ServerSettings, description="read when `interlock serve` starts")
    channels: dict[Slug, AnyChannel] = Field(
        default_factory=dict, max_length=100, description="the ways in which people and programs are told, by name"
    )
    wake: WakeSettings | None = Field(
        default=None, description="how workers hear of work; by default from the database"
    )
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

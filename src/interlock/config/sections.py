"""The sections of `interlock.yaml`: which keys there are, and what their values may be."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from interlock.config.base import Section
from interlock.config.channels import AnyChannel
from interlock.config.located import ConfigFile
from interlock.config.policies import (
    CalendarSettings,
    PolicySettings,
)
from interlock.config.server import ServerSettings
from interlock.config.values import (
    Duration,
    Moment,
    Name,
    Person,
    QueueName,
    Reference,
    Slug,
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

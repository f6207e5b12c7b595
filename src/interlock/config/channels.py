"""The section `channels` of `interlock.yaml`: by which ways people and programs are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from interlock.config.base import Section
from interlock.config.values import (
    Address,
    HostName,
    MailAddress,
    Name,
    Person,
    QueueAddress,
    QueueName,
    Region,
    SlackRoom,
    Variable,
)

EventName = Literal[
    "opened", "step_reached", "vote_cast", "step_held", "vote_taken_back", "edited", "reminded", "escalated",
    "extended", "asked_back", "clarified", "rescheduled", "decided", "expired", "withdrawn", "effect_executed",
    "effect_failed", "effect_unknown", "effect_lapsed", "attention_needed",
]  # fmt: skip
"""What channels may be told of, as the log names it."""


Network = Annotated[StrictStr, Field(max_length=50)]


class ChannelSettings(Section):
    """What all channels have."""

    tenant: Name = Field(default="default", description="whose requests it is told of")


class EventSettings(ChannelSettings):
    """What all channels have that are told of each thing that happens."""

    events: tuple[EventName, ...] | None = Field(
        default=None, min_length=1, description="what it is told of; by default all that concerns people"
    )


class SecretSettings(Section):
    """Where a secret is: it never stands in the file itself."""

    env: Variable | None = Field(default=None, description="the environment variable that has it")
    file: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        default=None, description="the file that has it, from this file's folder"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) is (self.file is None):
            raise PydanticCustomError("secret", "names one place: `env`, a variable, or `file`")
        return self


class CallbackSettings(Section):
    """Replies by a call: whoever gets the channel's messages may decide in the name of these people."""

    key: SecretSettings = Field(
        description="where at least 32 random characters are that make the tokens: whoever has them can vote as anybody"
    )
    people: tuple[Person, ...] = Field(min_length=1, max_length=50, description="in whose name one may reply")


class ReplySettings(CallbackSettings):
    """Replies on a queue as well."""

    queue: QueueName = Field(
        default="interlock.replies", description="a quorum queue; what is refused goes to NAME.dead"
    )


class WebhookSettings(EventSettings):
    """A program that is called: Standard Webhooks, with CloudEvents."""

    elsewhere: ClassVar = {"secret": "name where they are: secrets: [{env: NAME}], the newest first"}

    type: Literal["webhook"]
    url: Address = Field(description="where it is called, by POST")
    secrets: tuple[SecretSettings, ...] = Field(
        min_length=1,
        max_length=5,
        description="whsec_…: each signs every call, so that they can be changed; newest first",
    )
    networks: tuple[Network, ...] = Field(
        default=(), max_length=20, description="private addresses that it may have, such as 10.1.0.0/16"
    )
    replies: CallbackSettings | None = Field(
        default=None, description="how one decides by calling `data.reply.callback_url`; not at all by default"
    )


class RabbitMQSettings(EventSettings):
    """A broker that speaks AMQP 0.9.1: RabbitMQ."""

    elsewhere: ClassVar = {"url": "it holds a password: name where it is, address: {env: NAME}"}

    type: Literal["rabbitmq"]
    address: SecretSettings = Field(description="where the broker's address is, amqps://user:password@host/vhost")
    exchange: QueueName = Field(default="interlock", description="a topic exchange; the key says what has happened")
    queue: QueueName = Field(
        default="interlock.requests", description="a quorum queue that has all of it; its dead letters go to NAME.dead"
    )
    replies: ReplySettings | None = Field(
        default=None, description="how one decides by the broker; not at all by default"
    )


class SqsSettings(EventSettings):
    """Amazon SQS: standard queues that are there already. Credentials come by AWS's usual chain."""

    type: Literal["sqs"]
    queue: QueueAddress = Field(description="its address, or its name")
    region: Region | None = Field(default=None, description="where it is; by default what AWS_DEFAULT_REGION says")
    replies: ReplySettings | None = Field(
        default=None, description="how one decides by a queue; what is refused goes to one called NAME-dead"
    )


class SlackSettings(ChannelSettings):
    """A room of Slack: each request gets one card there, and people decide by its buttons."""

    elsewhere: ClassVar = {"channel": "name the room's id: room: C0123456789"}

    type: Literal["slack"]
    room: SlackRoom | None = Field(
        default=None,
        description="the id of the room, such as C0123456789; without one, people are told who have linked an account",
    )
    token: SecretSettings = Field(description="where the bot's token is, xoxb-…")
    signing_secret: SecretSettings = Field(description="where the app's signing secret is, which proves Slack's calls")
    agents: tuple[Name, ...] = Field(default=(), max_length=100, description="whose requests alone; by default all")
    levels: tuple[Name, ...] = Field(
        default=(), max_length=100, description="on which levels of their policies alone; by default all"
    )
    most_an_hour: int = Field(
        default=10, ge=1, le=1_000, description="without a room, how many messages one person gets in an hour"
    )
    api: Address = Field(default="https://slack.com/api", description="where Slack's Web API is")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.room is None and (self.agents or self.levels):
            raise PydanticCustomError("room", "has `agents` and `levels` with a `room`: people choose for themselves")
        return self


class PeopleSettings(ChannelSettings):
    """What all channels have that talk to people, each as they have chosen."""

    most_an_hour: int = Field(
        default=10, ge=1, le=1_000, description="how many messages one person gets in an hour before the rest are one"
    )


class MailSettings(PeopleSettings):
    """Mail, out by SMTP. Nothing is read that comes back."""

    type: Literal["mail"]
    host: HostName = Field(description="the mail server")
    port: int = Field(default=587, ge=1, le=65_535, description="where it listens: 587 with starttls, 465 with tls")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="how what is sent is kept secret; none is for a server on this machine"
    )
    user: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="who signs in there; nobody by default"
    )
    password: SecretSettings | None = Field(default=None, description="where the user's password is")
    links: SecretSettings | None = Field(
        default=None,
        description="where at least 32 random characters are that make links by which one decides, with a click on the "
        "page that they open: whoever has them can vote as anybody; no such links by default",
    )
    sender: MailAddress = Field(description="from which address it comes, such as approvals@example.com")
    sender_name: Annotated[StrictStr, Field(max_length=100)] = Field(
        default="Interlock", description="how the sender is called"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.user is None) is not (self.password is None):
            raise PydanticCustomError("user", "needs `user` and `password`, or neither")
        if self.user is not None and self.security == "none":
            raise PydanticCustomError("security", "a password is sent by `starttls` or `tls` only")
        return self


class AppriseSettings(ChannelSettings):
    """Rooms and feeds that people read: Teams, Discord, ntfy and others, by Apprise. Nothing comes back."""

    elsewhere: ClassVar = {"url": "it may hold a secret: name where it is, address: {env: NAME}"}

    type: Literal["apprise"]
    address: SecretSettings = Field(
        description="where the address is, as Apprise writes it, such as ntfys://host/topic"
    )
    events: tuple[EventName, ...] = Field(
        default=("step_reached", "reminded", "escalated", "effect_unknown", "attention_needed"),
        min_length=1,
        description="what it is told of",
    )
    most_an_hour: int = Field(
        default=20, ge=1, le=1_000, description="how many messages it gets in an hour before the rest are one"
    )


def people_channels(channels: Mapping[str, object], tenant: str) -> dict[str, str]:
    """Return the channels of a tenant that talk to people, each as they have chosen: the type of each, by its name."""
    return {
        name: str(getattr(one, "type", ""))
        for name, one in channels.items()
        if (isinstance(one, PeopleSettings) or (isinstance(one, SlackSettings) and one.room is None))
        and one.tenant == tenant
    }


AnyChannel = Annotated[
    WebhookSettings | RabbitMQSettings | SqsSettings | SlackSettings | MailSettings | AppriseSettings,
    Field(discriminator="type"),
]

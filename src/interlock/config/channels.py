"""The section `channels` of `interlock.yaml`: the ways in which people and programs are told."""

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
"""The events that a channel may tell, by their names in the log."""


Network = Annotated[StrictStr, Field(max_length=50)]


class ChannelSettings(Section):
    """The settings that every channel has."""

    tenant: Name = Field(default="default", description="the tenant whose requests it tells of")


class EventSettings(ChannelSettings):
    """The settings of channels that tell every event."""

    events: tuple[EventName, ...] | None = Field(
        default=None, min_length=1, description="the events that it tells; by default all that concern people"
    )


class BrokerSettings(EventSettings):
    """The settings of channels that brokers carry, by which workers may be woken as well."""

    events: tuple[EventName, ...] | None = Field(
        default=None,
        description="the events that it tells; by default all that concern people; `[]` where it only wakes workers",
    )


class SecretSettings(Section):
    """The place of a secret, which never stands in this file itself."""

    env: Variable | None = Field(default=None, description="the environment variable that has it")
    file: Annotated[StrictStr, Field(min_length=1)] | None = Field(
        default=None, description="the file that has it; a relative path starts at the folder of this file"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) is (self.file is None):
            raise PydanticCustomError("secret", "names one place: `env`, a variable, or `file`")
        return self


class CallbackSettings(Section):
    """Replies by a call: whoever gets the channel's messages may decide in the name of these people."""

    key: SecretSettings = Field(
        description="secret (32+ random characters) that makes the reply tokens; whoever has it can vote as anybody"
    )
    people: tuple[Person, ...] = Field(
        min_length=1, max_length=50, description="the people in whose name a reply may vote"
    )


class ReplySettings(CallbackSettings):
    """Replies on a queue as well."""

    queue: QueueName = Field(default="interlock.replies", description="a quorum queue; refused replies go to NAME.dead")


class WebhookSettings(EventSettings):
    """A program that is called: Standard Webhooks, with CloudEvents."""

    elsewhere: ClassVar = {"secret": "name where they are: secrets: [{env: NAME}], the newest first"}

    type: Literal["webhook"]
    url: Address = Field(description="the address that is called, by POST")
    secrets: tuple[SecretSettings, ...] = Field(
        min_length=1,
        max_length=5,
        description="whsec_…, the newest first; each signs every call, so that a secret can be replaced",
    )
    networks: tuple[Network, ...] = Field(
        default=(), max_length=20, description="private networks in which the address may lie, such as 10.1.0.0/16"
    )
    replies: CallbackSettings | None = Field(
        default=None, description="lets people decide by a call of `data.reply.callback_url`; off by default"
    )


class RabbitMQSettings(BrokerSettings):
    """A broker that speaks AMQP 0.9.1: RabbitMQ."""

    elsewhere: ClassVar = {"url": "it holds a password: name where it is, address: {env: NAME}"}

    type: Literal["rabbitmq"]
    address: SecretSettings = Field(description="the place of the broker's address, amqps://user:password@host/vhost")
    exchange: QueueName = Field(default="interlock", description="a topic exchange; the routing key names the event")
    queue: QueueName = Field(
        default="interlock.requests",
        description="a quorum queue that gets every message; its dead letters go to NAME.dead",
    )
    replies: ReplySettings | None = Field(
        default=None, description="lets people decide by a message to the broker; off by default"
    )


class SqsSettings(BrokerSettings):
    """Amazon SQS: standard queues that exist already. Credentials come from AWS's usual chain."""

    type: Literal["sqs"]
    queue: QueueAddress = Field(description="the queue's address, or its name")
    region: Region | None = Field(default=None, description="the queue's region; by default AWS_DEFAULT_REGION")
    replies: ReplySettings | None = Field(
        default=None, description="lets people decide by a queue; refused replies go to the queue NAME-dead"
    )


class SlackSettings(ChannelSettings):
    """A room of Slack: each request gets one card there, and people decide by its buttons."""

    elsewhere: ClassVar = {"channel": "name the room's id: room: C0123456789"}

    type: Literal["slack"]
    room: SlackRoom | None = Field(
        default=None,
        description="the room's id, such as C0123456789; without a room, people who have linked an account are told",
    )
    token: SecretSettings = Field(description="the place of the bot's token, xoxb-…")
    signing_secret: SecretSettings = Field(
        description="the place of the app's signing secret, which proves Slack's calls"
    )
    agents: tuple[Name, ...] = Field(
        default=(), max_length=100, description="only requests of these agents; by default of all"
    )
    levels: tuple[Name, ...] = Field(
        default=(), max_length=100, description="only requests on these levels of their policies; by default on all"
    )
    most_an_hour: int = Field(
        default=10,
        ge=1,
        le=1_000,
        description="without a room: messages per hour to one person; further ones are combined into one",
    )
    api: Address = Field(default="https://slack.com/api", description="the address of Slack's Web API")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.room is None and (self.agents or self.levels):
            raise PydanticCustomError("room", "has `agents` and `levels` with a `room`: people choose for themselves")
        return self


class PeopleSettings(ChannelSettings):
    """The settings of channels that write to single people, to each as they have chosen."""

    most_an_hour: int = Field(
        default=10, ge=1, le=1_000, description="messages per hour to one person; further ones are combined into one"
    )


class MailSettings(PeopleSettings):
    """Mail, sent by SMTP. Replies are not read."""

    type: Literal["mail"]
    host: HostName = Field(description="the mail server")
    port: int = Field(default=587, ge=1, le=65_535, description="the server's port: 587 with starttls, 465 with tls")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="how the connection is encrypted; none is for a server on this machine"
    )
    user: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="the name to sign in with; by default nobody signs in"
    )
    password: SecretSettings | None = Field(default=None, description="the place of the user's password")
    links: SecretSettings | None = Field(
        default=None,
        description="secret (32+ random characters) that signs decision links in mails; whoever has it can vote as "
        "anybody. Without it, mails have no such links",
    )
    sender: MailAddress = Field(description="the address that mails come from, such as approvals@example.com")
    sender_name: Annotated[StrictStr, Field(max_length=100)] = Field(
        default="Interlock", description="the sender's name"
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
        description="the place of the address, as Apprise writes it, such as ntfys://host/topic"
    )
    events: tuple[EventName, ...] = Field(
        default=("step_reached", "reminded", "escalated", "effect_unknown", "attention_needed"),
        min_length=1,
        description="the events that it tells",
    )
    most_an_hour: int = Field(
        default=20, ge=1, le=1_000, description="messages per hour; further ones are combined into one"
    )


def people_channels(channels: Mapping[str, object], tenant: str) -> dict[str, str]:
    """Return the type of each channel of a tenant that writes to single people, by the channel's name."""
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

"""The channels of a configuration, ready to send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Protocol, get_args

from interlock.channels.event_channel import EventChannel, Replies
from interlock.config.channels import (
    AnyChannel,
    AppriseSettings,
    EventName,
    MailSettings,
    RabbitMQSettings,
    ReplySettings,
    SecretSettings,
    SlackSettings,
    SqsSettings,
    WebhookSettings,
)
from interlock.config.secrets import read_secret
from interlock.domain.addresses import network
from interlock.domain.reply_tokens import SHORTEST_KEY
from interlock.domain.signatures import key_of
from interlock.engine.ports.sender import Sender
from interlock.errors import BadInput, InvalidConfig, InvalidValue
from interlock.service.components import Components
from interlock.service.notices import Notices, mail_address_of
from interlock.service.queue_replies import QueueReplies
from interlock.service.token_replies import ReplyTokens

EVENTS = frozenset(get_args(EventName))
REPLYING = (WebhookSettings, RabbitMQSettings, SqsSettings)
"""Channels whose messages may carry tokens by which one replies."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a configuration holds.

    Args:
        folder: that of its file.
        now: the clock of this machine.
        origin: where people reach the server; None if there is none.
    """

    folder: Path
    environ: Mapping[str, str]
    now: Callable[[], datetime]
    origin: str | None = None


def senders_of(channels: Mapping[str, AnyChannel], around: Surroundings, components: Components) -> list[Sender]:
    """Return what carries the messages of each channel.

    Raises:
        BadInput: if a secret is not where it should be or is none, an address cannot be used, or what a channel needs
            is not installed.
    """
    return [_sender(name, settings, around, components) for name, settings in channels.items()]


class Listener(Protocol):
    """Takes what comes back by a channel."""

    async def run(self, stop: asyncio.Event) -> None:
        """Take it until it is stopped."""


def listeners_of(
    channels: Mapping[str, AnyChannel], around: Surroundings, components: Components, complain: Callable[[str], None]
) -> list[Listener]:
    """Return what takes replies of each channel that has any.

    Raises:
        BadInput: see `senders_of`.
    """
    found = []
    for name, settings in channels.items():
        if not isinstance(settings, RabbitMQSettings | SqsSettings) or settings.replies is None:
            continue
        given = settings.replies
        key = _reply_key(f"channels.{name}.replies.key", given.key, around)
        replies = QueueReplies(components, key, tenant=settings.tenant, channel=name, via=settings.type)
        found.append(_listener(name, settings, given.queue, replies, around, complain))
    return found


def reply_keys_of(channels: Mapping[str, AnyChannel], around: Surroundings) -> list[tuple[str, bytes]]:
    """Return by what the tokens of each channel's messages are made, and for which tenant.

    Raises:
        BadInput: see `senders_of`.
    """
    found = []
    for name, one in channels.items():
        if isinstance(one, REPLYING) and one.replies is not None:
            found.append((one.tenant, _reply_key(f"channels.{name}.replies.key", one.replies.key, around)))
        if isinstance(one, MailSettings) and one.links is not None:
            found.append((one.tenant, _reply_key(f"channels.{name}.links", one.links, around)))
    return found


def _listener(  # noqa: PLR0913, PLR0917 - what a listener is made of
    name: str,
    settings: RabbitMQSettings | SqsSettings,
    queue: str,
    replies: QueueReplies,
    around: Surroundings,
    complain: Callable[[str], None],
) -> Listener:
    if isinstance(settings, RabbitMQSettings):
        from interlock.channels.rabbitmq import RabbitMQReplies  # noqa: PLC0415 - as below

        return RabbitMQReplies(_broker(f"channels.{name}.address", settings.address, around), queue, replies, complain)
    from interlock.channels.sqs import Queue, SqsReplies  # noqa: PLC0415 - as below

    return SqsReplies(Queue(queue, settings.region), Queue(f"{queue}-dead", settings.region), replies, complain)


def _sender(name: str, settings: AnyChannel, around: Surroundings, components: Components) -> Sender:
    try:
        match settings:
            case WebhookSettings():
                return _webhook(name, settings, around)
            case RabbitMQSettings():
                return _rabbitmq(name, settings, around)
            case SqsSettings():
                return _sqs(name, settings, around)
            case SlackSettings():
                return _slack(name, settings, around, components)
            case MailSettings():
                return _mail(name, settings, around, components)
            case AppriseSettings():
                return _apprise(name, settings, around, components)
    except ModuleNotFoundError as missing:
        extra = {"apprise": "notify"}.get(settings.type, settings.type)
        raise BadInput(
            f"The channel {name} needs {missing.name}, which is not installed: run `pip install '.[{extra}]'` "
            "in a checkout of this project."
        ) from None


def _webhook(name: str, settings: WebhookSettings, around: Surroundings) -> Sender:
    from interlock.channels.webhook import WebhookSender  # noqa: PLC0415 - needs what the extra brings

    if settings.replies is not None and around.origin is None:
        raise InvalidConfig(
            f"channels.{name}.replies: one replies by a call of the server: say under `server` as `origin` where "
            "people reach it."
        )
    return WebhookSender(
        _channel(name, settings, around),
        settings.url,
        [_key(f"channels.{name}.secrets", secret, around) for secret in settings.secrets],
        now=around.now,
        networks=[_network(name, one) for one in settings.networks],
    )


def _rabbitmq(name: str, settings: RabbitMQSettings, around: Surroundings) -> Sender:
    from interlock.channels.rabbitmq import RabbitMQSender  # noqa: PLC0415 - needs what the extra brings

    return RabbitMQSender(
        _channel(name, settings, around),
        _broker(f"channels.{name}.address", settings.address, around),
        exchange=settings.exchange,
        queue=settings.queue,
    )


def _sqs(name: str, settings: SqsSettings, around: Surroundings) -> Sender:
    from interlock.channels.sqs import Queue, SqsSender  # noqa: PLC0415 - needs what the extra brings

    return SqsSender(_channel(name, settings, around), Queue(settings.queue, settings.region))


def _slack(name: str, settings: SlackSettings, around: Surroundings, components: Components) -> Sender:
    from interlock.slack.configured import slack_channel  # noqa: PLC0415 - needs what the extra brings
    from interlock.slack.direct import SlackDirectSender  # noqa: PLC0415
    from interlock.slack.sender import SlackSender  # noqa: PLC0415

    channel = slack_channel(name, settings, around.folder, around.environ, around.origin)
    if settings.room is None:
        return SlackDirectSender(channel, components, settings.most_an_hour)
    return SlackSender(channel, components)


def _mail(name: str, settings: MailSettings, around: Surroundings, components: Components) -> Sender:
    from interlock.channels.mail import MailSender, MailServer  # noqa: PLC0415 - few installations send mail

    where, key = f"channels.{name}.password", settings.password
    password = "" if key is None else read_secret(where, around.folder, around.environ, env=key.env, file=key.file)
    return MailSender(
        name,
        Notices(components, settings.tenant, name, mail_address_of(name)),
        MailServer(settings.host, settings.port, settings.security, settings.user or "", password),
        tenant=settings.tenant,
        sender=(settings.sender_name, settings.sender),
        origin=_origin(name, around),
        now=around.now,
        most_an_hour=settings.most_an_hour,
        links=None if settings.links is None else _reply_key(f"channels.{name}.links", settings.links, around),
    )


def _apprise(name: str, settings: AppriseSettings, around: Surroundings, components: Components) -> Sender:
    from interlock.channels.apprise import AppriseSender  # noqa: PLC0415 - needs what the extra brings

    where, at = f"channels.{name}.address", settings.address
    return AppriseSender(
        name,
        components,
        read_secret(where, around.folder, around.environ, env=at.env, file=at.file),
        tenant=settings.tenant,
        events=frozenset(settings.events),
        origin=_origin(name, around),
        most_an_hour=settings.most_an_hour,
    )


def _origin(name: str, around: Surroundings) -> str:
    """Return where people reach the server, for links that lead there."""
    if around.origin is None:
        raise InvalidConfig(
            f"channels.{name}: its messages lead to the server, and nothing says where that is: add "
            "`server: {origin: https://…}`."
        )
    return around.origin


def _channel(
    name: str, settings: WebhookSettings | RabbitMQSettings | SqsSettings, around: Surroundings
) -> EventChannel:
    events = EVENTS if settings.events is None else frozenset(settings.events)
    given, replies = settings.replies, None
    if given is not None:
        tokens = ReplyTokens(_reply_key(f"channels.{name}.replies.key", given.key, around), given.people)
        replies = Replies(tokens, given.queue if isinstance(given, ReplySettings) else None)
    return EventChannel(name, settings.tenant, events, around.origin, replies)


def _reply_key(where: str, key: SecretSettings, around: Surroundings) -> bytes:
    found = read_secret(where, around.folder, around.environ, env=key.env, file=key.file).encode()
    if len(found) < SHORTEST_KEY:
        raise InvalidConfig(
            f"{where}: it has at least {SHORTEST_KEY} random characters: `openssl rand -hex 32` makes some."
        )
    return found


def _broker(where: str, secret: SecretSettings, around: Surroundings) -> str:
    found = read_secret(where, around.folder, around.environ, env=secret.env, file=secret.file)
    if not found.startswith(("amqp://", "amqps://")):
        raise InvalidConfig(f"{where}: it is amqps://user:password@host/vhost, or amqp:// on a network that is yours.")
    return found


def _key(where: str, secret: SecretSettings, around: Surroundings) -> bytes:
    found = read_secret(where, around.folder, around.environ, env=secret.env, file=secret.file)
    try:
        return key_of(found)
    except InvalidValue as wrong:
        raise InvalidConfig(f"{where}: {wrong.message}") from None


def _network(name: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return network(text)
    except ValueError:
        raise InvalidConfig(f"channels.{name}.networks: {text!r} is no network, such as 10.1.0.0/16.") from None

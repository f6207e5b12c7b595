"""The channels of a configuration, ready to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import get_args

from interlock.config.channels import AnyChannel, EventName, SecretSettings, WebhookSettings
from interlock.config.secrets import read_secret
from interlock.domain.addresses import network
from interlock.domain.signatures import key_of
from interlock.engine.ports.sender import Sender
from interlock.errors import BadInput, InvalidConfig, InvalidValue

EVENTS = frozenset(get_args(EventName))


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


def senders_of(channels: Mapping[str, AnyChannel], around: Surroundings) -> list[Sender]:
    """Return what carries the messages of each channel.

    Raises:
        BadInput: if a secret is not where it should be or is none, an address cannot be used, or what a channel needs
            is not installed.
    """
    return [_sender(name, settings, around) for name, settings in channels.items()]


def _sender(name: str, settings: AnyChannel, around: Surroundings) -> Sender:
    try:
        return _webhook(name, settings, around)
    except ModuleNotFoundError as missing:
        raise BadInput(
            f"The channel {name} needs {missing.name}, which is not installed: run `pip install '.[{settings.type}]'` "
            "in a checkout of this project."
        ) from None


def _webhook(name: str, settings: WebhookSettings, around: Surroundings) -> Sender:
    from interlock.senders.webhook import WebhookSender  # noqa: PLC0415 - needs what the extra brings

    return WebhookSender(
        name,
        settings.tenant,
        settings.url,
        [_key(f"channels.{name}.secrets", secret, around) for secret in settings.secrets],
        now=around.now,
        events=EVENTS if settings.events is None else frozenset(settings.events),
        networks=[_network(name, one) for one in settings.networks],
        origin=around.origin,
    )


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

"""Chooses how workers hear of work, by the section `wake` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from interlock.config.channels import RabbitMQSettings, SqsSettings
from interlock.config.secrets import read_secret
from interlock.config.sections import Settings
from interlock.engine.ports.waker import WorkHints
from interlock.errors import BadInput, InvalidConfig

if TYPE_CHECKING:
    from interlock.waking.celery import CeleryTasks

EXCHANGE = "interlock.wake"
QUEUE = "interlock-wake"


def tasks_of(settings: Settings, environ: Mapping[str, str]) -> CeleryTasks | None:
    """Return what sends Celery a task for each run; None where that is not configured.

    Raises:
        BadInput: see `hints_of`.
    """
    if settings.wake is None or not settings.wake.celery:
        return None
    channel = _channel(settings, settings.wake.channel)
    try:
        from interlock.waking.celery import CeleryTasks  # noqa: PLC0415 - needs what the extra brings
    except ModuleNotFoundError as missing:
        raise _not_installed(missing, "celery") from None
    if isinstance(channel, RabbitMQSettings):
        return CeleryTasks(_address(settings, settings.wake.channel, channel, environ))
    return CeleryTasks("sqs://", {} if channel.region is None else {"region": channel.region})


def hints_of(settings: Settings, environ: Mapping[str, str]) -> WorkHints | None:
    """Return by what processes tell each other that there is work; None where the database does, or Celery.

    Raises:
        BadInput: if the channel that is named is none, its secret is missing, or what it needs is not installed.
    """
    wake = settings.wake
    if wake is None or wake.celery:
        return None
    channel = _channel(settings, wake.channel)
    try:
        if isinstance(channel, RabbitMQSettings):
            from interlock.waking.rabbitmq import RabbitMQHints  # noqa: PLC0415 - needs what the extra brings

            return RabbitMQHints(_address(settings, wake.channel, channel, environ), wake.name or EXCHANGE)
        from interlock.waking.sqs import SqsHints  # noqa: PLC0415 - as above

        return SqsHints(wake.name or QUEUE, channel.region)
    except ModuleNotFoundError as missing:
        raise _not_installed(missing, channel.type) from None


def _channel(settings: Settings, name: str) -> RabbitMQSettings | SqsSettings:
    channel = settings.channels.get(name)
    if not isinstance(channel, RabbitMQSettings | SqsSettings):
        raise InvalidConfig(
            f"wake.channel: {name!r} is no channel of RabbitMQ or SQS. Name one that stands under `channels`."
        )
    return channel


def _address(settings: Settings, name: str, channel: RabbitMQSettings, environ: Mapping[str, str]) -> str:
    folder = Path() if settings.origin is None else settings.origin.path.parent
    secret = channel.address
    return read_secret(f"channels.{name}.address", folder, environ, env=secret.env, file=secret.file)


def _not_installed(missing: ModuleNotFoundError, extra: str) -> BadInput:
    return BadInput(
        f"`wake` needs {missing.name}, which is not installed: run `pip install '.[{extra}]'` in a checkout of this "
        "project."
    )

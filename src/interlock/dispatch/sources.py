"""By what workers hear of work, as it is configured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from interlock.config.channels import RabbitMQSettings, SqsSettings
from interlock.config.secrets import read_secret
from interlock.config.sections import Settings
from interlock.engine.ports.waker import WorkHints
from interlock.errors import BadInput, InvalidConfig

EXCHANGE = "interlock.wake"
QUEUE = "interlock-wake"


def hints_of(settings: Settings, environ: Mapping[str, str]) -> WorkHints | None:
    """Return by what processes tell each other that there is work; None where the database does.

    Raises:
        BadInput: if the channel that is named is none, its secret is missing, or what it needs is not installed.
    """
    wake = settings.wake
    if wake is None:
        return None
    channel = settings.channels.get(wake.channel)
    try:
        if isinstance(channel, RabbitMQSettings):
            from interlock.dispatch.rabbitmq import RabbitMQHints  # noqa: PLC0415 - needs what the extra brings

            folder = Path() if settings.origin is None else settings.origin.path.parent
            where, secret = f"channels.{wake.channel}.address", channel.address
            return RabbitMQHints(
                read_secret(where, folder, environ, env=secret.env, file=secret.file), wake.name or EXCHANGE
            )
        if isinstance(channel, SqsSettings):
            from interlock.dispatch.sqs import SqsHints  # noqa: PLC0415 - as above

            return SqsHints(wake.name or QUEUE, channel.region)
    except ModuleNotFoundError as missing:
        raise BadInput(
            f"`wake` needs {missing.name}, which is not installed: install what the channel {wake.channel} needs."
        ) from None
    raise InvalidConfig(
        f"wake.channel: {wake.channel!r} is no channel of RabbitMQ or SQS. Name one that stands under `channels`."
    )

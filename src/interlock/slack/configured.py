"""A room of a configuration, with its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from interlock.config.channels import AnyChannel, SecretSettings, SlackSettings
from interlock.config.secrets import read_secret
from interlock.errors import InvalidConfig
from interlock.service.components import Components
from interlock.slack.api import SlackApi
from interlock.slack.interactions import SlackInteractions
from interlock.slack.sender import SlackChannel

SHORTEST_SECRET = 16


def slack_channel(
    name: str, settings: SlackSettings, folder: Path, environ: Mapping[str, str], origin: str | None
) -> SlackChannel:
    """Return a room.

    Args:
        folder: that of the configuration's file.
        origin: where people reach the server; None if there is none.

    Raises:
        InvalidConfig: if a secret is not where it should be, or is none.
    """

    def secret(key: str, given: SecretSettings) -> str:
        return read_secret(f"channels.{name}.{key}", folder, environ, env=given.env, file=given.file)

    token, signing_secret = secret("token", settings.token), secret("signing_secret", settings.signing_secret)
    if not token.startswith("xoxb-"):
        raise InvalidConfig(f"channels.{name}.token: it is the bot's token, which begins with xoxb-.")
    if len(signing_secret) < SHORTEST_SECRET:
        raise InvalidConfig(f"channels.{name}.signing_secret: it is the app's, as its Basic Information shows it.")
    return SlackChannel(
        name,
        settings.tenant,
        settings.room,
        SlackApi(token, settings.api),
        signing_secret,
        agents=frozenset(settings.agents),
        levels=frozenset(settings.levels),
        origin=origin,
    )


def interactions_of(
    channels: Mapping[str, AnyChannel], components: Components, folder: Path, environ: Mapping[str, str], origin: str
) -> dict[str, SlackInteractions]:
    """Return what comes from each room of a configuration, by the channel's name. See `slack_channel`."""
    return {
        name: SlackInteractions(
            slack_channel(name, settings, folder, environ, origin), components, lambda: datetime.now(UTC)
        )
        for name, settings in channels.items()
        if isinstance(settings, SlackSettings)
    }

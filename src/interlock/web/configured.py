"""What a configuration says of the server: where people sign in, what comes from Slack, where it is reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from interlock.config.channels import AnyChannel
from interlock.config.sections import Settings
from interlock.config.server import ServerSettings
from interlock.domain.addresses import origin_at
from interlock.errors import BadInput
from interlock.service.components import Components
from interlock.web.context import Context
from interlock.web.providers import providers_of

if TYPE_CHECKING:
    from interlock.slack.interactions import SlackInteractions


def configured_context(
    components: Components, origin: str, hosts: frozenset[str], settings: Settings | None
) -> Context:
    """Return what the server knows by its configuration.

    Raises:
        BadInput: if no provider can be asked, or a secret is missing.
    """
    server, channels = (ServerSettings(), {}) if settings is None else (settings.server, settings.channels)
    folder = settings.origin.path.parent if settings is not None and settings.origin is not None else Path()
    providers = providers_of(server, folder, os.environ, origin)
    slack = _slack_of(channels, components, folder, origin)
    return Context(components, origin, hosts, server=server, providers=providers, channels=channels, slack=slack)


def _slack_of(
    channels: Mapping[str, AnyChannel], components: Components, folder: Path, origin: str
) -> Mapping[str, SlackInteractions]:
    """Return what comes from Slack; nothing where it is not configured, which needs nothing to be installed."""
    if not any(channel.type == "slack" for channel in channels.values()):
        return {}
    from interlock.slack.configured import interactions_of  # noqa: PLC0415 - needs what the extra brings

    return interactions_of(channels, components, folder, os.environ, origin)


def checked_origin(given: str) -> str:
    """Return an origin as browsers say it; raise `BadInput` if it is none."""
    try:
        site = urlsplit(given)
        found = origin_at(site.scheme, site.hostname or "", site.port)
    except ValueError:
        found = ""
    if not found or site.path.strip("/") or site.query or site.fragment or site.username is not None:
        raise BadInput("--origin is scheme and host, such as https://approvals.example.com.")
    if not found.isascii():
        raise BadInput("--origin is written as browsers send it: a name with other letters begins with xn--.")
    return found

"""The identity providers of a configuration, with their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from interlock.config.secrets import read_secret
from interlock.config.server import ProviderSettings, ServerSettings
from interlock.errors import BadInput

if TYPE_CHECKING:
    from interlock.web.oidc_provider import Provider


def providers_of(server: ServerSettings, folder: Path, environ: Mapping[str, str], origin: str) -> dict[str, Provider]:
    """Return the providers by name.

    Args:
        folder: that of the configuration's file.
        origin: where people reach the server.

    Raises:
        BadInput: if a secret is not where it should be, what speaks to them is not installed, or people would come back
            with what proves them on a way that others can read.
    """
    if not server.oidc:
        return {}
    if not _is_safe(origin):
        raise BadInput(
            f"People who sign in at a provider come back to {origin}: give --origin https://…, see proxy-oidc.md."
        )
    try:
        from interlock.web.oidc_provider import Provider  # noqa: PLC0415 - needs what the extra `oidc` brings
    except ModuleNotFoundError as missing:
        raise BadInput(
            f"Signing in at a provider needs {missing.name}, which is not installed: run `pip install '.[oidc]'` in a "
            "checkout of this project."
        ) from None
    return {
        one.name: Provider(one, _secret(one, folder, environ), f"{origin}/auth/oidc/{one.name}/callback")
        for one in server.oidc
    }


def _is_safe(origin: str) -> bool:
    parts = urlsplit(origin)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _secret(given: ProviderSettings, folder: Path, environ: Mapping[str, str]) -> str | None:
    env, file = given.client_secret_env, given.client_secret_file
    if env is None and file is None:
        return None
    return read_secret(f"server.oidc: {given.name}", folder, environ, env=env, file=file)

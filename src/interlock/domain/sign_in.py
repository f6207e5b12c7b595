"""Signing in at an identity provider, by OpenID Connect: who is there, and what is checked of who comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

ATTEMPT_LASTS = timedelta(minutes=10)
"""How long somebody may be at the provider."""

LONGEST_PATH = 2_000


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """Somebody has been sent to an identity provider, and may come back once.

    Args:
        state: SHA-256 of the `state` that they bring back, in hex.
        browser: SHA-256 of the cookie of the browser that was sent: another one cannot end what this one began.
        provider: the name of the provider.
        nonce: what the ID token must say (OpenID Connect Core, 3.1.2.1).
        verifier: with which the code is exchanged (RFC 7636).
        return_to: the path of ours that they wanted.
    """

    state: str
    browser: str
    provider: str
    nonce: str
    verifier: str
    return_to: str
    expires_at: datetime


def why_no_path_of_ours(path: str) -> str | None:
    r"""Say why a browser that is sent to this path may end up elsewhere; None if it cannot.

    Browsers read `//host` and `/\\host` as another host, and drop tabs and line ends before they look.
    """
    if len(path) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH} characters"
    if not path.startswith("/") or path.startswith("//"):
        return "must be a path of this server, such as /inbox"
    if "\\" in path or not all("!" <= character <= "~" for character in path):
        return "must be a path of this server: write other characters than ASCII, and spaces, with %"
    return None

"""What proves who somebody is: tokens of agents and services, sessions of people, links to come in by once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from interlock.domain.authority import Principal

CredentialKind = Literal["token", "session", "link", "invitation", "device"]
PrincipalKind = Literal["person", "agent", "service"]


class Scope(StrEnum):
    """What the bearer of a token may do. None of it lets an agent vote: only people do that."""

    ask = "ask"
    """Open requests, withdraw them, claim their effects and record what became of them."""
    read = "read"
    """Read requests and runs."""
    run = "run"
    """Start runs, and cancel those that it started."""
    log = "log"
    """Read the log."""
    metrics = "metrics"
    """Read statistics and metrics: numbers, and the names of agents, actions, levels and reviewers."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One proof of who somebody is. The secret itself is nowhere kept.

    Args:
        id: names it in lists; it is no secret.
        digest: SHA-256 of the secret, in hex.
        scopes: what it is good for; of a session, whatever the person may do.
        label: what whoever made it calls it.
        idle: it ends when it was not used for so long; None if it may rest.
        used_at: when it was last used, to the minute.
        ended_at: when it was revoked, or a link used.
        device: what whoever signed in said that they use, such as a browser's name; of a session.
        address: from which IP address it was last used; of a session.
    """

    id: str
    digest: str
    kind: CredentialKind
    tenant: str
    principal: str
    principal_kind: PrincipalKind
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    scopes: frozenset[Scope] = frozenset()
    label: str = ""
    idle: timedelta | None = None
    used_at: datetime | None = None
    ended_at: datetime | None = None
    device: str = ""
    address: str | None = None

    def bearer(self, via: str, address: str | None) -> Principal:
        """Return who comes with it, by which way."""
        return Principal(self.principal, self.principal_kind, self.tenant, via, address)


def why_invalid(credential: Credential, now: datetime) -> str | None:
    """Say why a credential proves nothing at a moment; None if it does."""
    if credential.ended_at is not None:
        return "was used already" if credential.kind in {"link", "invitation"} else "was revoked"
    if now >= credential.expires_at:
        return "has expired"
    last = credential.used_at or credential.issued_at
    if credential.idle is not None and now - last >= credential.idle:
        return "has not been used for too long"
    return None


@dataclass(frozen=True, slots=True)
class Device:
    """With what somebody signs in, and from where.

    Args:
        name: what it calls itself.
        address: its IP address, where it is known.
    """

    name: str = ""
    address: str | None = None


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session is good for.

    Args:
        lasts: at most, however much it is used.
        idle: without being used.
    """

    lasts: timedelta = timedelta(hours=12)
    idle: timedelta = timedelta(hours=1)

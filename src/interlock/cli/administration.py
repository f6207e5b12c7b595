"""What commands on people, sessions and policies are done by: here, or at a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interlock.cli.session import Session
from interlock.service.administration import Administration

if TYPE_CHECKING:
    from interlock.client import RemoteClient


def administration(session: Session, origin: str = "") -> Administration | RemoteClient:
    """Return what does them.

    Args:
        origin: where people reach the server, for links that are made here.
    """
    return Administration(session.local, origin) if session.remote is None else session.remote

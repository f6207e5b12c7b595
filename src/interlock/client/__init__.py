"""A client of `interlock serve`, for people's programs and for agents in plain Python: extra `client`.

The functions, and what they return and raise, are those of `interlock.connect`, which opens a database instead.
"""

from __future__ import annotations

from interlock.client.blocking import BlockingRemoteClient, connect_blocking
from interlock.client.calls import Session
from interlock.client.connecting import connect, sign_in
from interlock.client.reading import Who
from interlock.client.remote import RemoteClient
from interlock.client.streams import Said, Socket
from interlock.engine.watching import Streamed
from interlock.service.agent_client import Asked

__all__ = [
    "Asked",
    "BlockingRemoteClient",
    "RemoteClient",
    "Said",
    "Session",
    "Socket",
    "Streamed",
    "Who",
    "connect",
    "connect_blocking",
    "sign_in",
]

"""A webhook: a program is called by POST, signed by Standard Webhooks, and what it answers counts by its status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network

import httpcore2

from interlock.channels.cloud_events import CONTENT_TYPE
from interlock.channels.event_channel import EventChannel, EventSender
from interlock.channels.network import ForbiddenAddress, GuardedNetwork
from interlock.domain.delivery import STANDARD_WEBHOOKS, Failure
from interlock.domain.signatures import signature_of
from interlock.engine.ports.sender import Message, NotTaken

SECONDS = 15.0
"""For how long a call may go on, as Standard Webhooks suggests at least."""

LONGEST_WAIT = timedelta(days=1)


class WebhookSender(EventSender):
    """Implements the port `Sender`.

    Args:
        keys: what signs each call, the newest first.
        networks: private networks that the address may be in.
        now: a clock that is right: receivers refuse what was signed too long ago.
    """

    schedule = STANDARD_WEBHOOKS
    at_once = 8

    def __init__(
        self,
        channel: EventChannel,
        url: str,
        keys: Sequence[bytes],
        *,
        now: Callable[[], datetime],
        networks: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        super().__init__(channel)
        self._url = url
        self._keys = keys
        self._now = now
        # Nothing of the environment's: a proxy would reach what this process must not.
        self._pool = httpcore2.AsyncConnectionPool(
            network_backend=GuardedNetwork(networks), max_connections=self.at_once
        )

    async def send(self, message: Message) -> str:
        """Call it once. It is not followed to another address."""
        body = self.channel.body(message)
        at = int(self._now().timestamp())
        headers: dict[str | bytes, str | bytes] = {
            "content-type": CONTENT_TYPE,
            "user-agent": "interlock",
            "webhook-id": message.delivery.id,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(signature_of(key, message.delivery.id, at, body) for key in self._keys),
        }
        limits = {"connect": SECONDS, "read": SECONDS, "write": SECONDS, "pool": SECONDS}
        try:
            async with self._pool.stream(
                "POST", self._url, headers=headers, content=body, extensions={"timeout": limits}
            ) as answer:
                status = answer.status
                given = {name.lower(): value for name, value in answer.headers}
        except ForbiddenAddress as error:
            raise NotTaken(Failure(str(error), final=True)) from None
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            raise NotTaken(Failure(f"The call did not succeed: {str(error) or type(error).__name__}.")) from None
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotTaken(_refused(status, given.get(b"retry-after", b"")))
        return ""

    async def close(self) -> None:
        """Let go of connections."""
        await self._pool.aclose()


def _refused(status: int, retry_after: bytes) -> Failure:
    said = f"It answered {status}"
    if status == HTTPStatus.GONE:
        return Failure(f"{said}: it does not want to be called any more.", gone=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Failure(f"{said}, which names another address: it is not followed. Configure the address itself.")
    waits = timedelta(seconds=int(retry_after)) if retry_after.isdigit() and len(retry_after) < 10 else None  # noqa: PLR2004
    return Failure(f"{said}.", wait=None if waits is None else min(waits, LONGEST_WAIT))

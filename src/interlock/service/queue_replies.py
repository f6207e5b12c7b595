"""Replies that come on a queue: read from what their messages hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from interlock.domain.canonical import strict_json
from interlock.domain.request import Request
from interlock.errors import InterlockError, InvalidValue, StoreUnavailable, Unauthenticated
from interlock.service.components import Components
from interlock.service.token_replies import TokenReplies, TokenReply

MOST_BYTES = 1_000_000
RETRY = 1.0
"""Seconds after which a reply is tried again that the database could not take."""


class QueueReplies:
    """Takes the replies of one queue.

    Args:
        channel: its name.
        via: by what they come, as the log names it, such as `rabbitmq`.
    """

    def __init__(self, components: Components, key: bytes, *, tenant: str, channel: str, via: str) -> None:
        self._replies = TokenReplies(components, [(tenant, key)], via=via, name=channel)

    async def take(self, body: bytes) -> Request:
        """Cast the vote that a reply stands for; the same reply again changes nothing, and returns what it returned.

        The body is `{"token": …}`, and where the verdict wants them `comment` and `value`, as JSON.

        Raises:
            InvalidValue: if the body is not of this form.
            Unauthenticated: if the token proves nothing. That somebody tried is in the log of the request that they
                named.
            Refused, InvalidAnswer: if the vote is not taken.
        """
        reply = _read(body)
        try:
            grant = await self._replies.grant_of(reply)
        except Unauthenticated:
            await self._replies.note(reply.request_id)
            raise
        return await self._replies.cast(grant, reply)


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Why a reply goes to the dead letters."""

    code: str
    reason: str


async def taken(replies: QueueReplies, body: bytes, complain: Callable[[str], None]) -> Undeliverable | None:
    """Take a reply, and wait for the database if that is away; return why it goes to the dead letters, if it does.

    Whatever one message does, it must not keep the others from being taken: a defect is a reason, too, and so is a
    request that is not what its log says, which waiting does not mend.
    """
    while True:
        try:
            await replies.take(body)
        except StoreUnavailable as error:
            complain(error.message)
            await asyncio.sleep(RETRY)  # not given back: a queue counts how often that was done
        except InterlockError as refused:
            return Undeliverable(refused.code, refused.message)
        except Exception as defect:  # noqa: BLE001 - see above
            complain(f"internal error while a reply was taken: {type(defect).__name__}: {defect}")
            return Undeliverable("internal_error", f"A defect of Interlock: {type(defect).__name__}.")
        else:
            return None


def _read(body: bytes) -> TokenReply:
    if len(body) > MOST_BYTES:
        raise InvalidValue("reply", f"has {MOST_BYTES:,} bytes at most")
    given = strict_json(body)
    if not isinstance(given, dict):
        raise InvalidValue("reply", 'is an object, such as {"token": "irt_…"}')
    found: dict[str, Any] = {"comment": "", "request": "", "value": None, **given}
    unknown = found.keys() - {"token", "comment", "value", "request"}
    texts = [found.get(name) for name in ("token", "comment", "request")]
    if unknown or not all(isinstance(text, str) for text in texts):
        raise InvalidValue("reply", "has the texts `token`, `comment` and `request`, and `value`: nothing else")
    return TokenReply(found["token"], found["comment"], found["value"], found["request"] or None)

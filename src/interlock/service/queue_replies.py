"""Replies that come on a queue: read from what their messages hold."""

from __future__ import annotations

from typing import Any

from interlock.domain.canonical import strict_json
from interlock.domain.request import Request
from interlock.errors import InvalidValue, Unauthenticated
from interlock.service.parts import Parts
from interlock.service.token_replies import TokenReplies, TokenReply

MOST_BYTES = 1_000_000


class QueueReplies:
    """Takes the replies of one queue.

    Args:
        channel: its name.
        via: by what they come, as the log names it, such as `rabbitmq`.
    """

    def __init__(self, parts: Parts, key: bytes, *, tenant: str, channel: str, via: str) -> None:
        self._replies = TokenReplies(parts, [(tenant, key)], via=via, name=channel)

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

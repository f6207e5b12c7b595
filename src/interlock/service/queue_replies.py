"""Replies that come on a queue: a claim that a token proves, and nothing that is believed without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from interlock.domain.authority import Principal
from interlock.domain.canonical import strict_json
from interlock.domain.reply_tokens import ReplyGrant, key_of_token, read_reply_token, reply_token
from interlock.domain.request import Request
from interlock.errors import InterlockError, InvalidValue, Unauthenticated
from interlock.service.batch import SubmittedVote, cast
from interlock.service.client import Client
from interlock.service.parts import Parts

MOST_BYTES = 1_000_000
LASTS = timedelta(days=30)
"""How long a token holds of a request that has no deadline."""


@dataclass(frozen=True, slots=True)
class ReplyTokens:
    """Makes the tokens with which whoever reads a queue replies in the name of some people.

    Args:
        key: what tokens are made with; whoever knows it can vote as anybody.
        people: in whose name one may reply.
    """

    key: bytes
    people: Sequence[str]

    def of(self, request: Request) -> dict[str, dict[str, str]]:
        """Return a token for each person and each verdict that an open request offers; nothing for one that is decided.

        A token proves who replies; whether they may decide is looked at when they do.
        """
        if not request.is_open:
            return {}
        until = request.closes_at or request.opened_at + LASTS

        def token(person: str, verdict: Any) -> str:
            grant = ReplyGrant(request.tenant, request.id, request.digest, person, verdict, int(until.timestamp()) + 1)
            return reply_token(self.key, grant)

        return {
            person: {str(verdict): token(person, verdict) for verdict in request.ask.verdicts} for person in self.people
        }


class QueueReplies:
    """Takes the replies of one queue.

    Args:
        channel: its name.
        via: by what they come, as the log names it, such as `rabbitmq`.
    """

    def __init__(self, parts: Parts, key: bytes, *, tenant: str, channel: str, via: str) -> None:
        self._parts = parts
        self._key = key
        self._tenant = tenant
        self._channel = channel
        self._via = via

    async def take(self, body: bytes) -> Request:
        """Cast the vote that a reply stands for; the same reply again changes nothing, and returns what it returned.

        The body is `{"token": …}`, and where the verdict wants them `comment` and `value`, as JSON.

        Raises:
            InvalidValue: if the body is not of this form.
            Unauthenticated: if the token proves nothing. That somebody tried is in the log of the request that they
                named.
            Refused, InvalidAnswer: if the vote is not taken.
        """
        given = _read(body)
        grant = read_reply_token(self._key, given["token"], await self._parts.store.now())
        if grant is None or grant.tenant != self._tenant:
            await self._note(given)
            raise Unauthenticated("The token proves nothing here: it was not made for this reply, or has ended.")
        person = Principal(grant.person, "person", grant.tenant, self._via)
        vote = SubmittedVote(grant.request_id, grant.verdict, grant.digest, given["comment"], given["value"])
        return await cast(Client(self._parts, person, key=key_of_token(given["token"])), vote)

    async def _note(self, given: dict[str, Any]) -> None:
        """Let the request's log say that somebody tried."""
        nobody = Client(self._parts, Principal(f"service:{self._channel}", "service", self._tenant, self._via))
        try:
            await nobody.approve(given["request"], digest=None)
        except InterlockError:
            return  # a service never votes


def _read(body: bytes) -> dict[str, Any]:
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
    return found

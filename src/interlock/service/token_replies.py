"""Replies that a token proves: on a queue, or by a call. Nothing else of them is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from interlock.domain.action import VERDICTS, Verdict
from interlock.domain.authority import Principal, canonical_id
from interlock.domain.canonical import Json
from interlock.domain.reply_tokens import ReplyGrant, key_of_token, read_reply_token, reply_token
from interlock.domain.request import Request
from interlock.errors import InterlockError, Unauthenticated
from interlock.service.casting import SubmittedVote, cast
from interlock.service.client import Client
from interlock.service.components import Components

LASTS = timedelta(days=30)
"""How long a token holds of a request that has no deadline."""


@dataclass(frozen=True, slots=True)
class ReplyTokens:
    """Makes the tokens with which whoever gets a message replies in the name of some people.

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

        def token(person: str, verdict: Verdict) -> str:
            grant = ReplyGrant(request.tenant, request.id, request.digest, person, verdict, int(until.timestamp()) + 1)
            return reply_token(self.key, grant)

        return {
            person: {str(verdict): token(person, verdict) for verdict in request.ask.verdicts} for person in self.people
        }


@dataclass(frozen=True, slots=True)
class TokenReply:
    """What somebody replies.

    Args:
        request_id: the request that they name; None if they leave that to the token.
        approved: whether they say yes or no; None if they leave that to the token.
        verdict: what they say in particular; None if they leave that to the token.
    """

    token: str
    comment: str = ""
    value: Json = None
    request_id: str | None = None
    approved: bool | None = None
    verdict: Verdict | None = None

    def contradicts(self, grant: ReplyGrant) -> bool:
        """Say whether they name another request, or say something else, than their token is for."""
        supports = VERDICTS[grant.verdict].supports
        return (
            self.request_id not in {None, grant.request_id}
            or self.approved not in {None, supports}
            or self.verdict not in {None, grant.verdict}
        )


class TokenReplies:
    """Takes replies by one way, one vote each.

    Args:
        keys: by what tokens are made, and for which tenant.
        via: the way, as the log names it, such as `rabbitmq`.
        name: as whom the log names who proves nothing.
    """

    def __init__(self, components: Components, keys: Sequence[tuple[str, bytes]], *, via: str, name: str) -> None:
        self._components = components
        self._keys = keys
        self._via = via
        self._name = name

    async def grant_of(self, reply: TokenReply) -> ReplyGrant:
        """Return what a reply's token allows.

        Raises:
            Unauthenticated: if it proves nothing, or not this reply.
        """
        now = await self._components.store.now()
        for tenant, key in self._keys:
            grant = read_reply_token(key, reply.token, now)
            if grant is not None and grant.tenant == tenant and not reply.contradicts(grant):
                return replace(grant, person=canonical_id(grant.person))  # as sessions name people
        raise Unauthenticated("The token proves nothing here: it was not made for this reply, or has ended.")

    async def cast(self, grant: ReplyGrant, reply: TokenReply, address: str | None = None) -> Request:
        """Cast the vote that a reply stands for; the same reply again changes nothing, and returns what it returned."""
        person = Principal(grant.person, "person", grant.tenant, self._via, address)
        vote = SubmittedVote(grant.request_id, grant.verdict, grant.digest, reply.comment, reply.value)
        return await cast(Client(self._components, person, key=key_of_token(reply.token)), vote)

    async def note(self, request_id: str | None, address: str | None = None) -> None:
        """Let a request's log say that somebody tried who has proved nothing."""
        for tenant in dict.fromkeys(tenant for tenant, _ in self._keys) if request_id else ():
            nobody = Principal(f"service:{self._name}", "service", tenant, self._via, address)
            try:
                await Client(self._components, nobody).approve(request_id or "", digest=None)
            except InterlockError:
                continue  # a service never votes

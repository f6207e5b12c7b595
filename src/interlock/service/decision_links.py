"""Links in mails by which one decides: each is for one request as it was shown, one verdict and one person, once.

Opening one does nothing: mail programs and scanners open links. Only what is sent from the page that it opens counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from interlock.domain.access import may_see
from interlock.domain.action import Kind, Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import DecisionContext
from interlock.domain.reply_tokens import ReplyGrant
from interlock.domain.request import Request
from interlock.domain.verdict_preview import why_confirmed
from interlock.errors import Forbidden, InterlockError, NotFound, RecordAltered, Unauthenticated
from interlock.service.components import Components
from interlock.service.risk import risk_of
from interlock.service.token_replies import TokenReplies, TokenReply
from interlock.service.views import RequestView, Views

BY_LINK = (Verdict.approve, Verdict.reject)
VIA = "link"
MORE = "It takes more than a link: look at its page, and decide there."


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """What a link is for, as things stand now.

    Args:
        why_not: why it does not decide any more; empty while it does.
        did: the person has said what the link is for, by this link or otherwise.
    """

    grant: ReplyGrant
    view: RequestView
    why_not: str = ""
    did: bool = False

    @property
    def shows_it(self) -> bool:
        """Whether what is asked is still what the link is for: whoever holds it reads nothing else by it."""
        return self.view.request.digest == self.grant.digest


class DecisionLinks:
    """Takes the links of mails.

    Args:
        keys: by what their tokens are made, and for which tenant.
    """

    def __init__(self, components: Components, keys: Sequence[tuple[str, bytes]]) -> None:
        self._components = components
        self._replies = TokenReplies(components, keys, via=VIA, name=VIA)

    async def opened(self, token: str) -> OpenedLink:
        """Return what a link is for. Nothing is changed, and nobody is noted to have seen anything.

        Raises:
            Unauthenticated: if it is none of ours, has ended, or is for somebody who may not see the request any more.
        """
        grant = await self._replies.grant_of(TokenReply(token))
        person, components = self._person(grant), self._components
        try:
            view = await Views(components.store, components.directories, person, components.pinned_policies).request(
                grant.request_id
            )
        except (NotFound, RecordAltered):
            raise Unauthenticated("What the link was for is gone, or is not what its log says.") from None
        reader = view.directory.canonical(grant.person)
        is_out = reader in view.directory.disabled
        if is_out or not may_see(view.request, view.policy, view.directory, reader, view.now):
            raise Unauthenticated("Whom the link was for may not see the request any more.")
        did = any(vote.voter == reader for vote in view.request.votes)
        return OpenedLink(grant, view, _why_not(grant, view, person, did=did), did)

    async def decide(self, token: str, link: OpenedLink, address: str | None) -> Request:
        """Cast the vote that a link is for; again, it changes nothing.

        Raises:
            Refused: if the vote is not taken: of that the request's log speaks; or if it takes a second act.
        """
        if link.grant.verdict is Verdict.approve and _is_grave(link.view, self._person(link.grant)):
            raise Forbidden(MORE)
        return await self._replies.cast(link.grant, TokenReply(token), address)

    async def tried(self, token: str, address: str | None) -> str | None:
        """Have the vote of a link refused that cannot be opened, so that the request's log says who tried.

        Returns:
            Whom the link is for; None if it proves nothing.
        """
        try:
            grant = await self._replies.grant_of(TokenReply(token))
        except Unauthenticated:
            return None
        with suppress(InterlockError):  # the rules refuse it, as the page has
            await self._replies.cast(grant, TokenReply(token), address)
        return grant.person

    def _person(self, grant: ReplyGrant) -> Principal:
        return Principal(grant.person, "person", grant.tenant, VIA)


def linked_verdicts(view: RequestView, person: Principal) -> tuple[Verdict, ...]:
    """Return what somebody may say by a link: a plain yes or no that takes no reason, and no second act."""
    said = [one for one in view.may.vote if one in BY_LINK and one not in view.policy.reason_for]
    may = [one for one in said if not (one is Verdict.approve and _is_grave(view, person))]
    return () if view.request.kind is Kind.input else tuple(may)


def _is_grave(view: RequestView, person: Principal) -> bool:
    risk = risk_of(view.request)
    context = DecisionContext(view.now, person, view.policy, view.directory)
    high = risk.level if risk is not None and risk.is_grave else ""
    return bool(why_confirmed(view.request, context, done_before=view.done_before, risk=high))


def _why_not(grant: ReplyGrant, view: RequestView, person: Principal, *, did: bool) -> str:
    request = view.request
    if not request.is_open:
        by = f" by {', '.join(request.deciders)}" if request.deciders else ""
        return f"It is over: it is {request.status}{by}."
    if request.digest != grant.digest:
        return "It was changed after the mail was sent: the link was for what it said before."
    if did:
        return "You have voted on it already, and others are asked as well."
    if view.excluded is not None:
        return f"You cannot decide it any more: {view.excluded}."
    if grant.verdict not in linked_verdicts(view, person):
        return MORE
    return ""

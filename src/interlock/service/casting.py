"""Votes made of plain values, as programs send them: one, or many at once with one result each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.domain.action import Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.engine.integrity import each_verified
from interlock.engine.policy_snapshot import policy_snapshot
from interlock.errors import BadInput, InterlockError, RecordAltered, StoreTooNew
from interlock.service.client import Client

MOST = 500
"""How many votes one call takes."""

READ_TOGETHER = 25
"""How many requests one read brings."""

GROUPS_AT_ONCE = 4
"""How many reads, and the votes on what they bring, are under way at once."""


class Voter(Protocol):
    """Who casts votes: a client of this process, or of a server."""

    def keyed(self, key: str | None) -> Voter:
        """Return the same for one call with an idempotency key."""

    async def approve(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request as it stands."""

    async def reject(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Reject a request."""

    async def revise(self, request_id: str, *, digest: str | None, comment: str) -> Request:
        """Send a draft back."""

    async def edit(self, request_id: str, value: Json, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request with changes."""

    async def answer(self, request_id: str, value: Json, *, digest: str | None, comment: str = "") -> Request:
        """Answer a question."""


@dataclass(frozen=True, slots=True)
class SubmittedVote:
    """One person's verdict on one request.

    Args:
        digest: of what that person was shown, or its first 12 digits; None for whatever stands there.
        value: with `edit` the arguments or the draft as changed; with `respond` the answer.
        key: an idempotency key; None for that of the whole call.
    """

    request_id: str
    verdict: Verdict
    digest: str | None
    comment: str = ""
    value: Json = None
    key: str | None = None


async def cast(client: Voter, vote: SubmittedVote) -> Request:
    """Cast one vote; return the request as it stands afterwards."""
    on = client if vote.key is None else client.keyed(vote.key)
    request_id, digest, comment = vote.request_id, vote.digest, vote.comment
    match vote.verdict:
        case Verdict.approve:
            return await on.approve(request_id, digest=digest, comment=comment)
        case Verdict.reject:
            return await on.reject(request_id, digest=digest, comment=comment)
        case Verdict.revise:
            return await on.revise(request_id, digest=digest, comment=comment)
        case Verdict.edit:
            return await on.edit(request_id, vote.value, digest=digest, comment=comment)
        case Verdict.respond:
            return await on.answer(request_id, vote.value, digest=digest, comment=comment)


async def cast_all(client: Client, votes: Sequence[SubmittedVote]) -> list[Request | InterlockError]:
    """Cast many votes; return what came of each, in their order: what is refused undoes no other one.

    Several votes on one request are cast in their order; of different ones, in none. All are decided by the
    configuration as it is at the beginning.

    Raises:
        BadInput: if they are too many.
    """
    if len(votes) > MOST:
        raise BadInput(f"One call takes {MOST} votes at most, and these are {len(votes)}: make several calls.")
    found: dict[int, Request | InterlockError] = {}
    by_request: dict[str, list[int]] = {}
    for number, vote in enumerate(votes):
        by_request.setdefault(vote.request_id, []).append(number)
    turn = asyncio.Semaphore(GROUPS_AT_ONCE)

    async def on_one(voter: Voter, request_id: str) -> None:
        for number in by_request[request_id]:
            try:
                found[number] = await cast(voter, votes[number])
            except InterlockError as refused:
                found[number] = refused

    async def on_some(request_ids: Sequence[str]) -> None:
        async with turn:
            try:
                voter = await _having_read(client, request_ids)
            except InterlockError as unread:
                found.update((number, unread) for one in request_ids for number in by_request[one])
            else:
                await _all(on_one(voter, one) for one in request_ids)

    ids = list(by_request)
    with policy_snapshot():
        await _all(on_some(ids[first : first + READ_TOGETHER]) for first in range(0, len(ids), READ_TOGETHER))
    return [found[number] for number in range(len(votes))]


async def _having_read(client: Client, request_ids: Sequence[str]) -> Client:
    """Return the same client with these requests at hand, read at one instant: its first vote on each reads nothing.

    What is missing or altered is left out: whoever votes on it reads it alone, and is told why.
    """
    try:
        loaded = await client.system.store.load(client.principal.tenant, request_ids)
    except (RecordAltered, StoreTooNew):  # one of them hides the others
        return client
    return Client(client.system, client.principal, key=client.key, at_hand=each_verified(loaded))


async def _all(work: Iterable[Awaitable[None]]) -> None:
    """Wait for all of it; raise a defect after the others have ended: none of them is cut off."""
    for defect in await asyncio.gather(*work, return_exceptions=True):
        if defect is not None:
            raise defect

"""Votes made of plain values, as programs send them: one, or many at once with one result each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from interlock.domain.action import Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.engine.policy_snapshot import policy_snapshot
from interlock.errors import BadInput, InterlockError

MOST = 500
"""How many votes one call takes."""

REQUESTS_AT_ONCE = 64
"""How many of them are under way at once: commits that wait for each other share a transaction."""


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


async def cast_all(client: Voter, votes: Sequence[SubmittedVote]) -> list[Request | InterlockError]:
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
    turn = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def of_one_request(numbers: Sequence[int]) -> None:
        async with turn:
            for number in numbers:
                try:
                    found[number] = await cast(client, votes[number])
                except InterlockError as refused:
                    found[number] = refused

    with policy_snapshot():
        ended = await asyncio.gather(*map(of_one_request, by_request.values()), return_exceptions=True)
    for defect in ended:
        if defect is not None:
            raise defect  # after all others have been cast: none of them is cut off
    return [found[number] for number in range(len(votes))]

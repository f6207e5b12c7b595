"""What a person says to requests at a server: votes, and everything beside them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from interlock.client.calls import Calls, quoted
from interlock.client.problems import problem_of, understood
from interlock.client.reading import Reading
from interlock.domain.action import Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.errors import InterlockError
from interlock.service.arguments import duration_text
from interlock.service.casting import SubmittedVote
from interlock.service.from_shapes import request_of
from interlock.service.replies import Reply, part_of, typed_answer
from interlock.service.request_client import RESERVED, Became

_WHOLE = re.compile(r"sha256:[0-9a-f]{64}")


class Deciding(Reading):
    """Says things to requests; see `RemoteClient`."""

    def __init__(self, calls: Calls, *, key: str | None = None) -> None:
        super().__init__(calls)
        self._key = key

    async def approve(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request as it stands; return it as it stands afterwards."""
        return await self._vote(request_id, Verdict.approve, digest, comment)

    async def reject(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Reject a request; the agent reads the comment."""
        return await self._vote(request_id, Verdict.reject, digest, comment)

    async def revise(self, request_id: str, *, digest: str | None, comment: str) -> Request:
        """Send a draft back with feedback, which the agent reads; what is no draft raises `NotOffered`."""
        return await self._vote(request_id, Verdict.revise, digest, comment)

    async def edit(self, request_id: str, value: Json, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request with changes.

        Args:
            value: all arguments of the action, as an object; or the draft.

        Raises:
            NotOffered: if it asks a question.
            BadInput: if the value cannot be the arguments.
            InvalidAnswer: if the value does not fit the schema.
        """
        return await self._vote(request_id, Verdict.edit, digest, comment, value)

    async def answer(
        self, request_id: str, value: Json, *, digest: str | None, comment: str = "", typed: bool = False
    ) -> Request:
        """Answer a question, or give an answer in an action's place where that is offered.

        Args:
            value: any JSON that fits the question's schema.
            typed: a text means what it would in the terminal: an option by its number or name, JSON, or text.

        Raises:
            NotOffered: if nothing is asked that could be answered.
            InvalidAnswer: if it does not fit.
        """
        if typed and isinstance(value, str):
            request = (await self.request(request_id)).request
            offered = Verdict.respond in request.ask.verdicts  # else the server refuses it, and its log says so
            value = typed_answer(request, value, comment).answer if offered else value
        return await self._vote(request_id, Verdict.respond, digest, comment, value)

    async def cast(self, reply: Reply) -> Request:
        """Cast a reply as this principal's vote; return the request as it stands afterwards."""
        value = reply.answer if reply.subject is None else part_of(reply.subject)
        digest = None if reply.unseen else reply.digest
        return await self._vote(reply.request.id, reply.verdict, digest, reply.comment, value)

    async def cast_many(self, votes: Sequence[SubmittedVote]) -> list[Request | InterlockError]:
        """Cast many votes by one call; return what came of each, in their order: what is refused undoes no other one.

        Raises:
            BadInput: if they are none, or more than 500.
        """
        tenant, key = await self._tenant(), self._key or fresh_key()
        said = [{**asdict(one), "key": one.key or f"{key}-{at}"} for at, one in enumerate(votes)]
        told = await self._calls.post("/requests/votes", {"votes": said}, again=True)
        return understood(lambda one: [_came_of(each, tenant) for each in one["results"]], told)

    async def take_back(self, request_id: str) -> Request:
        """Take back this principal's vote of the present step, or one that was cast for them.

        A change that came with it stands, and nobody has approved it.

        Raises:
            NoVote: if there is none.
            TooLate: if the step has ended, or is about to.
        """
        return await self._said(request_id, "take-back", None)

    async def comment(self, request_id: str, text: str) -> Request:
        """Say something about an open request; nothing is decided by it.

        Raises:
            Closed: if it has its outcome.
            InvalidValue: if the text says nothing.
        """
        return await self._said(request_id, "comments", {"text": text})

    async def reserve(self, request_id: str, lasts: timedelta | str = RESERVED) -> Request:
        """Say that this person is on it. It shows to others, keeps nobody from voting, and ends with a vote of theirs.

        Args:
            lasts: from a minute to a day, never past the deadline; a duration, such as `15m`.

        Raises:
            Forbidden: if this person may not vote on it.
        """
        length = duration_text(lasts) if isinstance(lasts, timedelta) else lasts
        return await self._said(request_id, "reservation", {"lasts": length})

    async def end_reservation(self, request_id: str) -> Request:
        """Say that this person is not on it any more; nothing happens if they are not."""
        tenant = await self._tenant()
        told = await self._calls.delete(f"/requests/{quoted(request_id)}/reservation", key=self._key or fresh_key())
        return understood(request_of, told, tenant)

    async def snooze(self, request_id: str, lasts: timedelta | str) -> Request:
        """Put a request aside, for this person alone: it waits for them, and is not among what does until then.

        Args:
            lasts: from a minute to 30 days, never past the deadline; a duration, such as `2h`. It ends with the step.

        Raises:
            Forbidden: if this person may not vote on it.
        """
        length = duration_text(lasts) if isinstance(lasts, timedelta) else lasts
        return await self._said(request_id, "snooze", {"lasts": length})

    async def end_snooze(self, request_id: str) -> Request:
        """Take a request up again that this person has put aside; nothing happens if they have not."""
        tenant = await self._tenant()
        told = await self._calls.delete(f"/requests/{quoted(request_id)}/snooze", key=self._key or fresh_key())
        return understood(request_of, told, tenant)

    async def ask_back(self, request_id: str, text: str) -> Request:
        """Ask the agent, or who started it, something about an open request, which stays open; see `clarifications`.

        Raises:
            Closed: if it has its outcome.
            InvalidValue: if the text says nothing.
        """
        return await self._said(request_id, "clarifications", {"text": text})

    async def clarify(self, request_id: str, number: int, text: str) -> Request:
        """Answer what was asked back under a number.

        Raises:
            Forbidden: if this is neither the agent that asks nor who started it.
            NotFound: if nothing was asked back under this number.
            Closed: if it was answered, or the request has its outcome.
        """
        return await self._said(request_id, f"clarifications/{number}", {"text": text})

    async def delegate(self, request_id: str, *, to: str, reason: str = "") -> Request:
        """Let another person vote for this one, on this request alone.

        Args:
            to: the other person, by any of their names.

        Raises:
            Forbidden: if one of the two may not vote on it, this one has voted, or the other one is asked as well.
            InvalidValue: if it is nobody else.
        """
        return await self._said(request_id, "delegations", {"to": to, "reason": reason})

    async def take_back_delegation(self, request_id: str) -> Request:
        """Let nobody vote for this person on this request alone any more; a vote under it counts no more.

        Nothing happens if there is nobody whom they let.
        """
        tenant = await self._tenant()
        told = await self._calls.delete(f"/requests/{quoted(request_id)}/delegations", key=self._key or fresh_key())
        return understood(request_of, told, tenant)

    async def extend(self, request_id: str, by: timedelta | str, *, reason: str) -> Request:
        """Give the present step of a request more time.

        Args:
            by: how much, such as `2h`; open time, where the step has a calendar. What is no duration raises `BadInput`.
        """
        length = duration_text(by) if isinstance(by, timedelta) else by
        return await self._said(request_id, "extensions", {"by": length, "reason": reason})

    async def settle(self, request_id: str, became: Became, *, result: Json = None, comment: str = "") -> Request:
        """Say what became of an effect of which nobody knows.

        Args:
            became: `retry`: it did not happen, and is to be tried again.
            result: what the tool returned, if it happened.
        """
        said = {"became": became, "result": result, "comment": comment}
        return await self._said(request_id, "settlement", said)

    async def _vote(
        self, request_id: str, verdict: Verdict, digest: str | None, comment: str, value: Json = None
    ) -> Request:
        if digest is not None and not _WHOLE.fullmatch(digest):  # as a vote that is sent again must say the same
            digest = await self._whole(request_id, digest)
        said = {"verdict": str(verdict), "digest": digest, "comment": comment, "value": value}
        return await self._said(request_id, "votes", said)

    async def _whole(self, request_id: str, digest: str) -> str:
        found = (await self.request(request_id)).request
        return Reply(found, Verdict.approve, found.digest).to(digest).digest

    async def _said(self, request_id: str, what: str, said: Mapping[str, Any] | None) -> Request:
        return await self._posted(f"/requests/{quoted(request_id)}/{what}", said, key=self._key or fresh_key())

    async def _posted(self, path: str, said: Mapping[str, Any] | None, *, key: str | None) -> Request:
        tenant = await self._tenant()
        return understood(request_of, await self._calls.post(path, said, key=key, again=key is None), tenant)


def _came_of(result: Mapping[str, Any], tenant: str) -> Request | InterlockError:
    if "problem" in result:
        return problem_of(result["problem"], result["status"], None)
    return request_of(result["request"], tenant)


def fresh_key() -> str:
    """Return an idempotency key that nobody else has."""
    return uuid.uuid4().hex

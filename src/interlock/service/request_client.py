"""What one principal says to requests: votes, and everything beside them; and that they were seen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, get_args

from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.canonical import Json
from interlock.domain.commands import (
    AskBack,
    Clarify,
    Command,
    Comment,
    Delegate,
    EndReservation,
    Extend,
    Reserve,
    SettleEffect,
    Snooze,
    TakeBack,
    TakeBackDelegation,
    WithdrawAsPerson,
)
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.idempotency import check_key
from interlock.engine.integrity import verified
from interlock.engine.ports.store import Loaded
from interlock.errors import InterlockError, InvalidValue, NotFound
from interlock.service.arguments import duration
from interlock.service.components import Components
from interlock.service.delegates import must_be_known_to
from interlock.service.principals import check_principal
from interlock.service.replies import Reply, answered, edited, plainly, typed_answer
from interlock.service.views import Views

Became = Literal["happened", "did_not", "retry"]
"""What became of an effect: `retry` means that it did not happen, and is to be tried again."""

RESERVED = timedelta(minutes=15)
"""How long somebody is on it who does not say."""

NOTING_SECONDS = 1.0
"""How long a view waits until the log says that it was seen."""


class RequestClient(Views):
    """What one principal says to requests; see `Client`. Whoever looks at one has seen it, and the log says so."""

    def __init__(
        self,
        system: Components,
        principal: Principal,
        *,
        key: str | None = None,
        notes_views: bool = True,
        at_hand: dict[str, Loaded] | None = None,
    ) -> None:
        check_principal(principal)
        super().__init__(system.store, system.directories, principal, system.pinned_policies)
        self.system = system
        self._notes_views = notes_views
        if key is not None:
            check_key(key)
        self.key = key
        self._at_hand = {} if at_hand is None else at_hand

    async def _noted(self, request: Request, history: Sequence[Entry], person: str) -> Request:
        """Put into the log that this person sees it, once for what stands there. No view fails or waits long for it."""
        if self.principal.kind != "person" or not self._notes_views:
            return request
        with contextlib.suppress(InterlockError, TimeoutError):
            async with asyncio.timeout(NOTING_SECONDS):
                return await self.system.desk.see(request, history, [person], self.principal)
        return request

    async def approve(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request as it stands; return it as it stands afterwards."""
        return await self._say(request_id, Verdict.approve, digest, comment)

    async def reject(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Reject a request; the agent reads the comment."""
        return await self._say(request_id, Verdict.reject, digest, comment)

    async def revise(self, request_id: str, *, digest: str | None, comment: str) -> Request:
        """Send a draft back with feedback, which the agent reads; what is no draft raises `NotOffered`."""
        return await self._say(request_id, Verdict.revise, digest, comment)

    async def edit(self, request_id: str, value: Json, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request with changes.

        Args:
            value: all arguments of the action, as an object; or the draft.

        Raises:
            NotOffered: if it asks a question.
            BadInput: if the value cannot be the arguments.
            InvalidAnswer: if the value does not fit the schema.
        """
        loaded = await self._loaded(request_id)
        request = loaded.requests[request_id]
        offered = Verdict.edit in request.ask.verdicts
        reply = edited(request, value, comment) if offered else plainly(request, Verdict.edit, comment)
        return await self._handle(reply.to(digest).vote(), loaded)

    async def answer(
        self, request_id: str, value: Json, *, digest: str | None, comment: str = "", typed: bool = False
    ) -> Request:
        """Answer a question, or give an answer in an action's place where that is offered.

        Args:
            value: any JSON that fits the question's schema.
            typed: the value is what a person typed: an option by its number or name, text, yes or no, or JSON.

        Raises:
            NotOffered: if nothing is asked that could be answered.
            InvalidAnswer: if it does not fit.
        """
        loaded = await self._loaded(request_id)
        request = loaded.requests[request_id]
        if Verdict.respond not in request.ask.verdicts:
            reply = plainly(request, Verdict.respond, comment)
        else:
            read = typed_answer(request, value, comment) if typed and isinstance(value, str) else None
            reply = read or answered(request, value, comment)
        return await self._handle(reply.to(digest).vote(), loaded)

    async def cast(self, reply: Reply) -> Request:
        """Cast a reply as this principal's vote; return the request as it stands afterwards."""
        return await self._handle(reply.vote())

    async def take_back(self, request_id: str) -> Request:
        """Take back this principal's vote of the present step, or one that was cast for them.

        A change that came with it stands, and nobody has approved it.

        Raises:
            NoVote: if there is none.
            TooLate: if the step has ended, or is about to.
        """
        return await self._handle(TakeBack(request_id))

    async def comment(self, request_id: str, text: str) -> Request:
        """Say something about an open request; nothing is decided by it.

        Raises:
            Closed: if it has its outcome.
            InvalidValue: if the text says nothing.
        """
        return await self._handle(Comment(request_id, text))

    async def reserve(self, request_id: str, lasts: timedelta | str = RESERVED) -> Request:
        """Say that this person is on it. It shows to others, keeps nobody from voting, and ends with a vote of theirs.

        Args:
            lasts: from a minute to a day, never past the deadline; a duration, such as `15m`.

        Raises:
            Forbidden: if this person may not vote on it.
        """
        length = lasts if isinstance(lasts, timedelta) else duration(lasts, "lasts")
        return await self._handle(Reserve(request_id, length))

    async def end_reservation(self, request_id: str) -> Request:
        """Say that this person is not on it any more; nothing happens if they are not."""
        return await self._handle(EndReservation(request_id))

    async def snooze(self, request_id: str, lasts: timedelta | str) -> Request:
        """Put a request aside, for this person alone: it waits for them, and is not among what does until then.

        Args:
            lasts: from a minute to 30 days, never past the deadline; a duration, such as `2h`. It ends with the step.

        Raises:
            Forbidden: if this person may not vote on it.
        """
        length = lasts if isinstance(lasts, timedelta) else duration(lasts, "lasts")
        return await self._handle(Snooze(request_id, length))

    async def end_snooze(self, request_id: str) -> Request:
        """Take a request up again that this person has put aside; nothing happens if they have not."""
        return await self._handle(Snooze(request_id, None))

    async def ask_back(self, request_id: str, text: str) -> Request:
        """Ask the agent, or who started it, something about an open request, which stays open; see `clarifications`.

        Raises:
            Closed: if it has its outcome.
            InvalidValue: if the text says nothing.
        """
        return await self._handle(AskBack(request_id, text))

    async def clarify(self, request_id: str, number: int, text: str) -> Request:
        """Answer what was asked back under a number.

        Raises:
            Forbidden: if this is neither the agent that asks nor who started it.
            NotFound: if nothing was asked back under this number.
            Closed: if it was answered, or the request has its outcome.
        """
        return await self._handle(Clarify(request_id, number, text))

    async def delegate(self, request_id: str, *, to: str, reason: str = "") -> Request:
        """Let another person vote for this one, on this request alone.

        Args:
            to: the other person, by any of their names.

        Raises:
            Forbidden: if one of the two may not vote on it, this one has voted, or the other one is asked as well.
            InvalidValue: if it is nobody else, or nobody whom anybody knows here.
        """
        await must_be_known_to(self._directories, self._tenant, to, "to", but=self.principal.id)
        return await self._handle(Delegate(request_id, to, reason))

    async def take_back_delegation(self, request_id: str) -> Request:
        """Let nobody vote for this person on this request alone any more; a vote under it counts no more.

        Nothing happens if there is nobody whom they let.

        Raises:
            TooLate: if the step has ended, or is about to.
        """
        return await self._handle(TakeBackDelegation(request_id))

    async def extend(self, request_id: str, by: timedelta | str, *, reason: str) -> Request:
        """Give the present step of a request more time.

        Args:
            by: how much, such as `2h`; open time, where the step has a calendar. What is no duration raises `BadInput`.
        """
        length = by if isinstance(by, timedelta) else duration(by, "by")
        return await self._handle(Extend(request_id, length, reason))

    async def withdraw(self, request_id: str, *, reason: str) -> Request:
        """Say that nobody needs to decide a request any more. It is not approved, and its run goes on as after a no.

        Args:
            reason: it is logged, and the agent reads it.

        Raises:
            Forbidden: if this person has not started it, and is no operator.
            Closed: if it has its outcome.
            ReasonMissing: if the reason says nothing.
        """
        return await self._handle(WithdrawAsPerson(request_id, reason))

    async def settle(self, request_id: str, became: Became, *, result: Json = None, comment: str = "") -> Request:
        """Say what became of an effect of which nobody knows.

        Args:
            became: `retry`: it did not happen, and is to be tried again.
            result: what the tool returned, if it happened.
        """
        if became not in get_args(Became):
            raise InvalidValue("became", f"must be one of {', '.join(get_args(Became))}")
        return await self._handle(SettleEffect(request_id, became, result, comment))

    async def _say(self, request_id: str, verdict: Verdict, digest: str | None, comment: str) -> Request:
        """Cast a verdict that changes nothing on what is loaded now."""
        loaded = await self._loaded(request_id)
        reply = plainly(loaded.requests[request_id], verdict, comment).to(digest)
        return await self._handle(reply.vote(), loaded)

    async def _handle(self, command: Command, known: Loaded | None = None) -> Request:
        return await self.system.desk.handle(command, self.principal, known=known, key=self.key)

    async def _loaded(self, request_id: str) -> Loaded:
        if (read := self._at_hand.pop(request_id, None)) is not None:
            return read
        loaded = verified(await self._store.load(self.principal.tenant, [request_id]))
        if request_id not in loaded.requests:
            raise NotFound(f"There is no request {request_id} here.", request_id=request_id)
        return loaded

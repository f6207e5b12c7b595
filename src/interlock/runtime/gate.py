"""What a graph's author calls: `ask`, `gated`, `Decision.perform`, `progress`.

`ask` needs no store to pause: it raises LangGraph's interrupt. When its node runs again, it is given the answer that
belongs to what it asks (`answers/`), and returns the decision as the store has it. An answer that somebody with
access to the graph made up names no stored decision, so it is worth nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from interlock.domain.action import Action, Ask, Draft, Question, Subject, Verdict, default_verdicts
from interlock.domain.canonical import Json, normalize
from interlock.domain.request import Request, Status
from interlock.errors import InvalidAgent, NotApproved
from interlock.runtime.current import current, decided_request
from interlock.runtime.dialects.native import payload
from interlock.runtime.effects.effect import Effect, Repeat


def ask(  # noqa: PLR0913 - what is asked, and how
    subject: Subject,
    *,
    description: str = "",
    context: Json = None,
    policy: str | None = None,
    verdicts: Sequence[Verdict | str] | None = None,
    reference: str | None = None,
) -> Decision:
    """Ask people, and pause until they have decided; return the decision, of which see `Decision.approved` first.

    Call it in a LangGraph node. The node runs again from its top when people have decided, so what stands before `ask`
    runs again too: keep model calls in an earlier node. Several asks in one node, and in parallel nodes, are fine.

    Args:
        subject: an `Action` to approve, a `Question` to answer, or a `Draft` to review.
        description: what it is about, in the agent's words, which is shown below the arguments.
        context: any JSON that helps to decide.
        policy: the name of a configured policy; without it the first that applies.
        verdicts: which verdicts to offer; without it those usual for the subject.
        reference: what it is about in the business, such as an order's number, to find it by: up to 200 characters.

    Raises:
        InvalidValue: if something is not JSON, with its path.
        InvalidAgent: if it is called where it cannot pause.
    """
    if not isinstance(subject, Action | Question | Draft):
        raise InvalidAgent(f"ask() takes an Action, a Question or a Draft, not {type(subject).__name__}.")
    offered = default_verdicts(subject) if verdicts is None else tuple(Verdict(verdict) for verdict in verdicts)
    wanted = Ask(
        interrupt_id="",
        task="",
        subject=subject,
        verdicts=offered,
        description=str(normalize(description, path="description")),
        context=normalize(context, path="context"),
        policy=policy,
        reference=reference,
    )
    return Decision(decided_request(subject.digest, payload(wanted)))


def progress(text: str) -> None:
    """Show a line to whoever watches the agent advance. Never stored; outside of Interlock it does nothing."""
    advancing = current.get(None)
    if advancing is not None:
        advancing.show(text)


@dataclass(frozen=True, slots=True)
class Decision:
    """What people, a rule or silence decided."""

    _request: Request

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self._request.id

    @property
    def outcome(self) -> Status:
        """The outcome: approved, rejected, answered, revised, expired or withdrawn."""
        return self._request.status

    @property
    def approved(self) -> bool:
        """Whether it was approved. False if nobody decided in time."""
        return self._request.status is Status.approved

    @property
    def action(self) -> Action:
        """The action as it stands: edited, if a reviewer edited it."""
        subject = self._request.edition.subject
        if not isinstance(subject, Action):
            raise InvalidAgent(f"{self.request_id} asked a {subject.kind}, not an action.")
        return replace(subject)  # a copy: what the node does to it changes nothing that is recorded

    @property
    def draft(self) -> Json:
        """The draft as it stands: edited, if a reviewer edited it."""
        subject = self._request.edition.subject
        if not isinstance(subject, Draft):
            raise InvalidAgent(f"{self.request_id} asked a {subject.kind}, not a draft.")
        return deepcopy(subject.body)

    @property
    def answer(self) -> Json:
        """The answer to a question, as JSON that fits its schema; None if it was not answered."""
        return deepcopy(self._request.edition.answer) if self.outcome is Status.answered else None

    @property
    def edited(self) -> bool:
        """Whether a reviewer changed what the agent asked."""
        return self._request.edition.author is not None

    @property
    def comment(self) -> str:
        """The deciding comment: the reason of a rejection, the feedback of a revision."""
        return self._request.comment

    @property
    def by(self) -> tuple[str, ...]:
        """Whose votes made the outcome; of a request that was withdrawn, the person who did that."""
        return self._request.decided_by

    @property
    def summary(self) -> str:
        """The decision in a sentence."""
        by = f" by {', '.join(self._request.deciders)}" if self.by else ""
        why = f": {self.comment}" if self.comment else ""
        return f"{self.request_id} was {self.outcome}{by}{why}"

    def perform(
        self,
        fn: Callable[..., Any],
        *,
        idempotent: bool = False,
        verify: Callable[..., Any] | None = None,
        not_done: tuple[type[Exception], ...] = (),
    ) -> Json:
        """Call `fn` with the approved arguments, once in the world, and return its result as JSON.

        An accepted draft is its argument `draft`. Run again after a crash, it returns the recorded result and does not
        call `fn` again. One approval covers one effect. What JSON cannot carry of a result, such as bytes, or what has
        no room in 256 kB, is recorded and returned as `{"not_recorded": what it is}`; the rest of it is kept.

        Args:
            fn: a plain function. If it has a parameter `idempotency_key`, it is given one: the same for every attempt.
            idempotent: `fn` may be called again with the same key, and the effect happens once.
            verify: called as `verify(idempotency_key=…, **arguments)` after a crash: the JSON result if the effect
                happened, None if it certainly did not, and certainly will not any more.
            not_done: exceptions of `fn` that mean that nothing happened, for certain, like `NotDone`.

        Raises:
            NotApproved: if it was not approved.
            NotDone: if `fn` said that nothing happened.
            InvalidAgent: if `fn` is a coroutine function (use `aperform`).
        """
        if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(verify):
            raise InvalidAgent(f"{fn} is called with await: use `await decision.aperform(…)`.")
        effect = Effect(self._request, fn, not_approved, Repeat(idempotent, verify, not_done))
        wait = effect.advancing.wait
        with effect.under_way():
            while (call := wait(effect.next())) is not None:
                try:
                    value = effect.call(call)
                except BaseException as error:  # noqa: BLE001 - whatever a tool raises says something about its effect
                    wait(effect.broke(error))
                else:
                    wait(effect.returned(value))
        return effect.result

    async def aperform(
        self,
        fn: Callable[..., Awaitable[Any]],
        *,
        idempotent: bool = False,
        verify: Callable[..., Awaitable[Any]] | None = None,
        not_done: tuple[type[Exception], ...] = (),
    ) -> Json:
        """Await `fn` with the approved arguments, once in the world. See `perform`; `verify` is awaited too."""
        if not inspect.iscoroutinefunction(fn) or (verify is not None and not inspect.iscoroutinefunction(verify)):
            raise InvalidAgent(f"{fn} is not called with await: use `decision.perform(…)`.")
        effect = Effect(self._request, fn, not_approved, Repeat(idempotent, verify, not_done))
        await_ = effect.advancing.await_
        with effect.under_way():
            while (call := await await_(effect.next())) is not None:
                try:
                    value = await effect.acall(call)
                except BaseException as error:  # noqa: BLE001 - whatever a tool raises says something about its effect
                    await await_(effect.broke(error))
                else:
                    await await_(effect.returned(value))
        return effect.result


def not_approved(request: Request) -> NotApproved:
    """Return the error that says that something was not approved."""
    decision = Decision(request)
    return NotApproved(decision.summary, decision)

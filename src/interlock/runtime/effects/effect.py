"""The steps of one guarded effect: claim it in the store, call the tool, record what came of it.

`next` says what to call now, the caller calls it (sync or async, in its own thread), and tells `returned` or `broke`.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from interlock.domain.action import Action, Draft
from interlock.domain.canonical import Json
from interlock.domain.request import EffectState, Repeatable, Reported, Request, Status, tool_shown
from interlock.engine import tracing
from interlock.engine.retry import is_passing
from interlock.errors import (
    AdvanceOvertaken,
    EffectRefused,
    Halt,
    InterlockError,
    InvalidAgent,
    NotApproved,
    NotDone,
    RecordAltered,
    ToolFailed,
)
from interlock.failpoints import failpoint
from interlock.runtime.current import Execution, decided_request, performing
from interlock.runtime.dialects.native import payload_again
from interlock.runtime.effects.recorded import failure_in, jsonable, refuse_retries
from interlock.runtime.error_text import said, told
from interlock.runtime.loading.child_processes import Exited, is_cancelled, only_here

KEY = "idempotency_key"


@dataclass(frozen=True, slots=True)
class Repeat:
    """What a tool declares about being called again. See `Decision.perform`."""

    idempotent: bool = False
    verify: Callable[..., Any] | None = None
    not_done: tuple[type[Exception], ...] = ()

    @property
    def kind(self) -> Repeatable:
        """The declaration in a word."""
        return "idempotent" if self.idempotent else "verifiable" if self.verify is not None else "no"


class _Phase(Enum):
    claiming = 1
    asking = 2
    verifying = 3
    verified = 4
    calling = 5
    done = 6


_BEGUN = frozenset({_Phase.verifying, _Phase.verified, _Phase.calling})


class Effect:
    """One effect of one approved request, in one advance; `not_approved` makes what the node is to see otherwise."""

    def __init__(
        self, request: Request, fn: Callable[..., Any], not_approved: Callable[[Request], NotApproved], repeat: Repeat
    ) -> None:
        self.result: Json = None
        self.advancing = Execution.here().advancing
        self._request = request
        self._fn = fn
        self._not_approved = not_approved
        self._repeat = repeat
        self._tool = _name_of(fn)
        self._shown = tool_shown(self._tool)
        self._signature = _signature(fn)
        self._takes_key = self._signature is not None and KEY in self._signature.parameters
        self._phase = _Phase.claiming
        self._turn: asyncio.Lock | None = None
        if performing.get():
            raise InvalidAgent(f"{self._shown} is performed inside of another tool: perform them one after the other.")

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """While this lasts, the advance does not end, and nobody else performs the same request in it."""
        advancing, run = self.advancing, self.advancing.advance.record.run
        whose = tracing.span(
            "interlock.effect",
            within=run.trace,
            agent=run.agent,
            run=run.id,
            request=self._request.id,
            tool=self._shown,
        )
        with advancing.working(), whose:
            try:
                yield
            except Halt as halt:
                advancing.halt(halt)  # even if a node swallows it
                raise
            except asyncio.CancelledError:
                if self._phase in _BEGUN:  # the node may go on as if nothing had begun: its run does not end by that
                    reason = f"the agent stopped waiting for {self._shown} before its result was there"
                    advancing.halt(self._uncertain(reason))
                raise
            finally:
                if self._turn is not None:
                    advancing.loop.call_soon_threadsafe(self._turn.release)

    def _uncertain(self, reason: str) -> Halt:
        """Nobody knows whether it happened: what may be called again or verified is, when the run is tried again."""
        if self._repeat.kind == "no":
            return Halt("effect_unknown", reason, self._request.id)
        then = "it is called again with the same key" if self._repeat.idempotent else "it is verified first"
        return Halt("effect_repeated", f"{reason}; {then}", self._request.id)

    async def next(self) -> Callable[[], Any] | None:
        """Return what to call now; None when the result is there."""
        if self._phase is _Phase.done:
            return None
        if self._phase is _Phase.verified:
            return self._to_call(_Phase.calling, self._fn)
        if self._request.status is not Status.approved:
            raise self._not_approved(self._request)
        self._must_be_ours()
        self._must_fit()
        self._must_be_once()
        if self._turn is None:  # whoever performs it at the same time comes second, and finds what is recorded
            self._turn = await self.advancing.turn(self._request.id)
        if self.advancing.over:
            raise AdvanceOvertaken(self._request.run_id)
        digest = self._request.edition.subject.digest
        with self._as_halt():
            self._request = await self.advancing.advance.claim(self._request.id, digest, self._tool, self._repeat.kind)
        return self._after_claim()

    def _must_be_ours(self) -> None:
        """Refuse a decision that the agent has kept from another run: nothing here may follow from it."""
        ours = self.advancing.advance.record.run.id
        if self._request.run_id != ours:
            raise Halt(
                "effect_refused",
                f"{self._request.id} was decided for another run, {self._request.run_id}, and performed in {ours}: "
                "keep no decision outside of the node that asks; ask in each run.",
            )

    def _must_fit(self) -> None:
        """Refuse, before anything begins, a tool that cannot be called with exactly what was approved."""
        for fn in (self._fn, self._repeat.verify):
            if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
                raise InvalidAgent(f"{_name_of(fn)} is a generator function: a call does not run its code.")
        arguments = _approved(self._request)
        keyed = self._takes_key or self._repeat.verify is not None
        if keyed and KEY in arguments:
            raise InvalidAgent(
                f"The approved arguments hold {KEY!r}, which Interlock gives to {self._shown}: name yours otherwise."
            )
        if self._signature is None:
            return
        try:
            self._signature.bind(**arguments, **({KEY: ""} if self._takes_key else {}))
        except TypeError as error:
            raise InvalidAgent(f"{self._shown} cannot be called with the approved arguments: {error}.") from None

    def _must_be_once(self) -> None:
        """Refuse a second attempt under one approval: by the agent in the same advance, or by the tool itself."""
        halted = self.advancing.halted
        if halted is not None and halted.request_id == self._request.id:
            raise halted
        if not self._repeat.idempotent:
            refuse_retries(self._fn, self._tool)

    def call(self, call: Callable[[], Any]) -> Any:
        """Call it, in this thread."""
        with self._performing(), only_here():
            try:
                return call()
            except (asyncio.CancelledError, GeneratorExit) as error:  # a plain function is not cancelled
                raise Exited(error) from error

    async def acall(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Call and await it; asking again is the one thing that is not awaited."""
        with self._performing(), only_here():
            try:
                value: Any = call()
                return await value if inspect.isawaitable(value) else value
            except (asyncio.CancelledError, GeneratorExit) as error:
                if is_cancelled():
                    raise
                raise Exited(error) from error

    async def returned(self, value: object) -> None:
        """Say that the call returned."""
        match self._phase:
            case _Phase.asking:
                assert isinstance(value, Request)
                self._request = value
                self._phase = _Phase.claiming
            case _Phase.verifying if value is None:
                self._phase = _Phase.verified
            case _ if isinstance(value, GeneratorType | AsyncGeneratorType) or inspect.isawaitable(value):
                await self._not_awaited(value)
            case _Phase.calling if (failure := failure_in(value)) is not None:
                await self.broke(ToolFailed(failure))
            case _:
                failpoint("effect.called")
                await self._record("executed", jsonable(value))

    async def _not_awaited(self, value: Any) -> None:
        """A result that nobody awaits: its code has not run, or runs still; what ran before it may have acted."""
        if isinstance(value, CoroutineType | GeneratorType):
            value.close()
        reason = (
            f"{self._shown} returned a {type(value).__name__} that nobody awaits. Give a coroutine function, and use "
            "`await decision.aperform(…)`."
        )
        await self._record("unknown", reason=reason)
        raise Halt("effect_unknown", reason, self._request.id)

    async def broke(self, error: BaseException) -> None:
        """Say that the call raised; raise what the node is to see."""
        if self._phase is _Phase.asking:
            raise error
        if self._phase is _Phase.calling and isinstance(error, (NotDone, *self._repeat.not_done)):
            reason = said(error) or type(error).__name__
            await self._record("failed", reason=reason)
            raise NotDone(reason) from error
        doing = "verifying" if self._phase is _Phase.verifying else "the call"
        reason = f"{doing} of {self._shown} raised {told(error.error if isinstance(error, Exited) else error)}"
        if self._repeat.kind == "no":
            await self._record("unknown", reason=reason)
        if isinstance(error, asyncio.CancelledError):  # whoever cancels the node waits for it
            raise error
        raise self._uncertain(reason) from error

    def _after_claim(self) -> Callable[[], Any] | None:
        request = self._request
        match request.effect:
            case EffectState.executed:
                self._finish(request.result)
                return None
            case EffectState.failed:
                raise NotDone(request.effect_note)
            case EffectState.unknown:
                raise Halt("effect_unknown", request.effect_note, request.id)
            case EffectState.lapsed:
                # The approval is worth nothing any more: the same is asked anew, and its answer is read like any other.
                self._phase = _Phase.asking
                return functools.partial(decided_request, request.asked_digest, payload_again(request))
            case _:
                assert request.claim is not None
                if request.claim.attempt > 1 and self._repeat.kind == "verifiable":
                    assert self._repeat.verify is not None
                    return self._to_call(_Phase.verifying, self._repeat.verify)
                return self._to_call(_Phase.calling, self._fn)

    def _to_call(self, phase: _Phase, fn: Callable[..., Any]) -> Callable[[], Any]:
        advance = self.advancing.advance
        if not advance.is_held():
            raise AdvanceOvertaken(advance.record.run.id)
        self._phase = phase
        assert self._request.claim is not None
        arguments = copy.deepcopy(_approved(self._request))  # a tool may change what it is given
        if phase is _Phase.verifying or self._takes_key:
            arguments[KEY] = self._request.claim.key
        return functools.partial(fn, **arguments)

    @contextlib.contextmanager
    def _performing(self) -> Iterator[None]:
        token = performing.set(self._phase is not _Phase.asking)
        try:
            yield
        finally:
            performing.reset(token)

    async def _record(self, state: Reported, result: Json = None, reason: str = "") -> None:
        assert self._request.claim is not None
        attempt = self._request.claim.attempt
        with self._as_halt():
            after = await self.advancing.advance.record_effect(self._request.id, attempt, state, result, reason)
        if after.effect is EffectState.executed:
            self._finish(after.result)
        elif after.effect is EffectState.claimed:  # a later attempt has it: this result came too late
            raise AdvanceOvertaken(self._request.run_id)

    def _finish(self, result: Json) -> None:
        self.result = copy.deepcopy(result)  # the node may change it, and what is recorded must not change with it
        self._phase = _Phase.done

    @contextlib.contextmanager
    def _as_halt(self) -> Iterator[None]:
        """What the ledger refuses must not be swallowed by a node's `except Exception`."""
        try:
            yield
        except EffectRefused as refusal:
            raise Halt("effect_refused", refusal.message, self._request.id) from refusal
        except RecordAltered as altered:
            raise Halt("record_altered", altered.message, self._request.id) from altered
        except InterlockError as error:
            code = "ledger_unavailable" if is_passing(error) else "ledger_failed"
            raise Halt(code, error.message, self._request.id) from error


def _signature(fn: Callable[..., Any]) -> inspect.Signature | None:
    """Return what a function takes; None for a builtin that does not say."""
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):
        return None


def _approved(request: Request) -> dict[str, Any]:
    """Return what a tool is called with: an action's arguments, or a draft as `draft`."""
    subject = request.edition.subject
    if isinstance(subject, Draft):
        return {"draft": subject.body}
    assert isinstance(subject, Action)  # an answer is never approved
    return subject.args


def _name_of(fn: Callable[..., Any]) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return f"{getattr(fn, '__module__', '?')}:{getattr(fn, '__qualname__', type(fn).__qualname__)}"

"""The one door for commands on requests: load, authorise, decide, commit at the expected versions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

from interlock.domain.authority import Principal
from interlock.domain.collaboration import Viewed, viewers
from interlock.domain.commands import (
    ByTime,
    CastVote,
    ClaimEffect,
    Command,
    DecisionContext,
    RecordEffect,
    SettleEffect,
)
from interlock.domain.consent import Consent
from interlock.domain.decide import decide
from interlock.domain.events import Event, RefusalNoted
from interlock.domain.refusals import must_be_noted
from interlock.domain.request import Request, name_of
from interlock.engine.advance_start import is_abandoned, is_given_up, must_hold
from interlock.engine.changes import FRESH, Changes, Entry, RequestChange, RunFence
from interlock.engine.consequences import actor_of, ends_at, with_consequences
from interlock.engine.directories import Directories
from interlock.engine.hand_off import HandOff
from interlock.engine.idempotency import check_claimed, key_of, was_done
from interlock.engine.integrity import verified
from interlock.engine.pause import NO_POLICIES, note_of_held
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.store import Loaded, Store
from interlock.engine.ports.waker import Waker
from interlock.engine.retry import until_committed
from interlock.engine.routing import PinnedPolicies, WindowCount, count
from interlock.engine.schemas import check_vote
from interlock.errors import AdvanceOvertaken, Conflict, InterlockError, InvalidAnswer, NotFound, RecordAltered, Refused
from interlock.failpoints import failpoint

NEVER = datetime.max.replace(tzinfo=UTC)
THREADS = 8


class Desk:
    """Changes requests.

    Attributes:
        pool: the engine's own threads, which no agent's function can keep busy, for work that takes a second or waits
            for a disk.
    """

    def __init__(
        self, store: Store, directories: Directories, pinned_policies: PinnedPolicies, waker: Waker, hand_off: HandOff
    ) -> None:
        self.hand_off = hand_off
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="interlock-engine")
        self._store = store
        self._directories = directories
        self._pinned_policies = pinned_policies
        self._waker = waker

    def configuration_error(self) -> str | None:
        """Say why the last good configuration holds in place of the present one; None if the present one holds."""
        return self._directories.configured().held

    def consent_of(self, agent: str) -> Consent:
        """Return what may become of the decisions on an agent's requests, as it is configured now."""
        return self._directories.configured().consent_of(agent)

    async def handle(
        self,
        command: Command,
        principal: Principal,
        *,
        fence: RunFence | None = None,
        known: Request | Loaded | None = None,
        key: str | None = None,
    ) -> Request:
        """Carry out a command on one request, or refuse it; return the request as it is afterwards.

        Args:
            key: an idempotency key: a repeated call with it does nothing again.
            fence: with a claim, the fence of the advance that claims: it must still hold its run at the commit.
            known: the request, if the caller has compared it with its log, or has just loaded it. It is read again only
                if it has changed.

        Raises:
            Refused, InvalidAnswer: if the rules say no, or edited arguments or an answer do not fit. The log notes it.
            RecordAltered: if the record was altered since it was written.
            AdvanceOvertaken: if `fence` does not hold.
            EffectRefused: if it repeats a claim with the same key. The log does not note it.
            Conflict: if others changed the same request many times in a row.
        """
        at_hand = list[Request | Loaded]() if known is None else [known]
        judged = list[Command]()
        key = key_of(key, command)

        async def attempt() -> Request:
            loaded = await self._load(command, principal, fence, at_hand)
            if _was_done(command, principal, key, loaded):
                return loaded.requests[command.request_id]
            if not judged:  # once, however many races are lost: the ask never changes
                judged.append(await self._judge(loaded.requests[command.request_id], command, principal))
            return await self._handle_once(judged[0], principal, fence, loaded, key)

        after = await until_committed(attempt, command.request_id)
        if isinstance(command, CastVote):
            failpoint("vote.committed")
        return after

    async def _load(
        self, command: Command, principal: Principal, fence: RunFence | None, at_hand: list[Request | Loaded]
    ) -> Loaded:
        """Return the request and its run; what is at hand is used first, once."""
        if at_hand:
            known = at_hand.pop()
            if isinstance(known, Loaded):
                return known
            return Loaded(await self._store.now(), {command.request_id: known})
        with_run = fence is not None or isinstance(command, SettleEffect | RecordEffect)
        loaded = await self._read(principal.tenant, command.request_id, with_run=with_run)
        if fence is not None:
            must_hold(loaded, fence)
            if is_abandoned(loaded):  # nobody has taken it yet, but somebody may
                raise AdvanceOvertaken(fence.run_id)
        return loaded

    async def _read(self, tenant: str, request_id: str, *, with_run: bool = False) -> Loaded:
        """Read a request, compared with its log, and its run."""
        found = await self._store.load(tenant, [request_id], run_of=request_id if with_run else None)
        loaded = verified(found)
        request = loaded.requests.get(request_id)
        if request is None:
            raise NotFound(f"There is no request {request_id} here.", request_id=request_id)
        if loaded.run is not None and loaded.run.run.id != request.run_id:
            raise RecordAltered(f"The stored request {request_id} is filed under another run.", request_id=request_id)
        return loaded

    async def _judge(self, request: Request, command: Command, principal: Principal) -> Command:
        """Return a vote as it will be counted, any other command unchanged; note in the log if it does not fit."""
        if not isinstance(command, CastVote) or (command.subject is None and command.answer is None):
            return command
        if principal.kind != "person":  # only people vote: the rules refuse it anyway
            return command
        try:
            return await self._checked(request, command)
        except InvalidAnswer as refusal:
            await self.note(request, type(command).__name__, principal, refusal)
            raise

    async def _handle_once(
        self, command: Command, principal: Principal, fence: RunFence | None, loaded: Loaded, key: str | None
    ) -> Request:
        request = loaded.requests[command.request_id]
        context, policies, seen = await self._context(command, principal, loaded)
        try:
            events = decide(request, command, context)
        except (Refused, InvalidAnswer) as refusal:
            if not isinstance(command, ByTime):  # that nothing is due yet, or any more, is not news
                await self.note(request, type(command).__name__, principal, refusal)
            raise
        if not events:
            return request
        events = (*_view_of(command, context, loaded), *events)
        change = RequestChange.of(request, *events, *note_of_held(policies, request, loaded.now))
        changes = with_consequences(change, request, loaded, actor_of(principal, key), fence)
        before = min(loaded.now + FRESH, ends_at(request, command, change.events, context.policy) or NEVER)
        begun = await self.hand_off.commit(replace(changes, before=before, counted=seen.counted), self._store.commit)
        if not isinstance(command, ClaimEffect | RecordEffect):  # the end of their advance wakes the others
            self._waker.wake(work=not begun)
        return change.after

    async def _context(
        self, command: Command, principal: Principal, loaded: Loaded
    ) -> tuple[DecisionContext, PolicySet, WindowCount]:
        """Return the context in which a command is decided, with the configuration and the counts."""
        request = loaded.requests[command.request_id]
        if isinstance(command, RecordEffect):  # a result is recorded under any configuration
            policies = NO_POLICIES
            policy = policies.default
        else:
            policies = await self._directories.current(request.tenant, loaded.directory)
            policy = await self._pinned_policies.pinned(request.route.policy_hash)
        # An edit may have the request routed again.
        subjects = [command.subject] if isinstance(command, CastVote) and command.subject is not None else []
        span = policy.window_span if subjects else None
        seen = await count(self._store, request.tenant, subjects, now=loaded.now, span=span)
        found = DecisionContext(
            loaded.now,
            principal,
            policy,
            policies.directory,
            seen.recent.get(name_of(request.asked)),
            abandoned=is_given_up(request, loaded),
        )
        return found, policies, seen

    async def tried(self, command: Command, principal: Principal) -> tuple[Request, tuple[Event, ...], DecisionContext]:
        """Try a command: return the request, and the events that it would bring. Nothing changes or is noted.

        Raises:
            Refused, InvalidAnswer: as `handle` would.
        """
        loaded = await self._read(principal.tenant, command.request_id)
        request = loaded.requests[command.request_id]
        if isinstance(command, CastVote):
            command = await self._checked(request, command)
        context, _, _ = await self._context(command, principal, loaded)
        return request, decide(request, command, context), context

    async def _checked(self, request: Request, vote: CastVote) -> CastVote:
        return await asyncio.get_running_loop().run_in_executor(self.pool, check_vote, request, vote)

    async def see(
        self, request: Request, history: Sequence[Entry], people: Iterable[str], principal: Principal
    ) -> Request:
        """Note in the log who sees the request as it stands, each person once; return the request as it is afterwards.

        Args:
            request, history: the request and its log, which agree.
            people: canonical ids.
            principal: who makes the entry.
        """
        names, at_hand = tuple(dict.fromkeys(people)), [(request, history)]

        async def attempt() -> Request:
            if not at_hand:
                loaded = await self._read(request.tenant, request.id)
                at_hand.append((loaded.requests[request.id], loaded.logs[request.id]))
            current, entries = at_hand.pop()
            seen = viewers((entry.event for entry in entries), current.digest)
            unseen = tuple(name for name in names if name not in seen)
            if not unseen or current.digest != request.digest:
                return current
            change = RequestChange.of(current, Viewed(unseen, current.digest, await self._store.now()))
            await self._store.commit(Changes(request.tenant, actor_of(principal), (change,)))
            self._waker.wake(work=False)
            return change.after

        return await until_committed(attempt, request.id)

    async def note(self, request: Request, command: str, principal: Principal, refusal: InterlockError) -> None:
        """Note a refusal of a command in the log, once."""

        async def attempt() -> None:
            loaded = await self._read(request.tenant, request.id)
            current = loaded.requests[request.id]
            noted = RefusalNoted(command, principal.id, refusal.code, refusal.message, loaded.now)
            before = (entry.event for entry in reversed(loaded.logs[request.id]))
            if not must_be_noted(noted, before, by_person=principal.kind == "person"):
                return
            held = note_of_held(self._directories.configured(), current, loaded.now)
            change = RequestChange.of(current, noted, *held)
            await self._store.commit(Changes(request.tenant, actor_of(principal), (change,)))

        with contextlib.suppress(Conflict):
            await until_committed(attempt, request.id)


def _was_done(command: Command, principal: Principal, key: str | None, loaded: Loaded) -> bool:
    """Say whether an earlier call with this key has done it; raise `EffectRefused` if it claims the effect again."""
    history = loaded.logs.get(command.request_id, ())
    done = was_done(history, principal, key)
    if done and isinstance(command, ClaimEffect):
        check_claimed(loaded.requests[command.request_id], history, key)
    return done


def _view_of(command: Command, context: DecisionContext, loaded: Loaded) -> tuple[Viewed, ...]:
    """Return the entry that a voter has seen what they name, unless the log has it already."""
    if not isinstance(command, CastVote) or not command.shown:
        return ()
    history = loaded.logs.get(command.request_id, ())
    seen = context.person in viewers((entry.event for entry in history), command.digest)
    return () if seen else (Viewed((context.person,), command.digest, context.now),)

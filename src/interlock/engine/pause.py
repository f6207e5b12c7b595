"""What the end of an advance means for requests: which are opened, which are withdrawn, which stay."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from interlock.domain.action import Action, Ask, Subject, Verdict
from interlock.domain.authority import Directory, Principal
from interlock.domain.canonical import check_storable
from interlock.domain.commands import Command, DecisionContext, Lapse, Open, Withdraw
from interlock.domain.decide import decide
from interlock.domain.events import ConfigurationHeld
from interlock.domain.policy import Level, Occasion, Policy, Route, Step
from interlock.domain.request import EffectState, Request, name_of
from interlock.domain.run import Pending, Run
from interlock.domain.windows import Recent
from interlock.engine.changes import RequestChange
from interlock.engine.codec import encode_policy
from interlock.engine.grant_uses import uses_in, with_uses
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.runtime import Asking, Attention
from interlock.engine.ports.store import Loaded
from interlock.engine.routing import choose, past_of
from interlock.engine.schemas import misfit_of
from interlock.errors import BadInput, InvalidAnswer, InvalidValue

MAX_REPLACEMENTS = 2
"""How often a request may be replaced because the agent asks something else when its node runs again."""

MAX_REFUSED = 5
"""How many answers to one question the graph's own code may refuse in a row before a person has to look."""

_ANY_POLICY = Policy("none", (Level("none", steps=(Step(("role:nobody",)),)),))

NO_POLICIES = PolicySet((), _ANY_POLICY, Directory())
"""For what needs neither policy nor people: recording a result, withdrawing."""

BEGUN = frozenset({EffectState.claimed, EffectState.executed, EffectState.unknown})


@dataclass(slots=True)
class PausePlan:
    """The changes that make a pause; empty for an advance that ends in another way."""

    pending: list[Pending] = field(default_factory=list)
    changes: list[RequestChange] = field(default_factory=list)
    policies: dict[str, bytes] = field(default_factory=dict)


def plan_pause(
    loaded: Loaded, asked: Sequence[Request], asks: Sequence[Asking], policies: PolicySet, recent: Mapping[str, Recent]
) -> PausePlan | Attention:
    """Decide what a pause with these interrupts opens, keeps and withdraws.

    Args:
        loaded: the run, its open requests, and the answered ones that match nothing that the agent asked.
        asked: every request of the run at the interrupts of the new pause.
        recent: the earlier requests that some policy counts, by the action's name.
    """
    planner = _Planner(loaded, asked, policies, recent)
    for asking in planner.wanted(asks):
        trouble = planner.add(asking)
        if trouble is not None:
            return trouble
    planner.take_back_the_rest()
    return planner.plan


def withdraw_open(requests: Iterable[Request], reason: str, principal: Principal, now: datetime) -> list[RequestChange]:
    """Withdraw requests that nobody needs to decide any more."""
    return [_change(request, Withdraw(request.id, reason), principal, now) for request in requests if request.is_open]


def note_of_held(policies: PolicySet, request: Request | None, now: datetime) -> tuple[ConfigurationHeld, ...]:
    """Return the note that the last good policies were used for a request, if the configuration cannot be used."""
    if policies.held is None or (request is not None and request.configuration_held == policies.held):
        return ()
    return (ConfigurationHeld(policies.held, now),)


class _Planner:
    def __init__(
        self, loaded: Loaded, asked: Sequence[Request], policies: PolicySet, recent: Mapping[str, Recent]
    ) -> None:
        assert loaded.run is not None
        self._run = loaded.run.run
        self._now = loaded.now
        self._requests = loaded.requests
        self._asked = asked
        self._policies = policies
        self._forked = self._run.origin is not None and self._run.origin.is_fork
        self._agent = Principal(f"agent:{self._run.agent}", "agent", self._run.tenant, "run")
        self.plan = PausePlan()
        self._recent = dict(recent)

    def wanted(self, asks: Sequence[Asking]) -> list[Asking]:
        """Leave out what is asked beside something else, unless its own policy is stricter."""
        kept = [one for one in asks if not one.beside or self._is_stricter(one, asks)]
        shared = {_pause_of(one) for one in kept if one.beside}  # nobody may change what another has approved
        return [_unchangeable(one) if _pause_of(one) in shared else one for one in kept]

    def _is_stricter(self, asking: Asking, asks: Sequence[Asking]) -> bool:
        pause = _pause_of(asking)
        others = [self._routed(other.ask) for other in asks if _pause_of(other) == pause and not other.beside]
        mine = self._routed(asking.ask)
        by_default = mine.policy == self._policies.default.name
        return not by_default and all(mine.policy != other.policy or mine.level > other.level for other in others)

    def _routed(self, ask: Ask) -> Route:
        return choose(self._policies, self._occasion(ask, self._recent_for(ask.subject, [])), ask.policy)[1]

    def _occasion(self, ask: Ask, recent: Recent | None) -> Occasion:
        run, requester = self._run, self._agent.id
        return Occasion(ask.subject, run.agent, requester, run.initiator, self._now, recent, forked=self._forked)

    def add(self, asking: Asking) -> Attention | None:
        ask = asking.ask
        if asking.keeps is not None:
            self.plan.pending.append(Pending(ask.interrupt_id, asking.keeps))
            return None
        here = [request for request in self._asked if request.ask.interrupt_id == ask.interrupt_id]
        same = [request for request in here if request.asked_digest == ask.subject.digest]
        still_open = next((request for request in same if request.is_open), None)
        if still_open is not None:
            self.plan.pending.append(Pending(ask.interrupt_id, still_open.id))
            return None
        if asking.refused is not None and len(same) >= MAX_REFUSED:
            told = ask.description.rpartition("\n")[2]
            why = f"{len(same)} answers in a row were not taken. {told} Mend the agent and retry, or cancel the run."
            return Attention("invalid_ask", why, asking.refused)
        passed = [self._requests[request_id] for request_id in asking.passed_over]
        begun = next((request for request in passed if request.effect in BEGUN), None)
        if begun is not None:
            return _arguments_changed(f"the effect of {begun.id}, approved in its place, has already begun", begun.id)
        replaced = [*passed, *(request for request in here if request.is_open)]
        replacements = max((request.replacements + 1 for request in replaced), default=0)
        if replacements > MAX_REPLACEMENTS:
            return _arguments_changed(f"it has done so {replacements} times", replaced[-1].id)
        return self._open(asking, round_=len(same), replaced=replaced, replacements=replacements)

    def _open(self, asking: Asking, *, round_: int, replaced: list[Request], replacements: int) -> Attention | None:
        run = self._run
        recent = self._recent_for(asking.ask.subject, replaced)
        try:
            ask = judged(asking.ask)
            policy, route = choose(self._policies, self._occasion(ask, recent), ask.policy)
        except BadInput as error:
            return Attention("invalid_ask", error.message)
        command = Open(
            request_id=request_id(run, ask, round_),
            run_id=run.id,
            agent=run.agent,
            initiator=run.initiator,
            ask=ask,
            round=round_,
            route=route,
            replaces=replaced[-1].id if replaced else asking.replaces,
            replacements=replacements,
            forked=self._forked,
        )
        context = DecisionContext(self._now, self._agent, policy, self._policies.directory)
        events = decide(None, command, context)
        change = RequestChange.of(None, *events, *note_of_held(self._policies, None, self._now))
        opened = change.after
        self.plan.changes.append(change)
        if used := uses_in([change]):  # the next ask of this pause has so much less of the grant
            self._policies = with_uses(self._policies, used)
        if recent is not None:  # the next ask of this pause counts this one
            self._recent[name_of(ask.subject)] = recent.and_also(past_of(opened))
        self.plan.policies[route.policy_hash] = encode_policy(policy)
        self.plan.pending.append(Pending(ask.interrupt_id, opened.id))
        reason = "the agent asked something else in its place"
        for request in replaced:
            if request.is_open:
                self._apply(request, Withdraw(request.id, reason, opened.id))
            elif request.effect is EffectState.none:
                self._apply(request, Lapse(request.id, reason, opened.id))
        return None

    def _recent_for(self, subject: Subject, replaced: list[Request]) -> Recent | None:
        recent = self._recent.get(subject.name) if isinstance(subject, Action) else None
        return None if recent is None else recent.without(*(request.id for request in replaced))

    def take_back_the_rest(self) -> None:
        plan = self.plan
        touched = {change.after.id for change in plan.changes} | {pending.request_id for pending in plan.pending}
        for request in self._requests.values():
            if request.is_open and request.id not in touched:
                self._apply(request, Withdraw(request.id, "the agent no longer asks this"))

    def _apply(self, request: Request, command: Command) -> None:
        change = _change(request, command, self._agent, self._now)
        if change.events:
            self.plan.changes.append(change)


def _change(request: Request, command: Command, principal: Principal, now: datetime) -> RequestChange:
    context = DecisionContext(now, principal, _ANY_POLICY, Directory())  # withdrawing needs no policy
    return RequestChange.of(request, *decide(request, command, context))


def _pause_of(asking: Asking) -> str:
    return asking.ask.interrupt_id.rpartition("/")[0]


def _unchangeable(asking: Asking) -> Asking:
    subject = asking.ask.subject
    subject = replace(subject, schema=None) if isinstance(subject, Action) else subject
    return asking.but(subject=subject, verdicts=_without_edit(asking.ask))


def judged(ask: Ask) -> Ask:
    """Return the ask with a note about its schema, if it needs one; a schema that cannot be used is left out.

    Raises:
        BadInput: if the schema cannot be used, and the agent's author gave it or nothing but an edit is offered; or if
            the action's name cannot be kept.
    """
    if isinstance(ask.subject, Action):
        check_storable(ask.subject.name, "action.name")
    try:
        note = misfit_of(ask.subject)
    except (InvalidAnswer, InvalidValue):
        left = _without_edit(ask)
        if ask.task or not isinstance(ask.subject, Action) or not left:
            raise
        note = "The arguments cannot be changed: the schema of the tool cannot be used to check a change."
        ask = replace(ask, subject=replace(ask.subject, schema=None), verdicts=left)
    return replace(ask, description=f"{ask.description}\n{note}".strip()) if note else ask


def _without_edit(ask: Ask) -> tuple[Verdict, ...]:
    return tuple(verdict for verdict in ask.verdicts if verdict is not Verdict.edit)


def _arguments_changed(why: str, request_id_: str) -> Attention:
    return Attention(
        "arguments_changed",
        f"When it was run again, the agent asked something else than what was decided, and {why}. Move the model "
        "call into a node before the one that asks, so that its output is kept, and leave times and random values out "
        "of what is asked and of its description; then retry or cancel the run.",
        request_id_,
    )


def request_id(run: Run, ask: Ask, round_: int) -> str:
    """Derive a request's id, so that opening twice gives one request, and a new run gets no old one."""
    seed = "\n".join((run.tenant, run.id, ask.interrupt_id, ask.subject.digest, str(round_)))
    return "req_" + short_hash(seed)


def short_hash(seed: str) -> str:
    """Return 100 bits of SHA-256 as twenty lower-case letters and digits."""
    return base64.b32encode(hashlib.sha256(seed.encode()).digest())[:20].decode().lower()

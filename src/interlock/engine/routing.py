"""Chooses the policy of a new request, pins its version, and reads the recent requests that policies count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from interlock.domain.action import Action, Subject
from interlock.domain.policy import Occasion, Policy, Route, applies, route
from interlock.domain.request import EffectState, Request, Status
from interlock.domain.windows import MOST_PAST, Past, Recent
from interlock.engine.changes import Counted
from interlock.engine.codec import decode_policy, encode_policy
from interlock.engine.integrity import request_of_log
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.store import Store, Window
from interlock.errors import InvalidPolicy, RecordAltered


def choose(policies: PolicySet, occasion: Occasion, wanted: str | None) -> tuple[Policy, Route]:
    """Choose the policy (the one that the graph's author names, or the first that applies) and the level.

    Raises:
        InvalidPolicy: if the author named one that is not configured.
    """
    if wanted is None:
        policy = next((policy for policy in policies.policies if applies(policy, occasion)), policies.default)
    else:
        named = {policy.name: policy for policy in (policies.default, *reversed(policies.policies))}
        if wanted not in named:
            raise InvalidPolicy(
                f"The agent asks for the policy {wanted!r}, which is not configured; there are: "
                f"{', '.join(sorted(named))}."
            )
        policy = named[wanted]
    return policy, route(policy, hash_of(policy), occasion)


def hash_of(policy: Policy) -> str:
    """Return the hash of this version of the policy."""
    return "sha256:" + hashlib.sha256(encode_policy(policy)).hexdigest()


class PinnedPolicies:
    """Reads the policy versions that requests have pinned. A version never changes, so it is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Policy] = {}

    async def pinned(self, policy_hash: str) -> Policy:
        """Return the version with this hash; raise `RecordAltered` if the stored one is missing or altered."""
        if policy_hash not in self._known:
            body = await self._store.policy(policy_hash)
            if body is None or "sha256:" + hashlib.sha256(body).hexdigest() != policy_hash:
                raise RecordAltered(f"The policy version {policy_hash} is not in the store as it was written.")
            self._known[policy_hash] = decode_policy(body)
        return self._known[policy_hash]


@dataclass(frozen=True, slots=True)
class WindowCount:
    """The earlier requests, by the action's name, and the conditions for committing a decision by them."""

    recent: Mapping[str, Recent] = field(default_factory=dict)
    counted: tuple[Counted, ...] = ()


def span_of(policies: Iterable[Policy]) -> timedelta | None:
    """Return how far back these policies look at most; None if none does."""
    spans = [span for policy in policies if (span := policy.window_span) is not None]
    return max(spans, default=None)


async def count(
    store: Store, tenant: str, subjects: Iterable[Subject], *, now: datetime, span: timedelta | None
) -> WindowCount:
    """Read the earlier requests for the actions among these subjects, by any agent."""
    names = sorted({subject.name for subject in subjects if isinstance(subject, Action)}) if span is not None else []
    recent, counted = {}, []
    for name in names:
        assert span is not None
        try:
            window = await store.window(tenant, name, now - span, MOST_PAST + 1)
            recent[name] = await _recent(store, tenant, window)
            counted.append(Counted(name, window.version))
        except RecordAltered as altered:  # it stops nobody: without a known past, the last level applies
            recent[name] = Recent(unknown=altered.message)
    return WindowCount(recent, tuple(counted))


async def _recent(store: Store, tenant: str, window: Window) -> Recent:
    """Return the requests in a window by their logs, because their rows may have been altered."""
    logs = (await store.load(tenant, [request.id for request in window.requests[:MOST_PAST]])).logs
    requests = [request_of_log(tenant, key, history) for key, history in logs.items()]
    may_happen = [one for one in requests if one.is_open or one.status is Status.approved]
    past = tuple(past_of(one) for one in may_happen if one.effect is not EffectState.lapsed)
    return Recent(past, complete=len(window.requests) <= MOST_PAST)


def past_of(request: Request) -> Past:
    """Return a request for an action as later requests count it."""
    subject = request.edition.subject
    assert isinstance(subject, Action)
    return Past(request.id, request.opened_at, subject)

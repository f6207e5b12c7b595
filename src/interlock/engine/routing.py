"""Which policy a new request falls under, and its pinned version."""

from __future__ import annotations

import hashlib

from interlock.domain.policy import Occasion, Policy, Route, applies, route
from interlock.engine.codec import decode_policy, encode_policy
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.store import Store
from interlock.errors import InvalidPolicy, RecordAltered

__all__ = ["PolicyBook", "choose", "hash_of"]


def choose(policies: PolicySet, occasion: Occasion, wanted: str | None) -> tuple[Policy, Route]:
    """Choose the policy (the one that the graph's author named, or the first that applies) and the level.

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
    """Return the hash that names this version of the policy."""
    return "sha256:" + hashlib.sha256(encode_policy(policy)).hexdigest()


class PolicyBook:
    """The policy versions that requests have pinned. A body never changes, so it is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Policy] = {}

    async def pinned(self, policy_hash: str) -> Policy:
        """Return the version with this hash.

        Raises:
            RecordAltered: if the store does not have it, or has something else under its hash.
        """
        if policy_hash not in self._known:
            body = await self._store.policy(policy_hash)
            if body is None or "sha256:" + hashlib.sha256(body).hexdigest() != policy_hash:
                raise RecordAltered(f"The policy version {policy_hash} is not in the store as it was written.")
            self._known[policy_hash] = decode_policy(body)
        return self._known[policy_hash]

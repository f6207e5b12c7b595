"""What the engine needs of a configuration: policies and people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from interlock.domain.authority import Directory
from interlock.domain.consent import NO_CONSENT, Consent
from interlock.domain.directory import KeptDirectory
from interlock.domain.policy import Policy
from interlock.domain.retries import DEFAULT, Retries


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policies and people as they are configured now.

    Args:
        policies: tried in order; the first that applies is taken.
        default: taken when none applies.
        held: why the present configuration cannot be used, so that these last good ones still hold; None if these are
            the present ones.
        request_limits: how many requests of an agent may be open at once, by its name; `default` for the others.
        requests_per_hour: how many requests an agent may open within an hour, by its name; `default` for the others.
        consents: what may become of the decisions on an agent's requests, by its name; nothing, where nothing is said.
        prices: a file of prices, by which it is reckoned what waiting costs; None for those that come with Interlock.
        retries: how failed advances are tried again, by the agent's name; the others by default.
        kept: what the tenant's log says of its people, as far as it is in `directory`; None if it was not read.
    """

    policies: tuple[Policy, ...]
    default: Policy
    directory: Directory
    held: str | None = None
    retries: Mapping[str, Retries] = field(default_factory=dict)
    request_limits: Mapping[str, int] = field(default_factory=dict)
    requests_per_hour: Mapping[str, int] = field(default_factory=dict)
    consents: Mapping[str, Consent] = field(default_factory=dict)
    prices: str | None = None
    kept: KeptDirectory | None = None

    def request_limit_of(self, agent: str) -> int | None:
        """Return how many requests of an agent may be open at once; None if there is no limit."""
        return self.request_limits.get(agent, self.request_limits.get("default"))

    def requests_per_hour_of(self, agent: str) -> int | None:
        """Return how many requests an agent may open within an hour; None if there is no limit."""
        return self.requests_per_hour.get(agent, self.requests_per_hour.get("default"))

    def consent_of(self, agent: str) -> Consent:
        """Return what may become of the decisions on an agent's requests."""
        return self.consents.get(agent, NO_CONSENT)

    def retries_of(self, agent: str) -> Retries:
        """Return how an agent's failed advances are tried again."""
        return self.retries.get(agent, DEFAULT)


class Policies(Protocol):
    """The configured policies and people."""

    def current(self) -> PolicySet:
        """Return them as they are now; group membership is never older than this call.

        If the present configuration cannot be used, this returns the last good ones, with `held`, and raises nothing.
        """

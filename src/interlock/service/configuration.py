"""What the configuration's file says of people and policies, noted in the log when it changes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping

from interlock.domain.authority import LOCAL_TENANT, Delegation
from interlock.domain.consent import Consent
from interlock.domain.policy import Policy
from interlock.engine.changes import Actor
from interlock.engine.codec import encode_policy
from interlock.engine.directories import Directories, PlannedChange
from interlock.engine.ports.policies import PolicySet
from interlock.errors import Conflict, RecordAltered, StoreUnavailable

EVERY = 5.0
"""Seconds after which at the latest a server notes that the file has changed."""

SERVER = Actor("service:server", "serve")


async def note_changes(directories: Directories, stop: asyncio.Event, every: float = EVERY) -> None:
    """Note in the log of every tenant what the file says, at once and whenever it changes, until `stop` is set.

    What it said before is known from the log: what changed while no server ran is noted as well. A file that cannot be
    used changes nothing, so nothing is noted.
    """
    noted: PolicySet | None = None
    while not stop.is_set():
        configured = directories.configured()
        if configured is not noted and configured.held is None:
            with contextlib.suppress(
                StoreUnavailable, Conflict, RecordAltered
            ):  # tried again; an audit tells of the last
                await note(directories, configured)
                noted = configured
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)


async def note(directories: Directories, configured: PolicySet) -> None:
    """Note what the file says now in the log of every tenant whose log says something else."""
    entries = entries_of(configured)
    for tenant in sorted({LOCAL_TENANT, *await directories.store.tenants()}):
        await directories.change(tenant, SERVER, lambda rules: PlannedChange(rules.configure(entries)))


def entries_of(configured: PolicySet) -> Mapping[str, frozenset[str]]:
    """Return what is configured of people and policies, section by section, one text an entry."""
    people = configured.directory
    found = {
        "groups": (f"{name}: {person}" for name, members in people.groups.items() for person in members),
        "roles": (f"{name}: {person}" for name, holders in people.roles.items() for person in holders),
        "people": (f"{alias} is {person}" for alias, person in people.aliases.items()),
        "delegations": map(_delegation, people.delegations),
        "learning": (f"{name}: {_consent(one)}" for name, one in configured.consents.items()),
        "policies": map(_policy, (*configured.policies, configured.default)),
    }
    return {section: entries for section, given in found.items() if (entries := frozenset(given))}


def _delegation(one: Delegation) -> str:
    begins = "" if one.since is None else f" from {one.since.isoformat()}"
    ends = "" if one.until is None else f" until {one.until.isoformat()}"
    return f"{one.delegate} for {one.giver}{begins}{ends}"


def _consent(one: Consent) -> str:
    allowed = [name for name, is_allowed in (("export", one.export), ("recall", one.recall)) if is_allowed]
    return f"{' and '.join(allowed) or 'nothing'}, without {', '.join(one.redact) or 'leaving anything out'}"


def _policy(policy: Policy) -> str:
    return f"{policy.name} sha256:{hashlib.sha256(encode_policy(policy)).hexdigest()}"

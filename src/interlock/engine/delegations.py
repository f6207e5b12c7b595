"""The delegations of `interlock.yaml`: one person for another, and each of them told apart by every name."""

from __future__ import annotations

from interlock.config.located import ConfigFile
from interlock.config.sections import DelegationSettings, Settings
from interlock.domain.authority import Delegation, Directory

__all__ = ["delegations_of"]


def delegations_of(settings: Settings, origin: ConfigFile, names: Directory) -> tuple[Delegation, ...]:
    """Turn what is configured into delegations.

    Args:
        names: resolves the other names of a person.

    Raises:
        InvalidConfig: if one cannot be; with file, line and key.
    """
    return tuple(_delegation(given, origin, names, index) for index, given in enumerate(settings.delegations))


def _delegation(given: DelegationSettings, origin: ConfigFile, names: Directory, index: int) -> Delegation:
    path = ("delegations", index)
    giver, delegate = names.canonical(given.giver), names.canonical(given.delegate)
    for key, person in (("from", giver), ("to", delegate)):
        if person.startswith("agent:"):
            raise origin.error((*path, key), "is an agent, and agents never vote: name a person")
    if giver == delegate:
        raise origin.error((*path, "to"), f"is the same person as {given.giver!r}: name another")
    if given.since is not None and given.until <= given.since:
        raise origin.error((*path, "until"), "is not after `since`: it would never hold")
    return Delegation(giver, delegate, given.until, given.since, given.reason)

"""Who changed what last of a tenant's people and tokens, as its log says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from interlock.domain import directory_events as events
from interlock.domain.directory import STREAM
from interlock.domain.directory_events import DirectoryEvent
from interlock.engine.changes import Entry
from interlock.engine.ports.store import Store
from interlock.service.directory_sentences import directory_sentence


class Subject(NamedTuple):
    """What was changed: a `person`, a `group`, a `role`, a `token` or a `delegation`, by its name or id."""

    kind: str
    name: str


class Change(NamedTuple):
    """What was changed last, by whom; `sentence` says what, with text of others in it."""

    by: str
    at: datetime
    sentence: str


class LastChanges:
    """Remembers the last change of each, and reads what the log has beside that.

    Args:
        store: its log says who changed what.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[int, dict[Subject, Change]]] = {}

    async def of(self, tenant: str) -> Mapping[Subject, Change]:
        """Return the last change of all that was ever changed, as the log is now."""
        number, found = self._seen.get(tenant, (0, {}))
        entries = await self._store.history(tenant, STREAM, since=number + 1)
        if entries:
            found = found | {subject: _change(entry) for entry in entries for subject in _subjects(entry.event)}
            self._seen[tenant] = entries[-1].seq, found
        return found


def _change(entry: Entry) -> Change:
    assert isinstance(entry.event, DirectoryEvent)
    return Change(entry.by, entry.at, directory_sentence(entry.event))


def _subjects(event: object) -> list[Subject]:
    match event:
        case events.MemberAdded() | events.MemberRemoved():
            return [Subject("person", event.person), Subject(event.kind, event.name)]
        case events.DelegationMade() | events.DelegationEnded():
            return [Subject("delegation", event.id)]
        case events.TokenCreated() | events.TokenRevoked():
            return [Subject("token", event.id)]
        case _:
            person = getattr(event, "person", None) or getattr(event, "account", None)
            return [] if person is None else [Subject("person", person)]

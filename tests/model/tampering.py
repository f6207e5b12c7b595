"""A rule in which somebody changes a field of a row behind everybody's back, between any two commands (I1, I11)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.stateful import rule
from tests.model.fixtures import OPERATOR, TENANT
from tests.model.interleaving import Course
from tests.model.lockstep import Deed, Work
from tests.model.races import Races, index
from tests.model.system import SystemUnderTest

from interlock.engine.audit import audit_record
from interlock.engine.repair import repair
from interlock.testing.people import principal

Table = Literal["requests", "runs"]

NEXT = ("approve", "approve", "work", "work", "work twice", "sweep", "cancel", "look")


class Tampering(Races):
    """Somebody who can write to the database: what is changed is found, and nothing unapproved runs by it.

    Subclass it, and say in `read_row` and `write_row` how a row is changed past the store.
    """

    tampers = False
    """Whether `read_row` and `write_row` are there for every store that is driven."""

    def read_row(self, name: str, table: Table, key: str) -> bytes:
        """Return the stored body of a request or a run, of the store with this name."""
        raise NotImplementedError

    def write_row(self, name: str, table: Table, key: str, body: bytes) -> None:
        """Put another body in its place."""
        raise NotImplementedError

    @rule(row=index, field=st.integers(0, 199), then=st.lists(st.tuples(st.sampled_from(NEXT), index), max_size=2))
    def tamper(self, row: int, field: int, then: list[tuple[str, int]]) -> None:
        """Change a random field of a random row; others go on as they would; then it is put back."""
        places: list[tuple[Table, str]] = [
            *(("requests", key) for key in self.model.rows),
            *(("runs", key) for key in self.model.run_rows),
        ]
        if not self.tampers or not places:
            return
        table, key = places[row % len(places)]
        kept = [self.read_row(system.name, table, key) for system in self.systems]
        forged = [json.dumps(_changed(json.loads(body), field)).encode() for body in kept]
        pieces = [(what, piece) for what, which in then if (piece := self._piece(what, which)) is not None]
        for system, body in zip(self.systems, forged, strict=True):
            self.write_row(system.name, table, key, body)
            assert self._finds(system, key), f"I11: the audit of {system.name} does not find {table} {key} changed"
        for what, piece in pieces:
            self._go_on_tampered(f"{what}, tampered with", piece)
        for system, before, body in zip(self.systems, kept, forged, strict=True):
            if self.read_row(system.name, table, key) == body:  # else it has been written anew from its log
                self.write_row(system.name, table, key, before)
        if any(what == "cancel" for what, _ in pieces):
            self._go_on_tampered("what was left open is taken back", self._take_back)
        self._observe(len(self.policies.versions) - 1)
        self.whole = True

    @staticmethod
    async def _take_back(system: SystemUnderTest) -> None:
        """A request that was altered when its run was cancelled is open still: the audit finds it, a person repairs."""
        if any(one.mend == "left open" for one in await audit_record(system.store)):
            await repair(system.watched, system.desk, principal(OPERATOR, "person", TENANT))

    def _finds(self, system: SystemUnderTest, key: str) -> bool:
        found = self._run(audit_record(system.store))
        return any(one.stream is not None and one.stream[1] == key for one in found)

    def _go_on_tampered(self, what: str, piece: Work) -> None:
        """Let a piece of work be done or refused; nobody looks until the row is put back."""
        self.whole = False
        since = len(self.policies.versions) - 1
        deed = Deed([Course(partial(piece, system), since) for system in self.systems], what)
        self._same(f"outcomes of {what}", self._each(deed.courses, lambda course: course.go(None)))


def _changed(body: Any, field: int) -> Any:
    """Return a body with one of its leaves changed to another value."""
    leaves = list(_leaves(body, ()))
    *path, last = leaves[field % len(leaves)]
    place = body
    for key in path:
        place = place[key]
    match place[last]:
        case bool():
            place[last] = not place[last]
        case int() | float():
            place[last] += 1
        case None:
            place[last] = "another"
        case str(text):
            place[last] = _OTHERS.get(text, f"{text}x")
        case list():
            place[last] = ["another"]
        case _:
            place[last] = {"another": 1}
    return body


_OTHERS = {"open": "approved", "approved": "rejected", "rejected": "approved", "paused": "done", "none": "executed"}


def _leaves(value: Any, path: tuple[Any, ...]) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, dict | list) and item:
            yield from _leaves(item, (*path, key))
        else:
            yield (*path, key)

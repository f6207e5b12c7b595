"""The lists of an inbox are counted in one walk: as many as their pages have, and no row is read twice."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.action import Kind, Verdict
from interlock.domain.authority import Directory, Principal
from interlock.domain.collaboration import Snooze
from interlock.domain.inbox import asked_entries
from interlock.domain.policy import Level, Policy, Step
from interlock.domain.request import Vote
from interlock.engine.codec import encode_request
from interlock.engine.ports.store import SortKey
from interlock.service import inbox as module
from interlock.service.inbox import EVERYTHING, InboxFilter, PersonalInbox
from interlock.service.pages import Count
from interlock.testing.samples import opened

AT = datetime(2026, 11, 29, tzinfo=UTC)
STEPS = tuple(Step((f"group:{name}",), 2) for name in ("ours", "theirs"))
POLICY = Policy("default", (Level("one", None, STEPS),))
PEOPLE = Directory({"ours": frozenset({"mia", "noah"}), "theirs": frozenset({"olga"})}, local_roles=False)
MIA = Principal("mia", "person", "acme", "test")
OPEN = ("mine", "snoozed", "others")
KINDS = ("mine", "snoozed", "voted", "theirs", "unknown")


def request(number, kind):
    """Return a request of which it is known in which list of mia's it is."""
    asked = opened(f"req_{number}", AT).after
    votes = (Vote("mia", Verdict.approve, asked.digest, 0, AT),) if kind == "voted" else ()
    snoozes = (Snooze("mia", AT + timedelta(hours=1)),) if kind == "snoozed" else ()
    step = int(kind == "theirs")
    asks = () if kind == "unknown" else STEPS[step].ask
    return replace(asked, step=step, step_asks=asks, votes=votes, snoozes=snoozes)


def list_of(kind):
    return {"voted": "others", "theirs": "others", "unknown": "mine"}.get(kind, kind)


class Stored:
    """Requests in their order, found by whom they ask; notes which were read."""

    def __init__(self, kinds):
        self.rows = [(SortKey(number, f"req_{number}"), request(number, kind)) for number, kind in enumerate(kinds)]
        self.read = Counter()

    async def now(self):
        return AT

    async def pinned(self, _):
        return POLICY

    async def request_rows(self, _, wanted, *, after=None, limit=50):
        found = [(key, one) for key, one in self.rows if after is None or key > after]
        if wanted.asks is not None:
            asks = [(key, one, asked_entries(one)) for key, one in found]
            found = [(key, one) for key, one, of in asks if not of or not wanted.asks.isdisjoint(of)]
        self.read.update(key.id for key, _ in found[:limit])
        return [(key, encode_request(one)) for key, one in found[:limit]]

    def inbox(self, only=EVERYTHING):
        return PersonalInbox(self, PEOPLE, self, MIA, only, sees_all=True)


@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=40),
    most=st.dictionaries(st.sampled_from(OPEN), st.integers(1, 50), min_size=1),
)
def test_each_count_is_that_of_the_list_and_no_row_is_read_twice(kinds, most):
    stored = Stored(kinds)
    there = Counter(map(list_of, kinds))
    counts = asyncio.run(stored.inbox().counts(most))
    assert counts == {which: Count(there[which]).to(number) for which, number in most.items()}
    assert max(stored.read.values(), default=1) == 1


@given(kinds=st.lists(st.sampled_from(KINDS), max_size=40), limit=st.integers(1, 9), look=st.integers(1, 40))
def test_the_first_page_of_a_list_is_read_while_it_is_counted(kinds, limit, look):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_READ_FOR_FEW", look)
        stored, whole = Stored(kinds), Stored(kinds)
        page, counts = asyncio.run(stored.inbox().page_and_counts("others", dict.fromkeys(OPEN, 20), limit=limit))
        assert counts == asyncio.run(whole.inbox().counts(dict.fromkeys(OPEN, 20)))
        assert max(stored.read.values(), default=1) == 1
        found = [one.request.id for one in page.rows]
        while page.next is not None:
            page = asyncio.run(stored.inbox().page("others", after=page.next, limit=limit))
            found += [one.request.id for one in page.rows]
    assert found == [key.id for (key, _), kind in zip(stored.rows, kinds, strict=True) if list_of(kind) == "others"]


@pytest.mark.parametrize(
    ("kinds", "counts", "read"),
    [
        (["theirs"] * 300 + ["mine", "snoozed"], {"mine": "1", "snoozed": "1", "others": "9 or more"}, 20 + 2),
        (["mine"] * 300 + ["theirs"], {"mine": "9 or more", "snoozed": "0 or more", "others": "0 or more"}, 60),
        (["voted"] * 300, {"mine": "0 or more", "snoozed": "0 or more", "others": "9 or more"}, 60),
    ],
)
async def test_no_more_is_read_than_a_bound(monkeypatch, kinds, counts, read):
    monkeypatch.setattr(module, "MOST_READ_FOR_FEW", 50)
    stored = Stored(kinds)
    found = await stored.inbox().counts(dict.fromkeys(OPEN, 9))
    assert {which: str(count) for which, count in found.items()} == counts
    assert stored.read.total() <= read


async def test_a_filter_by_kind_counts_what_it_leaves():
    stored = Stored(["mine", "snoozed", "voted", "theirs"])
    for kind, number in ((Kind.approval, 1), (Kind.review, 0)):
        found = await stored.inbox(InboxFilter(kind=kind)).counts(dict.fromkeys(OPEN, 9))
        assert [count.number for count in found.values()] == [number, number, 2 * number]

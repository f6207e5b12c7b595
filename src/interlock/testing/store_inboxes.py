"""The contract of stores: requests by whom they ask, and by who has acted on them."""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from interlock.domain.action import Action, Verdict
from interlock.domain.collaboration import Snoozed
from interlock.domain.events import (
    Edited,
    EffectClaimed,
    EffectExecuted,
    EffectFailed,
    EffectLapsed,
    EffectUnknown,
    Escalated,
    Extended,
    Restored,
    StepReached,
    VoteCast,
)
from interlock.domain.inbox import ANY_ROLE, Act
from interlock.domain.lifecycle import fold
from interlock.domain.request import UNSETTLED, Claim, Edition, EffectState, Request, Status, Vote
from interlock.engine.changes import RequestChange
from interlock.engine.ports.store import RequestFilter, Store
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, Asked, approved, changes, decided, opened, then
from interlock.testing.store_base import Contract, committed, page_ids, the_request

HOUR = timedelta(hours=1)
HOSTILE = "group:\n\"'%_\\ {}"
ABOUT = "\"'%_\\ {}"


class InboxContract(Contract):
    """An index finds whom a step asks and who has acted; it says no more than the log."""

    async def test_open_requests_are_found_by_whom_their_step_asks(self, store: Store, clock: SettableClock) -> None:
        await self._ask(store, clock, "req_1", "group:managers", "person:Ann@Example.com")
        await self._ask(store, clock, "req_2", "role:finance")
        await self._ask(store, clock, "req_3", HOSTILE)
        for entry, ids in (
            ("group:managers", ["req_1"]),
            ("person:ann@example.com", ["req_1"]),
            ("role:finance", ["req_2"]),
            (ANY_ROLE, ["req_2"]),
            (HOSTILE, ["req_3"]),
            ("group:manager", []),
            ("managers", []),
            ("role:", []),
            ("%", []),
        ):
            assert await self._asking(store, entry) == ids
        assert await self._asking(store, "group:managers", "role:finance") == ["req_1", "req_2"]
        assert await self._asking(store) == []

    async def test_what_the_index_cannot_say_is_found_by_everybody(self, store: Store, clock: SettableClock) -> None:
        await self._ask(store, clock, "req_old")
        await self._ask(store, clock, "req_long", *(f"person:{number:030}" for number in range(200)))
        assert await self._asking(store, "group:managers") == ["req_long", "req_old"]
        assert await self._asking(store) == ["req_long", "req_old"]

    async def test_the_step_that_is_reached_is_who_is_asked(self, store: Store, clock: SettableClock) -> None:
        await self._ask(store, clock, "req_1", "group:managers")
        request = await the_request(store, "req_1")
        await store.commit(changes(then(request, Escalated(0, ("group:directors",), None, clock.at))))
        assert await self._asking(store, "group:managers") == await self._asking(store, "group:directors") == ["req_1"]
        voted = self._voted(await the_request(store, "req_1"), "ann", clock)
        reached = StepReached(1, clock.at + HOUR, clock.at, ("ann",), ask=("role:finance",), approvals=1)
        await store.commit(
            changes(replace(then(voted.after, reached), expected=voted.expected, events=(*voted.events, reached)))
        )
        assert await self._asking(store, "group:managers") == []
        assert await self._asking(store, "role:finance") == ["req_1"]
        await store.commit(changes(decided(await the_request(store, "req_1"), clock.at)))
        assert await self._asking(store, "role:finance") == []

    async def test_pages_of_whom_requests_ask_join(self, store: Store, clock: SettableClock) -> None:
        for number in range(7):
            await self._ask(store, clock, f"req_{number}", "group:managers" if number % 2 else "group:others")
        wanted = RequestFilter(asks=frozenset({"group:managers"}))
        assert await page_ids(store, wanted) == ["req_1", "req_3", "req_5"]
        assert await page_ids(store, wanted, after="req_1", limit=1) == ["req_3"]
        assert await page_ids(store, wanted, after="req_2", of=RequestFilter()) == ["req_3", "req_5"]
        assert await page_ids(store, replace(wanted, agent="nobody")) == []
        assert await page_ids(store, replace(wanted, run_id="run_1"), limit=2) == ["req_1", "req_3"]

    async def test_requests_are_found_by_who_has_acted_on_them(self, store: Store, clock: SettableClock) -> None:
        for number in range(3):
            await self._ask(store, clock, f"req_{number}", "group:managers")
        for key, person in (("req_2", "ann"), ("req_0", "ann"), ("req_0", "bob"), ("req_1", "bob")):
            clock.advance(seconds=1)
            await store.commit(changes(self._voted(await the_request(store, key), person, clock)))
        assert await page_ids(store, RequestFilter((), people=("ann",))) == ["req_0", "req_2"]
        assert await page_ids(store, RequestFilter((), people=("bob",))) == ["req_1", "req_0"]
        assert (
            await page_ids(store, RequestFilter((), people=("zoe",)))
            == await page_ids(store, RequestFilter((), people=()))
            == []
        )
        assert await page_ids(store, RequestFilter((), people=("ann",)), after="req_0") == ["req_2"]
        assert await page_ids(store, RequestFilter((), people=("ann",)), after="req_2") == []
        await store.commit(changes(decided(await the_request(store, "req_0"), clock.at)))
        assert await page_ids(store, RequestFilter(people=("ann",))) == ["req_2"]
        assert await page_ids(store, RequestFilter((Status.rejected,), people=("ann",))) == ["req_0"]

    async def test_requests_are_found_by_what_they_are_about(self, store: Store, clock: SettableClock) -> None:
        for number, reference in enumerate(("order 17", "order 17", "order 170", ABOUT, None)):
            await store.commit(changes(opened(f"req_{number}", clock.at, Asked(reference=reference))))
            clock.advance(seconds=1)
        await store.commit(changes(decided(await the_request(store, "req_0"), clock.at)))
        about = RequestFilter((), reference="order 17")
        assert await page_ids(store, about) == ["req_1", "req_0"]
        assert await page_ids(store, about, after="req_1") == ["req_0"]
        assert await page_ids(store, replace(about, statuses=(Status.open,))) == ["req_1"]
        assert await page_ids(store, replace(about, agent="nobody")) == []
        assert await page_ids(store, RequestFilter((), reference=ABOUT)) == ["req_3"]
        prefixes = {"order 17": [2, 1, 0], "order 170": [2], "": [3, 2, 1, 0], "%": [], ABOUT[:4]: [3], "\0": []}
        for prefix, ids in prefixes.items():
            assert await page_ids(store, RequestFilter((), reference_prefix=prefix)) == [
                f"req_{number}" for number in ids
            ]
        assert await page_ids(store, RequestFilter((), reference_prefix="order"), after="req_2") == ["req_1", "req_0"]
        assert await page_ids(store, RequestFilter(reference_prefix="order"), after="req_1") == ["req_2"]
        assert await page_ids(store, RequestFilter((Status.rejected,), reference_prefix="order")) == ["req_0"]
        for nothing in ("order", "ORDER 17", "%", "", "order 17\0", "\ud800"):
            assert await page_ids(store, RequestFilter((), reference=nothing)) == []
        await store.commit(changes(self._voted(await the_request(store, "req_1"), "ann", clock)))
        assert await page_ids(store, RequestFilter((), people=("ann",), reference="order 17")) == ["req_1"]
        assert await page_ids(store, RequestFilter((), people=("ann",), reference="order 170")) == []

    async def test_requests_are_found_by_the_state_of_their_effect(self, store: Store, clock: SettableClock) -> None:
        for number in range(6):
            await store.commit(changes(opened(f"req_{number}", clock.at, Asked(run_id=f"run_{number % 2}"))))
            clock.advance(seconds=1)
        claimed = EffectClaimed(Claim(1, "req_0", "bank:pay", 1, clock.at))
        ends = (EffectUnknown(1, "gone", clock.at), EffectExecuted(1, 7, clock.at), EffectFailed(1, "no", clock.at))
        for number, end in enumerate((None, *ends, EffectLapsed("late", None, clock.at))):
            before = () if isinstance(end, EffectLapsed) else (claimed,)
            after = [*before, *([end] if end is not None else [])]
            await store.commit(changes(approved(await the_request(store, f"req_{number}"), clock.at, *after)))
        unsettled = RequestFilter((), effects=UNSETTLED)
        assert await page_ids(store, unsettled) == ["req_1", "req_0"]
        assert await page_ids(store, unsettled, after="req_1") == ["req_0"]
        assert await page_ids(store, RequestFilter((), effects=(EffectState.unknown,))) == ["req_1"]
        assert await page_ids(store, replace(unsettled, run_id="run_0")) == ["req_0"]
        assert await page_ids(store, replace(unsettled, agent="nobody")) == []
        assert await page_ids(store, replace(unsettled, statuses=(Status.open,))) == []
        every = tuple(state for state in EffectState if state is not EffectState.none)
        assert await page_ids(store, RequestFilter((), run_id="run_0", effects=every)) == ["req_4", "req_2", "req_0"]
        assert await page_ids(store, RequestFilter((), effects=(EffectState.lapsed,))) == ["req_4"]
        assert await store.requests("others", unsettled) == []

    async def test_the_requests_that_an_agent_has_opened_lately_are_counted_as_far_as_is_wanted(
        self, store: Store, clock: SettableClock
    ) -> None:
        began, agent = clock.at, Asked().agent
        for number in range(3):
            clock.advance(minutes=1)
            await store.commit(changes(opened(f"req_{number}", clock.at)))
        await store.commit(changes(decided(await the_request(store, "req_1"), clock.at)))
        assert [await store.opened_requests(TENANT, agent, began, most) for most in (1, 2, 3, 9)] == [1, 2, 3, 3]
        first = began + timedelta(minutes=1)
        assert [await store.opened_requests(TENANT, agent, first, most) for most in (1, 9)] == [1, 2]
        assert await store.opened_requests(TENANT, agent, clock.at, 9) == 0
        for tenant, other in (("others", agent), (TENANT, f"{agent}2"), (TENANT, "\ud800")):
            assert await store.opened_requests(tenant, other, began, 9) == 0

    async def test_a_page_goes_on_where_a_request_stood_that_has_more_time_since(
        self, store: Store, clock: SettableClock
    ) -> None:
        for number in range(5):
            asked = Asked(within=timedelta(hours=10 - 2 * number))
            await store.commit(changes(opened(f"req_{number}", clock.at, asked)))
        page = await store.requests(TENANT, RequestFilter(), limit=2)
        assert [request.id for request in page] == ["req_4", "req_3"]
        request = page[-1]
        assert request.due_at is not None
        later = Extended("ann", request.due_at + timedelta(days=1), "wait", clock.at)
        await store.commit(changes(then(request, later)))
        left = await store.requests(TENANT, RequestFilter(), after=page.keys[-1])
        assert [request.id for request in left] == ["req_2", "req_1", "req_0", "req_3"]
        assert left.keys == (await store.requests(TENANT, RequestFilter())).keys[1:]

    async def test_a_page_goes_on_where_a_request_stood_that_somebody_has_acted_on_since(
        self, store: Store, clock: SettableClock
    ) -> None:
        for number in range(4):
            await self._ask(store, clock, f"req_{number}", "group:managers")
            clock.advance(seconds=1)
            for person in ("ann", "ann.b"):
                await store.commit(changes(self._voted(await the_request(store, f"req_{number}"), person, clock)))
        for people in (("ann",), ("ann", "ann.b")):
            wanted = RequestFilter((), people=people)
            page = await store.requests(TENANT, wanted, limit=2)
            last = page[-1].id
            clock.advance(seconds=1)
            await store.commit(changes(self._voted(await the_request(store, last), "ann", clock)))
            left = await store.requests(TENANT, wanted, after=page.keys[-1])
            assert sorted(request.id for request in (*page, *left)) == [f"req_{number}" for number in range(4)]

    async def test_a_request_is_found_once_under_all_names_of_a_person(
        self, store: Store, clock: SettableClock
    ) -> None:
        for key in ("req_1", "req_2"):
            await self._ask(store, clock, key, "group:managers")
        for key, person in (("req_1", "ann"), ("req_2", "ann"), ("req_1", "ann.b"), ("req_2", "bob")):
            clock.advance(seconds=1)
            await store.commit(changes(self._voted(await the_request(store, key), person, clock)))
        wanted = RequestFilter((), people=("ann.b", "ann"))
        assert await page_ids(store, wanted) == ["req_1", "req_2"]
        assert await page_ids(store, wanted, limit=1) == ["req_1"]
        assert await page_ids(store, wanted, after="req_1") == ["req_2"]

    async def test_whoever_changes_or_answers_has_acted(self, store: Store, clock: SettableClock) -> None:
        await self._ask(store, clock, "req_1", "group:managers")
        request, subject = await the_request(store, "req_1"), Action("send_email", {"to": "eve@example.com"})
        edited = Edited(Edition(subject, author="ann"), subject.digest, request.route, clock.at)
        reached = StepReached(0, clock.at + HOUR, clock.at, ask=("group:managers",), approvals=1)
        await store.commit(changes(then(request, edited, reached)))
        assert await page_ids(store, RequestFilter((), people=("ann",))) == ["req_1"]

    async def test_who_has_put_it_aside_is_kept_and_changes_no_list(self, store: Store, clock: SettableClock) -> None:
        await self._ask(store, clock, "req_1", "group:managers")
        began, soon = clock.at, HOUR / 4
        for by, until in (("ann", soon), ("bob", soon), ("ann", 2 * soon), ("bob", None)):
            at = clock.advance(seconds=1)
            change = then(
                await the_request(store, "req_1"), Snoozed(by, began + until if until is not None else at, at)
            )
            found = (await committed(store, change)).after
            assert found == await the_request(store, "req_1")
            assert found == fold(entry.event for entry in await store.history(TENANT, "req_1"))  # type: ignore[misc]
        assert [(one.by, one.until) for one in found.snoozes] == [("ann", began + 2 * soon)]
        assert await self._asking(store, "group:managers") == ["req_1"]
        assert await page_ids(store, RequestFilter((), people=("ann",))) == []  # to put it aside is not to act
        (row,) = await store.requests(TENANT, RequestFilter())
        assert row.snoozes == found.snoozes
        assert (await store.agenda()).next_due == found.due_at

    async def test_who_has_acted_is_written_anew_with_the_request(self, store: Store, clock: SettableClock) -> None:
        await self._ask(store, clock, "req_1", "group:managers")
        voted = await committed(store, self._voted(await the_request(store, "req_1"), "ann", clock))
        anew = then(voted.after, Restored("ann", "altered", clock.at))
        # As if the log said that somebody else had voted.
        another = self._voted(voted.after, "bob", clock).events
        await store.commit(changes(replace(anew, anew=True, earlier=another)))
        assert await page_ids(store, RequestFilter((), people=("ann",))) == []
        assert await page_ids(store, RequestFilter((), people=("bob",))) == ["req_1"]

    async def test_who_has_acted_goes_with_a_row_that_is_nobodys(self, store: Store, clock: SettableClock) -> None:
        await self._ask(store, clock, "req_1", "group:managers")
        await store.commit(changes(self._voted(await the_request(store, "req_1"), "ann", clock)))
        acted = Act(clock.at, Verdict.approve, timedelta(0))
        assert (await store.audit()).participants == {(TENANT, "req_1"): (("ann", acted),)}
        await store.commit(changes(strays=(("requests", "req_1"),)))
        found = await store.audit()
        assert (found.participants, found.participants_left) == ({}, [])

    async def _ask(self, store: Store, clock: SettableClock, key: str, *ask: str) -> None:
        """Open a request whose first step asks these."""
        sample = opened(key, clock.at, Asked())
        first, reached = sample.events
        assert isinstance(reached, StepReached)
        events = (first, replace(reached, ask=ask, approvals=len(ask[:1])))
        await store.commit(changes(RequestChange(0, events, fold(events))))

    def _voted(self, request: Request, person: str, clock: SettableClock) -> RequestChange:
        entry = next(iter(request.step_asks), "")
        vote = Vote(person, Verdict.approve, request.digest, 0, clock.at, eligible_as=entry)
        return then(request, VoteCast(vote))

    async def _asking(self, store: Store, *entries: str) -> Sequence[str]:
        return await page_ids(store, RequestFilter(asks=frozenset(entries)))

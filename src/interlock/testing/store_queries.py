"""The contract of stores: what is read, in which order, in pages."""
# ruff: noqa: D102, PLR2004 - the name of a test is its sentence; figures in tests are the point

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from interlock.domain.events import EffectLapsed, Reminded
from interlock.domain.request import Status
from interlock.domain.run import Pending, RunStatus
from interlock.domain.run_events import RunPaused
from interlock.engine.changes import RequestChange, RunChange
from interlock.engine.ports.store import RequestFilter, RunFilter, SortKey, Store
from interlock.errors import StoreUnavailable
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, Asked, approved, begun, changes, decided, job, opened, started
from interlock.testing.store_base import Contract, OpenStore, committed, page_ids, the_request

UNWRITABLE = "req_\udcff"
"""What a terminal makes of a byte that is no UTF-8: no id, but it arrives as one."""

EVERY_STATUS = tuple(Status)


class QueryContract(Contract):
    """Reading changes nothing, and what is not there is not there."""

    async def test_now_is_the_clock_of_the_store(self, store: Store, clock: SettableClock) -> None:
        assert await store.now() == clock.at
        assert (await store.load(TENANT)).now == clock.at

    async def test_loading_finds_what_is_there(self, store: Store, clock: SettableClock) -> None:
        parts = [opened(f"req_{number}", clock.at) for number in (1, 2)]
        await store.commit(changes(*parts))
        loaded = await store.load(TENANT, ["req_2", "req_9", "req_1", UNWRITABLE])
        assert loaded.requests == {part.after.id: part.after for part in parts}
        assert loaded.run is None
        assert (await store.load(TENANT, ["req_9"])).requests == {}

    async def test_loading_a_run_brings_its_open_requests(self, store: Store, clock: SettableClock) -> None:
        closed, other = opened("req_2", clock.at), opened("req_3", clock.at, Asked(run_id="run_2"))
        await store.commit(changes(started("run_1", clock.at), opened("req_1", clock.at), closed, other))
        await store.commit(changes(decided(closed.after, clock.at)))
        loaded = await store.load(TENANT, run_id="run_1")
        assert loaded.run is not None
        assert (loaded.run.run.id, list(loaded.requests)) == ("run_1", ["req_1"])
        assert set((await store.load(TENANT, ["req_2", "req_1"], run_id="run_1")).requests) == {"req_1", "req_2"}

    async def test_loading_a_run_brings_what_its_pause_waits_for(self, store: Store, clock: SettableClock) -> None:
        run, one, two = started("run_1", clock.at), opened("req_1", clock.at), opened("req_2", clock.at)
        await store.commit(changes(run, one, two, opened("req_3", clock.at, Asked(run_id="run_2"))))
        waits = tuple(Pending(f"interrupt_{number}", f"req_{number}") for number in (1, 3, 9))
        held = await committed(store, begun(run.after, clock.at))
        await store.commit(changes(RunChange.of(held.after, RunPaused(waits, "sha256:1", "1", clock.at))))
        for part in (one, two):
            await store.commit(changes(decided(part.after, clock.at)))
        loaded = await store.load(TENANT, run_id="run_1")
        assert set(loaded.requests) == {"req_1", "req_3"}
        for key in (*loaded.requests, "run_1"):
            assert list(loaded.logs[key]) == list(await store.history(TENANT, key))
        assert set((await store.load(TENANT, run_of="req_1")).requests) == set()

    async def test_the_open_requests_of_an_agent_are_counted_as_far_as_is_wanted(
        self, store: Store, clock: SettableClock
    ) -> None:
        parts = [opened(f"req_{number}", clock.at) for number in range(4)]
        await store.commit(changes(*parts))
        await store.commit(changes(decided(parts[0].after, clock.at)))
        agent = parts[0].after.agent
        assert [await store.open_requests(TENANT, agent, most) for most in (1, 2, 3, 9)] == [1, 2, 3, 3]
        assert await store.open_requests("others", agent, 9) == 0
        assert await store.open_requests(TENANT, f"{agent}2", 9) == 0
        assert await store.open_requests(TENANT, UNWRITABLE, 9) == 0

    async def test_loading_names_one_run(self, store: Store) -> None:
        with pytest.raises(ValueError, match=r"run_1.*req_1"):
            await store.load(TENANT, run_id="run_1", run_of="req_1")

    async def test_loading_brings_the_logs_of_requests(self, store: Store, clock: SettableClock) -> None:
        request = opened("req_1", clock.at)
        await store.commit(changes(request, opened("req_2", clock.at), started("run_1", clock.at)))
        await store.commit(changes(decided(request.after, clock.at)))
        for named in ({"run_of": "req_1"}, {"run_id": "run_1"}, {}):
            loaded = await store.load(TENANT, ["req_1"], **named)
            for key, entries in loaded.logs.items():
                assert list(entries) == list(await store.history(TENANT, key))
            assert set(loaded.logs) == set(loaded.requests) | ({"run_1"} if loaded.run is not None else set())
            assert len(loaded.logs["req_1"]) == loaded.requests["req_1"].version == 3
        assert not (await store.load(TENANT, ["req_9", UNWRITABLE])).logs

    async def test_loading_the_run_of_a_request(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(started("run_1", clock.at), opened("req_1", clock.at)))
        loaded = await store.load(TENANT, ["req_1"], run_of="req_1")
        assert loaded.run is not None
        assert (loaded.run.run.id, list(loaded.requests)) == ("run_1", ["req_1"])
        for unknown in ("req_9", UNWRITABLE):
            assert (await store.load(TENANT, run_of=unknown)).run is None
            assert (await store.load(TENANT, run_id=unknown)).run is None

    async def test_what_was_asked_at_interrupts_comes_oldest_first(self, store: Store, clock: SettableClock) -> None:
        first = opened("req_9", clock.at)
        successor = opened("req_1", clock.at, Asked(replacements=1))
        await store.commit(changes(first, successor, opened("req_2", clock.at, Asked(interrupt_id="interrupt_2"))))
        clock.advance(seconds=1)
        await store.commit(changes(opened("req_0", clock.at), opened("req_3", clock.at, Asked(run_id="run_2"))))
        await store.commit(changes(decided(first.after, clock.at)))
        asked = await store.asked_at(TENANT, "run_1", ["interrupt_1", "interrupt_9"])
        assert [request.id for request in asked] == ["req_9", "req_1", "req_0"]
        assert await store.asked_at(TENANT, "run_1", []) == []

    async def test_open_requests_come_by_due_time(self, store: Store, clock: SettableClock) -> None:
        await self._requests(store, clock)
        assert await page_ids(store, RequestFilter()) == ["req_4", "req_3", "req_2", "req_1", "req_0"]

    async def test_other_requests_come_newest_first(self, store: Store, clock: SettableClock) -> None:
        await self._requests(store, clock)
        for number in (1, 3, 2):
            await store.commit(changes(decided(await the_request(store, f"req_{number}"), clock.at)))
        assert await page_ids(store, RequestFilter((Status.rejected,))) == ["req_3", "req_2", "req_1"]
        assert await page_ids(store, RequestFilter(EVERY_STATUS)) == ["req_4", "req_3", "req_2", "req_1", "req_0"]
        assert await page_ids(store, RequestFilter(())) == ["req_4", "req_3", "req_2", "req_1", "req_0"]

    async def test_a_reminder_is_due_before_the_deadline_and_the_inbox_minds_the_deadline_alone(
        self, store: Store, clock: SettableClock
    ) -> None:
        hour = timedelta(hours=1)
        await store.commit(changes(opened("req_patient", clock.at, Asked(within=4 * hour, remind_after=(hour,)))))
        await store.commit(changes(opened("req_urgent", clock.at, Asked(within=2 * hour))))
        assert [request.id for request in await store.requests(TENANT, RequestFilter())] == [
            "req_urgent",
            "req_patient",
        ]
        assert (await store.agenda()).next_due == clock.at + hour
        clock.advance(hours=1)
        assert (await store.agenda()).overdue == [(TENANT, "req_patient")]
        await store.commit(changes(RequestChange.of(await the_request(store, "req_patient"), Reminded(0, clock.at))))
        agenda = await store.agenda()
        assert (agenda.overdue, agenda.next_due) == ([], clock.at + hour)
        clock.advance(hours=3)
        assert (await store.agenda()).overdue == [(TENANT, "req_urgent"), (TENANT, "req_patient")]

    async def test_a_window_holds_what_may_still_happen_or_has(self, store: Store, clock: SettableClock) -> None:
        early, other = clock.at, Asked(action="pay")
        await store.commit(changes(opened("req_early", early), opened("req_other", early, other)))
        clock.advance(hours=1)
        parts = [opened(f"req_{name}", clock.at) for name in ("open", "rejected", "approved", "lapsed")]
        await store.commit(changes(*parts))
        rejected, agreed, lapsed = (part.after for part in parts[1:])
        late = approved(lapsed, clock.at, EffectLapsed("late", None, clock.at))
        await store.commit(changes(decided(rejected, clock.at), approved(agreed, clock.at), late))

        async def window(
            since: datetime, *, action: str = "send_email", limit: int = 10, tenant: str = TENANT
        ) -> list[str]:
            found = await store.window(tenant, action, since, limit)
            return [request.id for request in found.requests]

        assert await window(early) == ["req_open", "req_approved"]
        assert await window(early - timedelta(microseconds=1)) == ["req_open", "req_approved", "req_early"]
        assert await window(early - timedelta(hours=1), limit=2) == ["req_open", "req_approved"]
        assert await window(early - timedelta(hours=1), action="pay") == ["req_other"]
        assert await window(early - timedelta(hours=1), tenant="other") == []
        assert await window(early - timedelta(hours=1), action=UNWRITABLE) == []

    async def test_what_was_approved_of_an_action_is_found_newest_first(
        self, store: Store, clock: SettableClock
    ) -> None:
        others = {"agent": Asked(agent="other"), "action": Asked(action="pay"), "open": Asked(), "rejected": Asked()}
        asked = {"first": Asked(), "second": Asked(), "third": Asked(), **others}
        parts = {name: opened(f"req_{name}", clock.at, one) for name, one in asked.items()}
        await store.commit(changes(*parts.values()))
        for name in ("second", "first", "agent", "action", "third"):
            clock.advance(minutes=1)
            await store.commit(changes(approved(parts[name].after, clock.at)))
        await store.commit(changes(decided(parts["rejected"].after, clock.at)))

        async def found(
            before: datetime, *, tenant: str = TENANT, action: str = "send_email", limit: int = 9
        ) -> list[str]:
            return [one.id for one in await store.approved(tenant, ("mailer", action), before, limit)]

        later = clock.at + timedelta(seconds=1)
        assert await found(later) == ["req_third", "req_first", "req_second"]
        assert await found(later, limit=1) == ["req_third"]
        assert await found(clock.at) == ["req_first", "req_second"]
        assert await found(later, action="pay") == ["req_action"]
        assert await found(later, tenant="other") == await found(later, action=UNWRITABLE) == []

    async def test_a_window_counts_whoever_asks(self, store: Store, clock: SettableClock) -> None:
        early = clock.at - timedelta(hours=1)
        for name in ("mailer", "x.py:mailer"):
            await store.commit(changes(opened(f"req_{name}", clock.at, Asked(agent=name))))
        found = await store.window(TENANT, "send_email", early, 10)
        assert {request.agent for request in found.requests} == {"mailer", "x.py:mailer"}

    async def test_pages_of_the_inbox_join(self, store: Store, clock: SettableClock) -> None:
        await self._requests(store, clock)
        for wanted in (RequestFilter(), RequestFilter(EVERY_STATUS)):
            first = await page_ids(store, wanted, limit=2)
            second = await page_ids(store, wanted, after=first[-1], limit=2)
            third = await page_ids(store, wanted, after=second[-1], limit=2)
            assert [*first, *second, *third] == await page_ids(store, wanted)
            assert await page_ids(store, wanted, after=third[-1]) == []

    async def test_requests_of_one_instant_come_in_one_order(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(*(opened(f"req_{number}", clock.at) for number in (2, 0, 3, 1))))
        for wanted, ids in (
            (RequestFilter(), ["req_0", "req_1", "req_2", "req_3"]),
            (RequestFilter(()), ["req_3", "req_2", "req_1", "req_0"]),
        ):
            assert await page_ids(store, wanted) == ids
            assert await page_ids(store, wanted, after=ids[1]) == ids[2:]

    async def test_a_page_goes_on_where_a_closed_request_stood(self, store: Store, clock: SettableClock) -> None:
        await self._requests(store, clock)
        before = await store.requests(TENANT, RequestFilter(), limit=2)
        assert before.keys[-1].id == "req_3"
        await store.commit(changes(decided(await the_request(store, "req_3"), clock.at)))
        left = await store.requests(TENANT, RequestFilter(), after=before.keys[-1])
        assert [request.id for request in left] == ["req_2", "req_1", "req_0"]

    async def test_nothing_comes_after_what_is_not_there(self, store: Store, clock: SettableClock) -> None:
        await self._requests(store, clock)
        await store.commit(changes(started("run_1", clock.at)))
        for unknown in ("run_9", "", UNWRITABLE):
            assert await store.runs(TENANT, after=unknown) == []
        assert await store.requests(TENANT, RequestFilter(), after=SortKey(2**63 - 1, "req_9")) == []
        assert await store.requests(TENANT, RequestFilter(), after=SortKey(0, UNWRITABLE)) == []

    async def test_no_request_is_of_an_agent_or_a_run_that_cannot_be(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(opened("req_1", clock.at)))
        for unknown in ("nobody", UNWRITABLE, "a\0b"):
            assert await page_ids(store, RequestFilter(agent=unknown)) == []
            assert await page_ids(store, RequestFilter(run_id=unknown)) == []

    async def test_the_inbox_filters_by_agent_and_run(self, store: Store, clock: SettableClock) -> None:
        other = opened("req_3", clock.at, Asked(agent="payer", run_id="run_2"))
        await store.commit(changes(opened("req_1", clock.at), opened("req_2", clock.at, Asked(agent="payer")), other))
        assert await page_ids(store, RequestFilter(agent="payer")) == ["req_2", "req_3"]
        assert await page_ids(store, RequestFilter(run_id="run_1")) == ["req_1", "req_2"]
        assert await page_ids(store, RequestFilter(agent="payer", run_id="run_1")) == ["req_2"]
        assert [request.id for request in await store.requests("other", RequestFilter())] == []

    async def test_runs_come_newest_first_in_pages(self, store: Store, clock: SettableClock) -> None:
        for number in range(4):
            await store.commit(changes(started(f"run_{number}", clock.at)))
            clock.advance(seconds=number % 2)
        await store.commit(changes(begun((await store.runs(TENANT, limit=1))[0], clock.at)))
        ids = [run.id for run in await store.runs(TENANT)]
        assert ids == ["run_3", "run_2", "run_1", "run_0"]
        assert [run.id for run in await store.runs(TENANT, after=ids[0], limit=2)] == ids[1:3]
        assert [run.id for run in await store.runs(TENANT, RunFilter((RunStatus.running,)))] == ["run_3"]
        both = (RunStatus.queued, RunStatus.running)
        assert [run.id for run in await store.runs(TENANT, RunFilter(both), after=ids[2])] == ids[3:]
        named = {"run_1", ids[0], "run_nobody", "\ud800"}
        assert [run.id for run in await store.runs(TENANT, RunFilter(ids=named))] == [
            one for one in ids if one in named
        ]
        assert await store.runs(TENANT, RunFilter(ids=())) == []
        assert await store.runs("other", RunFilter(ids=named)) == []
        assert await store.runs("other") == []

    async def test_runs_are_listed_by_agent_initiator_and_thread(self, store: Store, clock: SettableClock) -> None:
        given = (("mailer", "ann", "a"), ("mailer", "bob", None), ("payer", "ann", None), ("payer", "ann", "b"))
        for number, (agent, initiator, thread) in enumerate(given):
            change = started(f"run_{number}", clock.at)
            turn = None if thread is None else 1
            run = replace(change.after, agent=agent, initiator=initiator, thread=thread, turn=turn)
            await store.commit(changes(replace(change, after=run)))
            clock.advance(seconds=1)

        async def ids(after: str | None = None, limit: int = 50, **of: str) -> str:
            found = await store.runs(TENANT, RunFilter(**of), after=after, limit=limit)  # type: ignore[arg-type]
            return "".join(run.id.removeprefix("run_") for run in found)

        assert (await ids(agent="mailer"), await ids(initiator="ann"), await ids(thread="a")) == ("10", "320", "0")
        assert (await ids("run_3", 1, initiator="ann"), await ids("run_2", initiator="ann")) == ("2", "0")
        assert (await ids(agent="payer", initiator="ann", thread="b"), await ids(agent="mailer", thread="b")) == (
            "3",
            "",
        )
        for unknown in ("nobody", UNWRITABLE, "a\0b"):
            assert await ids(agent=unknown) + await ids(initiator=unknown) + await ids(thread=unknown) == ""
        assert await store.runs("other", RunFilter(agent="mailer")) == []

    async def test_ids_are_found_by_their_beginning(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(*(opened(f"req_{number:02}", clock.at) for number in range(12))))
        await store.commit(changes(started("run_1", clock.at)))
        assert await store.find(TENANT, "request", "req_1") == ["req_10", "req_11"]
        assert len(await store.find(TENANT, "request", "")) == 10
        assert await store.find(TENANT, "run", "r") == ["run_1"]
        assert await store.find(TENANT, "run", "req_1") == []
        assert await store.find("other", "request", "req_1") == []

    async def test_a_beginning_has_no_wildcards(self, store: Store, clock: SettableClock) -> None:
        await store.commit(changes(*(opened(key, clock.at) for key in ("a%b", "a_b", "axb", "A_b", "a\\b", "äb"))))
        for prefix, ids in (
            ("a%", ["a%b"]),
            ("a_", ["a_b"]),
            ("a\\", ["a\\b"]),
            ("ä", ["äb"]),
            ("%", []),
            ("_", []),
            ("'", []),
            ("A", ["A_b"]),
            (UNWRITABLE, []),
        ):
            assert await store.find(TENANT, "request", prefix) == ids

    async def test_a_note_keeps_its_first_value(self, store: Store) -> None:
        assert await store.note("demo") is None
        assert await store.note("demo", "yes") == "yes"
        assert await store.note("demo", "no") == "yes"
        assert await store.note("demo") == "yes"

    async def test_the_change_token_moves_with_every_commit(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        other = open_store(clock)
        tokens = [await store.change_token(), await store.change_token()]
        assert tokens[0] == tokens[1]
        seen = set(tokens)
        for writer in (store, other, store, store, other):
            await writer.commit(changes(enqueue=(job("run_1", clock.at),)))
            token = await store.change_token()
            assert token not in seen
            seen.add(token)
        await other.close() if other is not store else None

    async def test_a_closed_store_says_so(self, open_store: OpenStore, clock: SettableClock) -> None:
        store = open_store(clock)
        await store.load(TENANT)
        await store.close()
        await store.close()
        for use in (store.load(TENANT), store.commit(changes(opened("req_1", clock.at))), store.change_token()):
            with pytest.raises(StoreUnavailable, match="closed"):
                await use

    async def _requests(self, store: Store, clock: SettableClock) -> None:
        """Open five requests, each later than the one before and due earlier."""
        for number in range(5):
            asked = Asked(within=timedelta(hours=10 - 2 * number))
            await store.commit(changes(opened(f"req_{number}", clock.at, asked)))
            clock.advance(minutes=1)

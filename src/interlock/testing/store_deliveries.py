"""The contract of stores: messages to people and programs."""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.delivery import (
    BROKER,
    Delivery,
    DeliveryState,
    Failure,
    begun,
    delivered,
    delivery_id,
    failed,
)
from interlock.domain.events import EffectClaimed
from interlock.domain.request import Claim
from interlock.engine.ports.deliveries import DeliveryFilter, DueDeliveries
from interlock.engine.ports.store import Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, approved, decided, opened
from interlock.testing.store_base import Contract, OpenStore, committed, in_threads, the_request

SECOND = timedelta(seconds=1)


def planned(clock: SettableClock, seq: int = 1, channel: str = "crm", request: str = "req_1") -> Delivery:
    """Return a delivery that is due now."""
    key = delivery_id(TENANT, channel, "", request, seq)
    return Delivery(TENANT, key, channel, "", request, seq, "opened", clock.at, clock.at, request)


class DeliveryContract(Contract):
    """What was planned is sent by one, and what has become of it stays."""

    async def test_a_delivery_is_kept_once_and_found_as_it_was(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        one = planned(clock)
        await store.add_deliveries([one, planned(clock, 2)])
        await store.add_deliveries([replace(one, event="another"), planned(clock, 3)])
        await store.add_deliveries([])
        other = open_store(clock)
        assert await other.delivery(TENANT, one.id) == one
        assert {found.seq for found in (await other.due_deliveries(["crm"], 10)).deliveries} == {1, 2, 3}
        for tenant, key in (("elsewhere", one.id), (TENANT, "dlv_none"), (TENANT, "a\0b")):
            assert await other.delivery(tenant, key) is None
        await other.close() if other is not store else None

    async def test_what_is_due_comes_by_channel_and_longest_first(self, store: Store, clock: SettableClock) -> None:
        assert await store.due_deliveries(["crm"], 10) == DueDeliveries(clock.at, [], None)
        later = replace(planned(clock, 2), due_at=clock.at + 5 * SECOND)
        first = replace(planned(clock, 3), due_at=clock.at - SECOND)
        done = replace(planned(clock, 4), due_at=None, state=DeliveryState.failed)
        mail = planned(clock, 5, channel="mail")
        now = planned(clock)
        await store.add_deliveries([later, now, first, done, mail])
        assert await store.due_deliveries(["crm"], 10) == DueDeliveries(clock.at, [first, now], later.due_at)
        assert await store.due_deliveries(["crm"], 1) == DueDeliveries(clock.at, [first], later.due_at)
        assert {one.seq for one in (await store.due_deliveries(["crm", "mail"], 10)).deliveries} == {3, 1, 5}
        assert (
            await store.due_deliveries([], 10)
            == await store.due_deliveries(["none"], 10)
            == DueDeliveries(clock.at, [], None)
        )
        clock.at += 5 * SECOND
        assert [one.seq for one in (await store.due_deliveries(["crm"], 10)).deliveries] == [3, 1, 2]

    async def test_of_many_who_take_a_delivery_one_gets_it(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        one = planned(clock)
        await store.add_deliveries([one])

        async def take() -> bool:
            mine = open_store(clock)
            try:
                await mine.write_delivery(begun(one, clock.at, 60 * SECOND))
            except Conflict:
                return False
            finally:
                await mine.close() if mine is not store else None
            return True

        assert (await in_threads(take, take, take, take)).count(True) == 1
        assert await store.due_deliveries(["crm"], 10) == DueDeliveries(clock.at, [], clock.at + 60 * SECOND)
        with pytest.raises(Conflict):
            await store.write_delivery(begun(planned(clock, 9), clock.at, SECOND))

    async def test_what_became_of_it_stays(self, store: Store, clock: SettableClock) -> None:
        mine = begun(planned(clock), clock.at, 60 * SECOND)
        await store.add_deliveries([planned(clock)])
        await store.write_delivery(mine)
        late = failed(mine, clock.at, Failure("no route \u202e"), BROKER)
        await store.write_delivery(late)
        assert await store.delivery(TENANT, mine.id) == late
        with pytest.raises(Conflict):
            await store.write_delivery(delivered(mine, clock.at))
        there = delivered(begun(late, clock.at, SECOND), clock.at, "message 7")
        await store.write_delivery(begun(late, clock.at, SECOND))
        await store.write_delivery(there)
        assert await store.delivery(TENANT, mine.id) == there
        assert (await store.due_deliveries(["crm"], 10)).next_due is None

    async def test_deliveries_are_listed_newest_first_by_filters_and_in_pages(
        self, store: Store, clock: SettableClock
    ) -> None:
        made = []
        for seq, about in enumerate(("req_1", "req_1", "req_1", "req_2", "req_2", "run_1"), 1):
            one = planned(clock, seq, "crm" if seq % 2 else "mail", about)
            made.append(replace(one, request_id="") if about == "run_1" else one)
            clock.at += SECOND
        twin = replace(planned(clock, 7), tenant="elsewhere")
        await store.add_deliveries([*made, twin])
        await store.write_delivery(delivered(made[0], clock.at))
        newest = [one.id for one in reversed(made)]
        assert [one.id for one in await store.deliveries(TENANT)] == newest
        assert [one.id for one in await store.deliveries(TENANT, limit=2)] == newest[:2]
        assert [one.id for one in await store.deliveries(TENANT, after=newest[1], limit=2)] == newest[2:4]
        for wanted, found in (
            (DeliveryFilter(channel="mail"), [6, 4, 2]),
            (DeliveryFilter(state=DeliveryState.delivered), [1]),
            (DeliveryFilter(about=("req_1",), channel="crm"), [3, 1]),
            (DeliveryFilter(about=("req_1", "req_none"), state=DeliveryState.waiting), [3, 2]),
            (DeliveryFilter(about=("req_1", "run_1")), [6, 3, 2, 1]),
            (DeliveryFilter(about=()), []),
            (DeliveryFilter(channel="\0"), []),
        ):
            assert [one.seq for one in await store.deliveries(TENANT, wanted)] == found
        mail = DeliveryFilter(channel="mail")
        assert [one.seq for one in await store.deliveries(TENANT, mail, after=made[3].id)] == [2]
        assert await store.deliveries(TENANT, after="dlv_none") == []

    async def test_those_to_one_recipient_are_found_and_counted(self, store: Store, clock: SettableClock) -> None:
        to = {"mia": 3, "noah": 1}
        made = [replace(planned(clock, 9), id=f"{who}{n}", recipient=who) for who in to for n in range(to[who])]
        clock.at += SECOND
        late = replace(planned(clock, 9), id="late", recipient="mia")
        elsewhere = [replace(late, id="other", channel="mail"), replace(late, tenant="elsewhere")]
        await store.add_deliveries([*made, late, *elsewhere])
        for since, number in ((clock.at - SECOND, 4), (clock.at, 1), (clock.at + SECOND, 0)):
            assert await store.count_deliveries(TENANT, "crm", "mia", since) == number
        assert await store.count_deliveries(TENANT, "crm", "a\0b", clock.at) == 0
        found = await store.deliveries(TENANT, DeliveryFilter(recipient="noah"))
        assert [one.id for one in found] == ["noah0"]

    async def test_old_deliveries_go_unless_they_wait(self, store: Store, clock: SettableClock) -> None:
        waits, gone, kept = planned(clock), planned(clock, 2), planned(clock, 3)
        await store.add_deliveries([waits, gone])
        clock.at += SECOND
        kept = replace(kept, made_at=clock.at)
        await store.add_deliveries([kept])
        for one in (gone, kept):
            await store.write_delivery(delivered(one, clock.at))
        assert await store.prune_deliveries("elsewhere", clock.at) == 0
        assert await store.prune_deliveries(TENANT, clock.at) == 1
        assert {one.seq for one in await store.deliveries(TENANT)} == {1, 3}

    async def test_messages_stay_while_their_request_is_open_or_unsettled_and_until_it_ended_long_ago(
        self, store: Store, clock: SettableClock
    ) -> None:
        keys = ["req_open", "req_ended", "req_unsettled", "req_late"]
        for key in keys:
            await committed(store, opened(key, clock.at))
            one = planned(clock, request=key)
            await store.add_deliveries([one])
            await store.write_delivery(delivered(one, clock.at))
        await committed(store, decided(await the_request(store, "req_ended"), clock.at))
        claimed = EffectClaimed(Claim(1, "req_unsettled", "bank:pay", 1, clock.at))
        await committed(store, approved(await the_request(store, "req_unsettled"), clock.at, claimed))
        clock.at += SECOND
        await committed(store, decided(await the_request(store, "req_late"), clock.at))
        assert await store.prune_deliveries(TENANT, clock.at, only_count=True) == 1
        assert len(await store.deliveries(TENANT)) == len(keys)
        assert await store.prune_deliveries(TENANT, clock.at) == 1
        assert {one.stream for one in await store.deliveries(TENANT)} == {"req_open", "req_unsettled", "req_late"}
        clock.at += SECOND
        assert await store.prune_deliveries(TENANT, clock.at) == 1
        assert {one.stream for one in await store.deliveries(TENANT)} == {"req_open", "req_unsettled"}

    async def test_a_message_that_came_in_is_noted_once_until_it_counts_no_more(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        until, other = clock.at + 5 * SECOND, open_store(clock)
        came = await asyncio.gather(
            *(one.keep_received("slack 1", clock.at, until) for one in (store, other) * 4), return_exceptions=True
        )
        assert sorted(map(str, map(type, came))) == sorted([str(type(None)), *[str(Conflict)] * 7])
        with pytest.raises(Conflict):
            await store.keep_received("slack 1", until - SECOND, until)
        await store.keep_received("slack 2", until, until + SECOND)
        await store.keep_received("slack 1", until, until + SECOND)
        await other.close() if other is not store else None

"""What cannot be read stops nobody: others are told and sent, it is kept in mind, and made up for when it is mended."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from interlock.domain.delivery import BROKER, LEFT_OUT, NOT_PLANNED, UNREADABLE, DeliveryState, Schedule
from interlock.engine.deliverer import Deliverer
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.log import UnreadableEntry
from interlock.engine.ports.sender import Recipient
from interlock.errors import RecordAltered
from interlock.service.deliveries import send_again
from interlock.service.following import Follower
from interlock.service.log_reader import Reader
from interlock.storage import open_store
from interlock.testing.samples import TENANT, changes, opened
from interlock.waking.wakers import PollingWaker

LATER = LEFT_OUT.delays[0] + timedelta(seconds=1)


@dataclass
class People:
    """A sender to people: of a request that is not what was written it tells nobody."""

    name: str = "room"
    tenant: str = TENANT
    schedule: Schedule = BROKER
    at_once: int = 1
    in_order: bool = True
    most_an_hour: int | None = None
    sent: list = field(default_factory=list)

    async def recipients(self, entry, request):
        return [] if request is None else [Recipient("mia")]

    async def send(self, message):
        self.sent.append((message.entry.stream, message.entry.seq))
        return ""

    async def close(self):
        """There is nothing to let go of."""


class Place:
    """A database with a back door, a sender, and what follows the log and sends."""

    def __init__(self, address, clock, door):
        self.store, self.clock, self.door = open_store(address, clock), clock, door(address)
        self.said, self.room, self.stop = [], People(), asyncio.Event()
        plan = DeliveryPlan(self.store, TENANT, [self.room], lambda: None, self.said.append)
        reader = Reader(self.store, PollingWaker(self.store), TENANT, self.stop, look_again=0.05)
        self.follower = Follower(reader, plan, complain=self.said.append, leave_out=plan.leave_out)
        self.deliverer = Deliverer(self.store, [self.room], self.said.append)

    async def ask(self, *keys):
        for key in keys:
            await self.store.commit(changes(opened(key, self.clock.at)))

    async def planned(self):
        """Plan all that the log holds."""
        await self.follower.begin("")
        task = asyncio.ensure_future(self.follower.run())
        last = await self.store.last_position(TENANT)
        async with asyncio.timeout(20):
            while (await self.store.cursor(TENANT, "deliveries")).position != last:
                await asyncio.sleep(0.01)
        self.stop.set()
        await task

    async def sent(self):
        """Send what is due, and what that has waited for; return what was sent."""
        for _ in range(9):
            await self.deliverer.drain()
            self.clock.advance(seconds=1)
        return sorted(self.room.sent)

    async def left_out(self, state=DeliveryState.waiting):
        found = await self.store.deliveries(TENANT, DeliveryFilter(NOT_PLANNED, state))
        return sorted((one.recipient, one.stream, one.seq) for one in found)


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request, tmp_path, clock, backdoor):
    address = request.getfixturevalue("url") if request.param == "postgres" else f"{tmp_path}/interlock.db"
    place = Place(address, clock, backdoor)
    yield place
    await place.store.close()


def both(*keys):
    return [(key, seq) for key in keys for seq in (1, 2)]


async def test_an_entry_that_cannot_be_read_is_made_up_for_when_it_is_mended(place):
    await place.ask("req_1", "req_2", "req_3")
    ((body,),) = place.door.sql("SELECT body FROM log WHERE stream = 'req_2' AND seq = 1")
    place.door.open_the_log()
    place.door.sql("UPDATE log SET body = ? WHERE stream = 'req_2' AND seq = 1", b"\xff")
    await place.planned()
    assert await place.sent() == both("req_1", "req_3")
    assert await place.left_out() == [("room", "req_2", 1), ("room", "req_2", 2)], "of its request nobody can be told"
    assert [text.partition(":")[0] for text in place.said] == [
        "deliveries is not told of entry 1 of req_2",
        "room is not told of entry 2 of req_2",
    ]
    place.clock.at += LATER
    assert await place.sent() == both("req_1", "req_3")
    assert len(await place.left_out()) == 2
    place.door.sql("UPDATE log SET body = ? WHERE stream = 'req_2' AND seq = 1", bytes(body))
    place.clock.at += LATER
    assert await place.sent() == both("req_1", "req_2", "req_3")
    assert (await place.left_out(), len(await place.left_out(DeliveryState.dropped))) == ([], 2)


async def test_who_reads_on_in_the_log_is_told_what_is_passed_or_hears_that_it_cannot_be_read(place):
    await place.ask("req_1", "req_2", "req_3")
    place.door.open_the_log()
    place.door.sql("UPDATE log SET body = ? WHERE stream = 'req_2' AND seq = 2", b"\xff")
    passed, stop = [], asyncio.Event()
    here = place.store, PollingWaker(place.store), TENANT, stop
    found = []
    async for entry in Reader(*here, passed=passed.append).entries(""):
        found.append((entry.stream, entry.seq))
        if found[-1] == ("req_3", 2):
            stop.set()
    assert found == [*both("req_1"), ("req_2", 1), *both("req_3")]
    assert [(one.stream, one.seq) for one in passed] == [("req_2", 2)]
    stop.clear()
    entries = Reader(*here).entries("")
    assert [(one.stream, one.seq) for one in [await anext(entries) for _ in range(3)]] == [*both("req_1"), ("req_2", 1)]
    with pytest.raises(UnreadableEntry) as broken:
        await anext(entries)
    assert [one.stream for one in await place.store.feed(TENANT, after=broken.value.position)] == ["req_3", "req_3"]
    with pytest.raises(UnreadableEntry):
        await place.store.latest(TENANT)


async def test_messages_that_cannot_be_read_hold_no_others_up_and_are_made_anew(place):
    await place.ask("req_1", "req_2", "req_3")
    await place.planned()
    place.door.sql("UPDATE deliveries SET body = ? WHERE request_id <> 'req_3'", b"\xff")
    place.door.sql("UPDATE deliveries SET due_at = due_at - 1 WHERE request_id <> 'req_3'")
    stranger = (
        "UPDATE deliveries SET recipient = 'eve' WHERE id = (SELECT min(id) FROM deliveries WHERE request_id = 'req_2')"
    )
    place.door.sql(stranger)
    assert await place.sent() == both("req_3")
    assert len(await place.left_out()) == len(place.said) == 4, "each is said once"
    listed = await place.store.deliveries(TENANT, DeliveryFilter("room", about=["req_1"]))
    assert [(one.event, one.recipient, str(one.state)) for one in listed] == [(UNREADABLE, "mia", "waiting")] * 2
    with pytest.raises(RecordAltered, match="cannot be read"):
        await send_again(place.store, TENANT, listed[0].id)
    place.clock.at += LATER
    sent = await place.sent()
    assert set(both("req_1", "req_3")) < set(sent)
    assert len(sent) == 5, "of the one that was to go to somebody else, the log knows nothing"
    assert [row[:2] for row in await place.left_out()] == [("room", "req_2")]

"""What is planned is sent: once where that can be, again where it must be, and by one process at a time."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from interlock import failpoints
from interlock.domain.delivery import (
    BROKER,
    BUNDLE,
    NOT_PLANNED,
    PEOPLE,
    SWITCHED_OFF,
    DeliveryState,
    Failure,
    Schedule,
)
from interlock.engine import deliverer as deliverer_module
from interlock.engine.changes import Actor, Changes
from interlock.engine.deliverer import LEASE, Deliverer
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.log_subscriber import Notice
from interlock.engine.ports.sender import NotNeeded, NotTaken, NotYet, Recipient
from interlock.errors import RecordAltered, StoreTooNew, StoreUnavailable
from interlock.failpoints import FailpointError
from interlock.service.deliveries import send_again
from interlock.storage.memory import MemoryStore
from interlock.testing.samples import TENANT, approved, opened

ONCE = Schedule(())


@dataclass
class Recorder:
    """A sender that records what it is given, and fails as it is told."""

    name: str = "crm"
    tenant: str = TENANT
    schedule: Schedule = BROKER
    at_once: int = 4
    in_order: bool = False
    most_an_hour: int | None = None
    to: tuple[str, ...] = ("",)
    answers: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    closed: bool = False

    async def recipients(self, entry, request):
        return [Recipient(name) for name in self.to]

    async def send(self, message):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        self.sent.append(message)
        answer = self.answers.pop(0) if self.answers else f"m{len(self.sent)}"
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self):
        self.closed = True


class House:
    """A store with one request, opened and approved, and what is sent of it."""

    def __init__(self, clock):
        self.store, self.clock, self.said = MemoryStore(clock), clock, []

    async def asked(self, first=1, last=1):
        for one in range(first, last + 1):
            change = opened(f"req_{one}", self.clock.at)
            await self.store.commit(Changes(TENANT, Actor("agent:a", "api"), requests=(change,)))
            await self.store.commit(
                Changes(TENANT, Actor("mia", "api"), requests=(approved(change.after, self.clock.at),))
            )

    async def plan(self, *senders):
        plan = DeliveryPlan(self.store, TENANT, senders, lambda: None, self.said.append)
        await plan.deliver([Notice(entry) for entry in await self.store.feed(TENANT, limit=1_000)])

    def deliverer(self, *senders):
        return Deliverer(self.store, senders, self.said.append)

    async def states(self):
        return Counter(str(one.state) for one in await self.store.deliveries(TENANT, limit=1_000))


@pytest.fixture
async def house(clock):
    house = House(clock)
    await house.asked()
    yield house
    await house.store.close()


async def test_each_entry_is_planned_once_for_each_recipient_of_its_tenant(house):
    mine, theirs = Recorder(to=("mia", "noah", "mia")), Recorder("mail", tenant="elsewhere")
    await house.plan(mine, theirs)
    await house.plan(mine, theirs)
    entries = await house.store.feed(TENANT)
    found = await house.store.deliveries(TENANT)
    assert {(one.seq, one.recipient) for one in found} == {
        (entry.seq, name) for entry in entries for name in ("mia", "noah")
    }
    assert len(found) == 2 * len(entries)
    assert {one.request_id for one in found} == {"req_1"}


async def test_what_is_sent_has_its_entry_and_the_request_as_it_stands(house):
    sender = Recorder()
    await house.plan(sender)
    assert await house.deliverer(sender).drain() == len(sender.sent) == len(await house.store.feed(TENANT))
    message = sender.sent[0]
    assert message.entry.event.type == message.delivery.event == "opened"
    assert str(message.request.status) == "approved"
    last = await house.store.delivery(TENANT, message.delivery.id)
    assert (last.state, last.reference, last.attempts) == (DeliveryState.delivered, "m1", 1)
    assert await house.deliverer(sender).drain() == 0


async def test_what_fails_is_tried_again_when_it_is_time_and_said_once(house):
    sender = Recorder(answers=[NotTaken(Failure("closed")), OSError("no route"), TimeoutError()])
    await house.plan(sender)
    deliverer = house.deliverer(sender)
    await deliverer.drain()
    assert await house.states() == {"waiting": 3, "delivered": len(sender.sent) - 3}
    errors = {one.last[-1].error for one in await house.store.deliveries(TENANT) if one.due_at}
    assert errors == {"closed", "OSError: no route", "It did not answer within 30 seconds."}
    house.clock.at += timedelta(seconds=1)
    await deliverer.drain()
    assert await house.states() == {"delivered": len(sender.sent) - 3}
    assert [text.split(":")[0] for text in house.said] == ["crm has not taken a message", "crm takes messages again."]


async def test_what_is_refused_for_good_or_not_needed_ends(house):
    sender = Recorder(answers=[NotTaken(Failure("gone", final=True)), NotNeeded("decided already")])
    await house.plan(sender)
    await house.deliverer(sender).drain()
    states = await house.states()
    assert (states["failed"], states["dropped"], states["waiting"]) == (1, 1, 0)


async def test_in_order_one_goes_after_the_other_and_knows_the_earlier_ones(house):
    sender = Recorder(in_order=True, answers=[OSError("down")])
    await house.plan(sender)
    deliverer = house.deliverer(sender)
    for _ in range(12):
        await deliverer.drain()
        house.clock.at += timedelta(seconds=1)
    numbers = [message.delivery.seq for message in sender.sent]
    assert numbers[0] == numbers[1] == 1
    assert numbers[1:] == sorted(numbers[1:])
    assert [one.seq for one in sender.sent[-1].earlier] == numbers[1:-1]
    assert sender.sent[-1].earlier[0].reference == "m2"


async def test_what_waits_for_another_looks_again_when_that_is_tried(house):
    sender = Recorder(in_order=True, schedule=PEOPLE, answers=[OSError("down")] * 3)
    await house.plan(sender)
    deliverer = house.deliverer(sender)
    for _ in range(120):
        await deliverer.drain()
        house.clock.at += timedelta(seconds=1)
    versions = {one.seq: one.version for one in await house.store.deliveries(TENANT)}
    assert len(sender.sent) == 3
    assert all(version < 30 for version in versions.values()), versions


async def test_what_is_not_due_yet_is_sent_then_and_that_is_no_attempt(house):
    sender = Recorder()
    later = house.clock.at + timedelta(hours=1)
    sender.answers = [NotYet(later)] * len(await house.store.feed(TENANT))
    await house.plan(sender)
    await house.deliverer(sender).drain()
    assert {(one.due_at, one.attempts) for one in await house.store.deliveries(TENANT)} == {(later, 0)}


async def test_too_many_to_one_recipient_become_one_message_also_when_they_are_planned_again(house):
    await house.asked(2, 20)
    sender = Recorder(to=("mia", "noah"), most_an_hour=3)
    for _ in range(2):
        await house.plan(sender)
    found = await house.store.deliveries(TENANT, limit=500)
    assert Counter((one.recipient, one.event == BUNDLE) for one in found) == {
        **{(name, False): 3 for name in sender.to},
        **{(name, True): 1 for name in sender.to},
    }
    assert {one.due_at for one in found if one.event == BUNDLE} == {house.clock.at + timedelta(hours=1)}
    assert {one.request_id for one in found if one.event == BUNDLE} == {""}


async def test_no_more_than_its_slots_at_once_and_none_keeps_another_channel(house):
    await house.asked(2, 20)
    slow, quick = Recorder("slow", at_once=2), Recorder("quick")
    slow.answers = [OSError("down")] * 500
    await house.plan(slow, quick)
    await house.deliverer(slow, quick).drain()
    assert slow.most == 2
    assert {str(one.state) for one in await house.store.deliveries(TENANT, DeliveryFilter("quick"), limit=999)} == {
        "delivered"
    }


async def test_two_processes_send_each_message_once(house):
    await house.asked(2, 20)
    sender = Recorder()
    await house.plan(sender)
    await asyncio.gather(*(house.deliverer(sender).drain() for _ in range(3)))
    assert Counter(message.delivery.id for message in sender.sent).most_common(1)[0][1] == 1
    assert await house.states() == {"delivered": len(sender.sent)}


async def test_who_dies_after_sending_leaves_it_to_the_next_one(house):
    sender = Recorder()
    await house.plan(sender)
    failpoints.configure("delivery.sent=raise")
    try:
        with pytest.raises(FailpointError):
            await house.deliverer(sender).drain()
    finally:
        failpoints.configure("")
    first = len(sender.sent)
    assert await house.deliverer(sender).drain() == 0, "it is theirs for as long as the lease"
    house.clock.at += LEASE
    await house.deliverer(sender).drain()
    assert await house.states() == {"delivered": first}
    assert len(sender.sent) == first + 1


async def test_it_runs_until_it_is_stopped_and_hears_of_what_is_planned(house):
    sender, stop = Recorder(), asyncio.Event()
    deliverer = house.deliverer(sender)
    running = asyncio.ensure_future(deliverer.run(stop))
    await asyncio.sleep(0)
    await house.plan(sender)
    deliverer.wake()
    async with asyncio.timeout(5):
        while len(sender.sent) < len(await house.store.feed(TENANT)):
            await asyncio.sleep(0.001)
    stop.set()
    await running
    assert sender.closed


async def test_it_waits_for_nobody_who_hangs_once_it_is_stopped(house, monkeypatch):
    class Hanging(Recorder):
        async def send(self, message):
            self.under_way += 1
            await asyncio.Event().wait()

    monkeypatch.setattr(deliverer_module, "LAST_SECONDS", 0.05)
    sender, stop = Hanging(), asyncio.Event()
    await house.plan(sender)
    running = asyncio.ensure_future(house.deliverer(sender).run(stop))
    async with asyncio.timeout(5):
        while not sender.under_way:
            await asyncio.sleep(0.001)
        stop.set()
        await running
    assert sender.closed
    assert set(await house.states()) == {"waiting"}


async def test_what_is_altered_is_an_attempt_and_what_the_database_cannot_do_is_none(house):
    sender = Recorder(answers=[StoreUnavailable("away"), RecordAltered("altered")])
    await house.plan(sender)
    await house.deliverer(sender).drain()
    tried = {one.last[-1].error for one in await house.store.deliveries(TENANT) if one.due_at and one.last}
    assert tried == {"altered"}
    assert house.said[0] == "away"


async def test_what_cannot_be_said_of_one_channel_or_request_keeps_no_other_from_being_planned(house, monkeypatch):
    class Wrong(Recorder):
        async def recipients(self, entry, request):
            raise failure

    await house.asked(2, 2)
    wrong, right, load = Wrong("wrong"), Recorder("right"), house.store.load

    async def altered(tenant, ids, **more):
        if "req_1" in ids:
            raise RecordAltered("unreadable")
        return await load(tenant, ids, **more)

    monkeypatch.setattr(house.store, "load", altered)
    for failure in (RecordAltered("altered"), KeyError("defect")):
        await house.plan(wrong, right)
        found = await house.store.deliveries(TENANT)
        entries = await house.store.feed(TENANT)
        planned = {(one.channel, one.recipient, one.stream, one.seq) for one in found}
        assert planned == {
            (*to, one.stream, one.seq) for to in (("right", ""), (NOT_PLANNED, "wrong")) for one in entries
        }
        assert f"wrong is not told of entry 1 of req_1: {str(failure) or failure}." in house.said
    for failure in (StoreUnavailable("away"), StoreTooNew("of a newer version")):
        with pytest.raises(type(failure)):  # another process, or a later try, may have more luck
            await house.plan(wrong, right)


async def test_an_entry_that_is_gone_is_not_sent(house):
    sender = Recorder()
    await house.plan(sender)
    del house.store._tables.log[-1]
    await house.deliverer(sender).drain()
    assert (await house.states())["dropped"] == 1


GONE = NotTaken(Failure("It answered 410.", gone=True))


async def test_a_channel_that_wants_no_more_calls_rests_in_every_process_until_somebody_has_it_used_again(house):
    gone, other = Recorder(answers=[GONE], at_once=1), Recorder("other", at_once=1)
    await house.plan(gone, other)
    here, there = house.deliverer(gone, other), house.deliverer(gone, other)
    await here.drain()
    assert (len(gone.sent), len(other.sent)) == (1, len(await house.store.feed(TENANT)))
    await house.asked(2, 2)
    await house.plan(gone, other)
    house.clock.advance(hours=12)
    for deliverer in (here, there):
        await deliverer.drain()
    assert len(gone.sent) == 1, "nobody calls it"
    entries = len(await house.store.feed(TENANT))
    wanted = {"waiting": entries, "delivered": entries, "failed": 1}
    assert await house.states() == wanted, "nothing is given up meanwhile"
    (said,) = (text for text in house.said if text.startswith("crm"))
    assert said.startswith("crm has not taken a message: It answered 410. Nothing is sent there until somebody has")
    (off,) = await house.store.deliveries(TENANT, DeliveryFilter(SWITCHED_OFF))
    assert (off.recipient, off.last[-1].error) == ("crm", "It answered 410.")
    await send_again(house.store, TENANT, off.id)
    await there.drain()
    assert len(gone.sent) == 1 + entries
    assert await house.states() == {"delivered": 2 * entries, "dropped": 1}


async def test_a_channel_can_be_switched_off_again_and_one_of_another_tenant_goes_on(house):
    gone = Recorder(answers=[GONE, GONE, "m3"], at_once=1)
    await house.plan(gone)
    deliverer = house.deliverer(gone, Recorder("crm2", tenant="elsewhere"))
    for calls in (1, 2):
        await deliverer.drain()
        house.clock.advance(minutes=10)
        await deliverer.drain()
        (off,) = await house.store.deliveries(TENANT, DeliveryFilter(SWITCHED_OFF))
        assert (len(gone.sent), off.state) == (calls, DeliveryState.failed)
        await send_again(house.store, TENANT, off.id)
    await deliverer.drain()
    assert await house.states() == {"delivered": len(await house.store.feed(TENANT)), "dropped": 1}

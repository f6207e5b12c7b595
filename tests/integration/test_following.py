"""A channel is told what people must know: nothing is lost, nothing is told by two processes at once."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock import failpoints
from interlock.engine.changes import Cursor, Lease
from interlock.errors import Conflict, InvalidValue
from interlock.failpoints import FailpointError
from interlock.service import following
from interlock.service.following import LEASE, Follower, SeenEntries
from interlock.service.log_reader import Reader
from interlock.storage import open_store
from interlock.storage.memory import MemoryStore
from interlock.testing.fakes import NobodyWaits
from interlock.testing.samples import TENANT, changes, decided, opened, started
from interlock.testing.store_base import the_request
from interlock.waking.wakers import PollingWaker

PATIENCE = 20.0


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def opening(request, tmp_path, clock):
    """Return a function that opens one database, as each of several processes would."""
    stores = [MemoryStore(clock)] if request.param == "memory" else []
    url = request.getfixturevalue("url") if request.param == "postgres" else f"{tmp_path}/interlock.db"

    def open_():
        if request.param != "memory":
            stores.append(open_store(url, clock))
        return stores[-1]

    yield open_
    for store in stores:
        await store.close()


@pytest.fixture
def store(opening):
    return opening()


@pytest.fixture(autouse=True)
def without_failpoints():
    yield
    failpoints.configure("")


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(following, "FIRST_DELAY", 0.01)


class Heard:
    """A channel that remembers what it was told, and fails as often as it is to."""

    def __init__(self, name="on-call", fails=0):
        self.name, self.fails = name, fails
        self.notices, self.complaints = [], []
        self.begun, self.cancelled = asyncio.Event(), False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def deliver(self, notices):
        self.begun.set()
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.fails:
            self.fails -= 1
            raise OSError("the line is dead")
        self.notices += notices

    @property
    def told(self):
        return [(notice.entry.stream, notice.entry.seq) for notice in self.notices]

    @property
    def again(self):
        return [(notice.entry.stream, notice.entry.seq) for notice in self.notices if notice.again]


def follower(store, channel, *, stop=None, lease=LEASE):
    reader = Reader(store, PollingWaker(store), TENANT, stop or asyncio.Event(), look_again=0.05)
    return Follower(reader, channel, complain=channel.complaints.append, lease=lease)


@asynccontextmanager
async def following_on(store, channel, *, begin="", lease=LEASE):
    """Follow in the background, as a process of its own would."""
    stop = asyncio.Event()
    one = follower(store, channel, stop=stop, lease=lease)
    await one.begin(begin)
    task = asyncio.ensure_future(one.run())
    try:
        yield one
    finally:
        stop.set()
        channel.may_end.set()
        await asyncio.wait_for(task, PATIENCE)


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def ask(store, clock, *keys):
    for key in keys:
        await store.commit(changes(opened(key, clock.at)))


def asked(*keys):
    return [(key, seq) for key in keys for seq in (1, 2)]


async def test_what_people_must_know_is_told_once_and_in_order(store, clock):
    await ask(store, clock, "req_1")
    await store.commit(changes(started("run_1", clock.at)))
    heard = Heard()
    async with following_on(store, heard):
        await until(lambda: heard.told == asked("req_1"))
        await store.commit(changes(decided(await the_request(store, "req_1"), clock.at)))
        await ask(store, clock, "req_2")
        await until(lambda: heard.told == [*asked("req_1"), ("req_1", 3), *asked("req_2")])
    assert (heard.again, heard.complaints) == ([], [])
    position = (await store.feed(TENANT))[-1].position
    assert await store.cursor(TENANT, "on-call") == Cursor(position, (await store.cursor(TENANT, "on-call")).version)


async def test_it_goes_on_where_it_stopped_whoever_follows(opening, store, clock):
    await ask(store, clock, "req_1")
    first, second = Heard(), Heard()
    async with following_on(store, first):
        await until(lambda: first.told == asked("req_1"))
    await ask(store, clock, "req_2")
    async with following_on(opening(), second, begin=None):
        await until(lambda: second.told == asked("req_2"))
    assert (first.told, second.again) == (asked("req_1"), [])


async def test_channels_do_not_know_of_each_other(store, clock):
    await ask(store, clock, "req_1")
    heard = [Heard(name) for name in ("mail", "pager")]
    async with following_on(store, heard[0]), following_on(store, heard[1]):
        await until(lambda: all(one.told == asked("req_1") for one in heard))


async def test_of_two_processes_on_one_channel_one_tells_each_entry(opening, store, clock):
    heard = [Heard(), Heard()]
    keys = [f"req_{number:02}" for number in range(30)]
    async with following_on(store, heard[0]), following_on(opening(), heard[1]):
        for key in keys:
            await ask(store, clock, key)
            await asyncio.sleep(0.003)
        await until(lambda: sorted(heard[0].told + heard[1].told) == asked(*keys))
    assert heard[0].again + heard[1].again == []


async def test_what_could_not_be_told_stays_and_is_told_later(store, clock):
    heard = Heard(fails=2)
    async with following_on(store, heard):
        await ask(store, clock, "req_1")
        await until(lambda: heard.told == asked("req_1"))
    assert len(heard.complaints) == 2
    assert heard.complaints[0].startswith("on-call could not be told: the line is dead. It is tried again in ")
    assert heard.again == asked("req_1")  # a channel that fails may have told some of it


class Failing(Heard):
    """A channel that fails once with an error that is not ours to read as our own."""

    def __init__(self, error):
        super().__init__()
        self.error, self.tries = error, 0

    async def deliver(self, notices):
        self.tries += 1
        if self.tries < 4:
            raise self.error
        self.notices += notices


@pytest.mark.parametrize("error", [Conflict("the page was changed"), asyncio.CancelledError()])
async def test_what_a_channel_raises_is_tried_again_later_and_later(store, clock, monkeypatch, error):
    paused = []

    async def pause(self, seconds):
        paused.append(seconds)

    monkeypatch.setattr(Reader, "pause", pause)
    heard = Failing(error)
    await ask(store, clock, "req_1")
    async with following_on(store, heard):
        await until(lambda: heard.told)
    assert (heard.tries, heard.told, len(heard.complaints)) == (4, asked("req_1"), 3)
    assert paused == [0.01, 0.02, 0.04]


async def test_a_follower_that_is_cancelled_ends(store, clock):
    heard = Heard()
    heard.may_end.clear()
    await ask(store, clock, "req_1")
    one = follower(store, heard)
    await one.begin("")
    task = asyncio.ensure_future(one.run())
    await heard.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.complaints == []


async def test_a_channel_that_is_not_async_is_refused(store, clock):
    class Plain(Heard):
        def deliver(self, notices):
            self.notices += notices

    heard = Plain()
    await ask(store, clock, "req_1")
    one = follower(store, heard)
    await one.begin("")
    with pytest.raises(TypeError, match="deliver of the channel on-call is not async: define it with `async def`"):
        await asyncio.wait_for(one.run(), PATIENCE)
    held = await store.cursor(TENANT, "on-call")
    assert (heard.complaints, held.position, held.lease) == ([], "", None)


async def test_no_position_is_refused_even_where_it_is_stopped(store):
    stop = asyncio.Event()
    stop.set()
    reader = Reader(store, PollingWaker(store), TENANT, stop)
    with pytest.raises(InvalidValue, match="is not a position"):
        await anext(reader.entries("zzz"), None)
    assert await anext(reader.entries(""), None) is None


async def test_what_a_process_told_before_it_ended_is_told_again_and_said_to_be(opening, store, clock):
    await ask(store, clock, "req_1", "req_2")
    first, second = Heard(), Heard()
    one = follower(store, first)
    await one.begin("")
    failpoints.configure("channel.told=raise")
    with pytest.raises(FailpointError):
        await one._turn()
    failpoints.configure("")
    await ask(store, clock, "req_3")
    async with following_on(opening(), second, begin=None):
        await asyncio.sleep(0.1)
        assert second.told == []  # its lease runs
        clock.advance(seconds=LEASE.total_seconds())
        await until(lambda: second.told == asked("req_1", "req_2", "req_3"))
    assert (first.told, second.again) == (asked("req_1", "req_2"), asked("req_1", "req_2"))


async def test_a_process_that_could_not_write_that_it_has_told_tells_nothing_twice(store, clock):
    await ask(store, clock, "req_1")
    heard = Heard()
    failpoints.configure("channel.told=raise")
    async with following_on(store, heard):
        await until(lambda: heard.complaints)
        await ask(store, clock, "req_2")
        await until(lambda: heard.told == asked("req_1", "req_2"))


async def test_whoever_is_overtaken_is_stopped_and_moves_nothing(opening, store, clock):
    await ask(store, clock, "req_1")
    slow, quick = Heard(), Heard()
    slow.may_end.clear()
    async with following_on(store, slow, lease=timedelta(seconds=0.3)) as one:
        goes_on, real = asyncio.Event(), one._until

        async def stopped():
            if slow.begun.is_set():  # it claims, and then extends nothing: as a process that does not run
                await goes_on.wait()
            return await real()

        one._until = stopped
        await slow.begun.wait()
        other = opening()
        clock.advance(hours=1)
        async with following_on(other, quick, begin=None):
            await until(lambda: quick.told == asked("req_1"))
            goes_on.set()
            await until(lambda: slow.cancelled)
            assert slow.told == []
        assert quick.again == asked("req_1")
        assert (await store.cursor(TENANT, "on-call")).lease is None


async def test_a_lease_lasts_as_long_as_the_channel_takes(opening, store, clock):
    await ask(store, clock, "req_1")
    slow, other = Heard(), Heard()
    slow.may_end.clear()
    async with following_on(store, slow, lease=timedelta(seconds=0.3)):
        await slow.begun.wait()
        async with following_on(opening(), other, begin=None, lease=timedelta(seconds=0.3)):
            for _ in range(10):
                clock.advance(seconds=0.1)
                await asyncio.sleep(0.1)
            assert (other.told, slow.cancelled) == ([], False)
            slow.may_end.set()
            await until(lambda: slow.told == asked("req_1"))
    assert other.told == []


async def test_a_channel_begins_where_it_is_told_to(store, clock):
    await ask(store, clock, "req_1", "req_2")
    positions = [entry.position for entry in await store.feed(TENANT)]
    for begin, told in ((positions[1], asked("req_2")), ("", asked("req_1", "req_2")), (positions[3], [])):
        heard = Heard()
        async with following_on(store, heard, begin=begin):
            await ask(store, clock, key := f"req_{len(await store.feed(TENANT)):03}")
            await until(lambda heard=heard, key=key: (key, 2) in heard.told)
        assert heard.told[: len(told)] == told
    fresh = Heard("fresh")
    async with following_on(store, fresh, begin=None):
        await ask(store, clock, "req_new")
        await until(lambda: fresh.told == asked("req_new"))
    with pytest.raises(InvalidValue):
        await follower(store, Heard()).begin("nowhere")


async def test_many_entries_that_nobody_is_told_of_are_passed_and_not_read_for_ever(store, clock, monkeypatch):
    monkeypatch.setattr(following, "ENTRIES_AT_ONCE", 5)
    for number in range(12):
        await store.commit(changes(started(f"run_{number:02}", clock.at)))
    heard = Heard()
    async with following_on(store, heard):
        await ask(store, clock, "req_1")
        await until(lambda: heard.told == asked("req_1"))
    assert (await store.cursor(TENANT, "on-call")).position == (await store.feed(TENANT))[-1].position


class Asked(NobodyWaits):
    """Knows whether a reader has begun: it has its place in the log when it asks what it has seen."""

    def __init__(self):
        super().__init__()
        self.once = asyncio.Event()

    async def seen(self):
        self.once.set()
        return await super().seen()


async def test_a_reader_reads_on_as_the_log_grows_and_ends_when_it_is_to(store, clock):
    stop, seen, waker = asyncio.Event(), SeenEntries(), Asked()
    reader = Reader(store, waker, TENANT, stop, look_again=0.01)

    async def read():
        async for entry in reader.entries(None):
            assert entry not in seen
            seen.add(entry)

    await ask(store, clock, "req_0")
    task = asyncio.ensure_future(read())
    await asyncio.wait_for(waker.once.wait(), PATIENCE)
    await ask(store, clock, "req_1")
    entries = await store.feed(TENANT)
    await until(lambda: entries[-1] in seen)
    stop.set()
    await asyncio.wait_for(task, PATIENCE)
    assert [entry in seen for entry in entries] == [False, False, True, True]


async def test_an_end_that_was_claimed_in_larger_batches_is_still_said_to_be_told_before(store, clock, monkeypatch):
    await ask(store, clock, "req_1", "req_2", "req_3")
    entries = await store.feed(TENANT)
    crashed = Cursor("", 1, entries[3].position, Lease("gone", clock.at))
    await store.move_cursor(TENANT, "on-call", crashed)
    monkeypatch.setattr(following, "ENTRIES_AT_ONCE", 1)
    heard = Heard()
    async with following_on(store, heard, begin=None):
        await until(lambda: heard.told == asked("req_1", "req_2", "req_3"))
    assert heard.again == asked("req_1", "req_2")


STREAMS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40)


@given(STREAMS)
def test_whatever_is_read_twice_is_told_once(steps):
    """Read on in a log of three streams, each step the next entry or a part of it once more."""
    told, log, heard = SeenEntries(most=2), [], []
    numbers = dict.fromkeys("abc", 0)
    for stream, again in steps:
        numbers[stream] += 1
        log.append(Line(stream, numbers[stream]))
        for entry in log[-2:] if again else log[-1:]:
            if entry not in told:
                heard.append(entry)
                told.add(entry)
    assert heard == log


class Line:
    def __init__(self, stream, seq):
        self.stream, self.seq = stream, seq

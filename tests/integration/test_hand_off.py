"""A worker that is free takes a run up in the very transaction that makes it ready."""

import asyncio
import contextlib
import json
import threading
import time

import pytest

from interlock import Action, ask
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.errors import RecordAltered, StoreUnavailable
from interlock.testing.people import principal
from interlock.waking.wakers import POLL

ME = principal("local:me")


@contextlib.asynccontextmanager
async def working(story, **options):
    """Have a worker at work meanwhile."""
    stop = asyncio.Event()
    worker = story.system.worker(**options)
    task = asyncio.create_task(worker.run(stop))
    yield worker
    stop.set()
    await task


async def until(holds):
    async with asyncio.timeout(20):
        while not (found := await holds()):
            await asyncio.sleep(0.005)
    return found


def paying(paid):
    def act(state):
        return {"out": [ask(Action("pay", {"amount": state["input"]})).perform(pay)]}

    def pay(amount):
        paid.append(amount)

    return act


async def asked(story, run_id):
    (request,) = await until(lambda: story.system.store.requests("default", RequestFilter(run_id=run_id)))
    return request


async def start(story, reference, input_):
    return (await story.system.runs.start("tests", reference, {"input": input_}, ME)).id


async def done(story, run_id):
    await until(lambda: is_at(story, run_id, RunStatus.done))


async def is_at(story, run_id, status):
    return (await story.run(run_id)).status is status


async def approve(story, request):
    await story.system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), ME)


def linger_once(store):
    """Let the next commit take a moment; return an event that is set when it has begun."""
    commit, begun = store.commit, asyncio.Event()

    async def lingering(changes):
        store.commit = commit
        begun.set()
        await asyncio.sleep(0.05)
        await commit(changes)

    store.commit = lingering
    return begun


async def log_of(story):
    return [(entry.by, entry.event.type, entry.at) for entry in await story.system.store.feed("default", limit=1000)]


async def through(story, reference):
    """Take a run from its start to its end, and return its id."""
    run_id = await start(story, reference, 1)
    await approve(story, await asked(story, run_id))
    await done(story, run_id)
    return run_id


async def test_a_run_is_taken_up_with_its_start_and_with_its_decision(story):
    paid = []
    reference = story.register(story.chain(paying(paid)))
    async with working(story):
        await through(story, reference)
        before = len(await log_of(story))
        await through(story, reference)
    log = (await log_of(story))[before:]
    assert [(by, type_) for by, type_, _ in log if type_ in {"run_started", "decided", "advance_began"}] == [
        ("local:me", "run_started"),
        ("service:worker", "advance_began"),
        ("local:me", "decided"),
        ("service:worker", "advance_began"),
    ]
    types = [type_ for _, type_, _ in log]
    for ready in ("run_started", "decided"):  # nothing is between: one transaction
        assert types[types.index(ready) + 1] == "advance_began"
    assert paid == [1, 1]
    assert (await story.system.store.agenda()).jobs == []


async def test_an_agent_that_was_never_loaded_here_is_found_by_its_job(story):
    paid = []
    reference = story.register(story.chain(paying(paid)))
    async with working(story) as worker:
        assert not worker.runner.loading.agents
        await through(story, reference)
    assert paid == [1]


async def test_no_more_runs_go_on_at_once_than_there_are_places(story):
    here, most = [], []

    async def slow(state):
        here.append(1)
        most.append(len(here))
        await asyncio.sleep(0.02)
        here.pop()
        return {"out": [1]}

    reference = story.register(story.chain(slow))
    async with working(story, concurrency=2):
        await done(story, await start(story, reference, 0))
        runs = await asyncio.gather(*(start(story, reference, number) for number in range(8)))
        for run_id in runs:
            await done(story, run_id)
    assert max(most) == 2


async def test_a_job_that_waits_is_not_passed_by_what_comes_later(story):
    """With one place, jobs that wait in the store are taken before what becomes ready here."""
    order = []
    go = asyncio.Event()

    async def note(state):
        order.append(state["input"])
        await go.wait()
        return {"out": [1]}

    reference = story.register(story.chain(note))
    go.set()
    async with working(story, concurrency=1):
        await done(story, await start(story, reference, "first"))
        go.clear()
        held = await start(story, reference, "held")
        await until(lambda: is_at(story, held, RunStatus.running))
        early = [await start(story, reference, number) for number in range(3)]
        await asyncio.sleep(0.05)
        story.clock.advance(seconds=1)
        go.set()
        late = await start(story, reference, "late")
        for run_id in (*early, late):
            await done(story, run_id)
    assert order[:2] == ["first", "held"]
    assert set(order[2:]) == {0, 1, 2, "late"}
    assert order[-1] == "late"


async def test_whoever_votes_in_another_thread_leaves_it_to_the_job(story):
    paid = []
    reference = story.register(story.chain(paying(paid)))
    async with working(story):
        await through(story, reference)
        run_id = await start(story, reference, 2)
        request = await asked(story, run_id)
        voting = threading.Thread(target=lambda: asyncio.run(approve(story, request)))
        voting.start()
        await asyncio.to_thread(voting.join)
        await done(story, run_id)
    assert paid == [1, 2]


async def test_a_run_that_a_node_starts_goes_on_in_surroundings_of_its_own(story):
    """LangGraph would take it for a sub-graph of the node's, and Interlock for a part of the node's advance."""
    paid, ids = [], []
    child = story.register(story.chain(paying(paid)))

    async def parent(state):
        ids.append(await start(story, child, 7))
        return {"out": [1]}

    reference = story.register(story.chain(parent))
    async with working(story):
        await through(story, child)
        parent_id = await start(story, reference, 0)
        await done(story, parent_id)
        await approve(story, await asked(story, ids[0]))
        await done(story, ids[0])
    assert paid == [1, 7]
    assert (await story.types(ids[0])).count("advance_began") == 2


async def test_a_worker_that_stops_finishes_what_it_has_taken_up(story):
    async def slow(state):
        await asyncio.sleep(0.1)
        return {"out": [1]}

    reference = story.register(story.chain(slow))
    async with working(story):
        await done(story, await start(story, reference, 0))
        run_id = await start(story, reference, 1)
    assert (await story.run(run_id)).status is RunStatus.done


async def test_of_several_answers_the_last_takes_the_run_up(story):
    paid = []

    def pay(amount):
        paid.append(amount)

    def left(state):
        return {"out": [ask(Action("pay", {"amount": 1})).perform(pay)]}

    def right(state):
        return {"out": [ask(Action("pay", {"amount": 2})).perform(pay)]}

    reference = story.register(story.fan(left, right))
    async with working(story):
        for _ in range(2):
            run_id = await start(story, reference, 0)
            await until(lambda run_id=run_id: is_at(story, run_id, RunStatus.paused))
            first, second = await story.system.store.requests("default", RequestFilter(run_id=run_id))
            await approve(story, first)
            await asyncio.sleep(0.02)
            assert await is_at(story, run_id, RunStatus.paused)
            await approve(story, second)
            await done(story, run_id)
            assert (await story.types(run_id)).count("advance_began") == 2
    assert sorted(paid) == [1, 1, 2, 2]


@pytest.mark.parametrize("turns", [20])
async def test_votes_that_race_take_a_run_up_once(story, turns):
    paid = []
    reference = story.register(story.chain(paying(paid)))
    async with working(story):
        await through(story, reference)
        run_id = await start(story, reference, 2)
        request = await asked(story, run_id)
        await asyncio.gather(*(approve(story, request) for _ in range(turns)), return_exceptions=True)
        await done(story, run_id)
    assert paid == [1, 2]
    assert (await story.types(run_id)).count("advance_began") == 2


async def test_who_waits_for_work_is_not_woken_by_what_makes_none(story):
    waker = story.system.waker
    every, work = await waker.seen(), await waker.seen(work=True)
    told = asyncio.create_task(waker.wait(every, 10))
    sleeping = asyncio.create_task(waker.wait(work, 10, work=True))
    await asyncio.sleep(0)
    waker.wake(work=False)
    await asyncio.wait_for(told, 5)
    assert not sleeping.done()
    waker.wake()
    await asyncio.wait_for(sleeping, 5)


async def test_a_worker_does_not_look_for_what_it_has_taken_up_itself(story, monkeypatch):
    """It looks when a run pauses, whose deadline may be near; of the rest of a cycle it has done everything itself."""
    looked = []
    reference = story.register(story.chain(paying([])))
    async with working(story):
        await through(story, reference)
        real = story.system.store.agenda
        await story.system.waker.wait(await story.system.waker.seen(), 0.3)  # what is looked for now and then is done

        async def agenda(*given, **wanted):
            looked.append(1)
            return await real(*given, **wanted)

        monkeypatch.setattr(story.system.store, "agenda", agenda)
        began = time.monotonic()
        started = await start(story, reference, 2)
        await approve(story, await asked(story, started))
        await done(story, started)
    most_looks = (
        2 + (time.monotonic() - began) / POLL
    )  # where nobody tells of others' commits, one has to look for them
    assert len(looked) <= most_looks


CONFIG = """
groups: {finance: [ann, bob]}
default:
  facts: {amount: {from: args.amount, type: decimal}}
  levels:
    - {name: small, when: amount < 100.0, steps: [{ask: ["group:finance"], within: 2d}]}
    - {name: large, steps: [{ask: ["group:finance"], approvals: 2, within: 2d}]}
"""


@pytest.mark.parametrize("free", [True, False])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_I11_a_row_that_was_altered_only_while_the_vote_read_it_pays_nothing(
    make_story, tmp_path, backdoor, kind, free
):
    """The version and the log are right, the row is put right again: what the vote made of it is not."""
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    story = make_story(kind, tmp_path / "interlock.yaml", "ian")
    door, paid = backdoor(story.address), []
    reference = story.register(story.chain(paying(paid)))

    async def vote(request, who):
        await story.system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), principal(who))

    async with working(story) as worker:
        first = await start(story, reference, 500)
        request = await asked(story, first)
        await vote(request, "ann")
        await vote(request, "bob")
        await done(story, first)
        run_id = await start(story, reference, 777)
        request = await asked(story, run_id)
        body = bytes(door.sql("SELECT body FROM requests WHERE id = ?", request.id)[0][0])
        one_is_enough = json.loads(body)
        one_is_enough["route"]["level"] = 0
        store, load = story.system.store, story.system.store.load

        async def altered_once(*given, **wanted):
            store.load = load
            door.sql("UPDATE requests SET body = ? WHERE id = ?", json.dumps(one_is_enough).encode(), request.id)
            found = await load(*given, **wanted)
            door.sql("UPDATE requests SET body = ? WHERE id = ?", body, request.id)
            return found

        if not free:
            worker.runner.loading.agents.clear()
        store.load = altered_once
        with pytest.raises(RecordAltered):
            await vote(request, "ann")
        await vote(request, "ann")  # one is not enough, as the log says
        assert (await asked(story, run_id)).is_open
    assert paid == [500]


async def test_a_vote_holds_though_the_run_could_not_be_read(story):
    paid = []
    reference = story.register(story.chain(paying(paid)))
    async with working(story):
        await through(story, reference)
        run_id = await start(story, reference, 5)
        request = await asked(story, run_id)
        store, load = story.system.store, story.system.store.load

        async def unavailable_once(*given, **wanted):
            if wanted.get("logs") and wanted.get("run_id"):
                store.load = load
                raise StoreUnavailable("all readers are busy")
            return await load(*given, **wanted)

        store.load = unavailable_once
        await approve(story, request)
        await done(story, run_id)
    assert paid == [1, 5]


async def test_a_voter_that_is_cancelled_leaves_the_run_in_the_worker_s_hands(story):
    paid = []
    reference = story.register(story.chain(paying(paid)))
    async with working(story):
        await through(story, reference)
        run_id = await start(story, reference, 5)
        request = await asked(story, run_id)
        committing = linger_once(story.system.store)
        voter = asyncio.create_task(approve(story, request))
        await committing.wait()
        voter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await voter
        await done(story, run_id)
    assert paid == [1, 5]
    assert (await story.types(run_id)).count("advance_began") == 2


async def test_what_expires_in_one_look_does_not_pass_the_jobs_of_that_look(story):
    order = []

    def asking(state):
        ask(Action("pay", {"amount": 1}))
        order.append("expired")
        return {"out": [1]}

    async def slow(state):
        order.append("job")
        await asyncio.sleep(0.02)
        return {"out": [1]}

    asks, waits = story.register(story.chain(asking)), story.register(story.chain(slow))
    for _ in range(4):
        await start(story, asks, 0)
    await story.drain()
    jobs = [await start(story, waits, 0) for _ in range(2)]
    story.clock.advance(days=8)
    stop = asyncio.Event()
    worker = story.system.worker(concurrency=2)
    worker.runner.loading.agents.add("tests")
    worker.runner.loading._references |= {asks, waits}
    task = asyncio.create_task(worker.run(stop))
    for run_id in jobs:
        await done(story, run_id)
    assert order[:2] == ["job", "job"]
    await until(lambda: everything_ended(story))
    stop.set()
    await task


async def everything_ended(story):
    return all(run.ended_at is not None for run in await story.system.store.runs("default"))


async def test_a_start_that_takes_longer_than_a_lease_leaves_the_run_to_its_job(story):
    paid = []
    reference = story.register(story.chain(paying(paid)))
    async with working(story):
        await through(story, reference)
        store, commit = story.system.store, story.system.store.commit

        async def late(changes):
            store.commit = commit
            story.clock.advance(seconds=31)
            await commit(changes)

        store.commit = late
        run_id = await start(story, reference, 5)
        await approve(story, await asked(story, run_id))
        await done(story, run_id)
    assert paid == [1, 5]
    assert (await story.types(run_id))[:2] == ["run_started", "advance_began"]
    assert (await story.types(run_id)).count("advance_began") == 2


async def test_nothing_goes_on_under_a_worker_that_is_gone(story):
    """Its heart no longer beats: the lease would end in the middle."""
    paid = []
    reference = story.register(story.chain(paying(paid)))
    worker = story.system.worker()
    task = asyncio.create_task(worker.run(asyncio.Event()))
    await through(story, reference)
    run_id = await start(story, reference, 5)
    request = await asked(story, run_id)
    committing = linger_once(story.system.store)
    voter = asyncio.create_task(approve(story, request))
    await committing.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await voter
    await asyncio.sleep(0.05)
    assert paid == [1]
    await story.later(seconds=31)
    assert paid == [1, 5]
    assert (await story.run(run_id)).status is RunStatus.done

"""What grows without a bound beside transactions of 100 items, what a backup may hold, and who waits for whom."""

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.unruly_dynamodb import Unruly

from interlock.domain.credentials import Credential
from interlock.domain.directory import KeptDirectory, fold_directory
from interlock.domain.directory_events import MemberAdded
from interlock.domain.events import Restored
from interlock.domain.oidc import SignInAttempt
from interlock.domain.run_events import RunCancelled, RunPaused, RunStarted
from interlock.engine.changes import Actor, Changes, Counted, DirectoryChange, RequestChange, RunChange, Turn
from interlock.engine.integrity import digest_of_state
from interlock.engine.items import GetItem, PutItem
from interlock.engine.ports.store import RequestFilter
from interlock.errors import Conflict
from interlock.storage.dynamodb import commits, keys, people, table, transaction_limits
from interlock.storage.dynamodb.store import open_dynamodb
from interlock.storage.dynamodb.transaction_limits import BEHIND
from interlock.testing.samples import TENANT, Asked, approved, begun, changes, job, opened, run_then, started

AT_ONCE, MANY = 30, 35
"""How many items a transaction has here, and of how many things each one that must not fail."""

HOUR = timedelta(hours=1)


@pytest.fixture
async def store(new_table, clock, monkeypatch):
    """Yield a store whose client is unruly, and whose transactions are small: many things take long to make."""
    for one in (table, transaction_limits):
        monkeypatch.setattr(one, "AT_ONCE", AT_ONCE)
    opened_store = open_dynamodb(new_table(), clock)
    opened_store._table.client = Unruly(opened_store._table.client)
    yield opened_store
    await opened_store.close()


def session(number, at, kind="session"):
    return Credential(f"{kind}_{number}", f"{kind}{number}", kind, TENANT, "mia", "person", at, "mia", at + HOUR)


def signed_out(at, **more):
    events = (MemberAdded("group", "managers", "mia", at),)
    after = fold_directory(events, KeptDirectory(TENANT))
    change = DirectoryChange(0, events, after, at, signed_out=("mia",), **more)
    return Changes(TENANT, Actor("olga", "api"), directory=change)


async def test_who_has_signed_in_very_often_is_signed_out(store, clock):
    for number in range(MANY):
        await store.keep_credential(session(number, clock.at))
    for number in range(2):
        await store.keep_credential(session(number, clock.at, "token"))
    await store.commit(signed_out(clock.at, ended=("token_0",)))
    found = await store.credentials(TENANT, kind="session", principal="mia", limit=2 * MANY)
    assert [len(found), {one.ended_at for one in found}] == [MANY, {clock.at}]
    assert {one.id for one in await store.credentials(TENANT, kind="token") if one.ended_at is None} == {"token_1"}
    assert await store.directory_version(TENANT) == 1


async def test_of_a_change_that_is_too_late_nobody_is_signed_out(store, clock):
    await store.commit(signed_out(clock.at))
    for number in range(MANY):
        await store.keep_credential(session(number, clock.at))
    with pytest.raises(Conflict):
        await store.commit(signed_out(clock.at))
    found = await store.credentials(TENANT, kind="session", principal="mia", limit=2 * MANY)
    assert {one.ended_at for one in found} == {None}


async def test_a_turn_ends_before_many_others_and_asks_for_the_first(store, clock):
    runs = {}
    for turn in range(1, MANY + 1):
        event = RunStarted(
            *(f"run_{turn:03}", TENANT, "mailer", "mailer:graph", "ann", {}, clock.at),
            thread="t",
            turn=turn,
            waits=turn > 1,
        )
        runs[turn] = RunChange.of(None, event)
        await store.commit(changes(runs[turn], turn=Turn("t", turn - 1)))

    async def end(turn):
        ended = run_then(runs[turn].after, RunCancelled("ann", "enough", clock.at))
        await store.commit(changes(ended, turn=Turn("t", None, turn)))
        return [job.subject for job in (await store.agenda(2 * MANY)).jobs]

    assert await end(3) == [f"run_{turn:03}" for turn in range(4, 4 + BEHIND)]
    assert await end(1) == [f"run_{turn:03}" for turn in range(2, 4 + BEHIND) if turn != 3]
    assert await end(2) == [f"run_{turn:03}" for turn in range(2, 4 + BEHIND) if turn != 3]


async def test_many_states_go_at_once(store, clock):
    run = started("run_1", clock.at)
    await store.commit(changes(run))
    states = [f"state {number}".encode() for number in range(2)]
    for state in states:
        run = begun(run.after, clock.at)
        await store.commit(changes(run))
        run = run_then(run.after, RunPaused((), digest_of_state(state), "1", clock.at), state=state)
        await store.commit(changes(replace(run, drops=())))
    gone = (f"sha256:{number:064}" for number in range(MANY))
    drops = (digest_of_state(states[0]), *gone, digest_of_state(states[1]))
    await store.commit(changes(replace(begun(run.after, clock.at), drops=drops)))
    assert [await store.state(TENANT, "run_1", digest_of_state(state)) for state in states] == [None, None]


async def test_a_tenant_that_commits_much_lets_others_read_and_commit(store, clock):
    go, real = threading.Event(), store._table.client

    class Slow(Unruly):
        def _called(self, name, given):
            if name == "transact_write_items" and "acme" in str(given):
                go.wait(10)
            return super()._called(name, given)

    store._table.client = Slow(real)
    many = [asyncio.create_task(store.commit(changes(opened(f"req_{one}", clock.at)))) for one in range(20)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(5):
            await store.last_position("other")
            await store.commit(changes(opened("req_1", clock.at, tenant="other"), tenant="other"))
    finally:
        many[5].cancel()
        go.set()
        done = await asyncio.gather(*many, return_exceptions=True)
    assert [one for one in done if one is not None] == [done[5]]
    assert isinstance(done[5], asyncio.CancelledError)
    assert [entry.stream for entry in await store.feed(TENANT)][::2] == [f"req_{one}" for one in range(20) if one != 5]


async def test_what_waits_for_its_turn_is_committed_before_the_store_is_closed(store, clock):
    many = [asyncio.create_task(store.commit(changes(opened(f"req_{one}", clock.at)))) for one in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*many) == [None] * 5


async def test_the_feed_waits_for_entries_that_are_being_written_and_goes_on_behind_lost_ones(store, clock):
    for number in range(4):
        await store.commit(changes(opened(f"req_{number}", clock.at)))

    async def streams():
        return [entry.stream for entry in await store.feed(TENANT)][::2]

    store._table.delete(keys.block(TENANT, "req_1", 2))
    assert await streams() == ["req_0"]
    clock.at += timedelta(seconds=61)
    assert await streams() == ["req_0", "req_2", "req_3"]
    store._table.delete(keys.commit(TENANT, 3))
    assert await streams() == ["req_0", "req_3"]
    assert (await store.audit()).lost == 2 + 1  # the entries of one commit, and the record of another
    store._table.delete(keys.commit(TENANT, 4))
    assert (await store.audit()).lost == 2 + 2  # also of the last one


@pytest.mark.parametrize("left", [{"number": 1}, None])
async def test_a_tenant_whose_head_is_older_than_its_commits_goes_on(store, clock, left):
    """AWS: what is restored may hold a part of a transaction."""
    for number in range(3):
        await store.commit(changes(opened(f"req_{number}", clock.at)))
    head = store._table.get(keys.head(TENANT))
    store._table.delete(keys.head(TENANT))
    if left is not None:
        store._table.put(head | left)
    await store.commit(changes(opened("req_3", clock.at)))
    await store.commit(changes(opened("req_4", clock.at)))
    assert store._table.client.calls.count("transact_write_items") < 3 + 2 * commits.SOME
    assert [entry.stream for entry in await store.feed(TENANT)][::2] == [f"req_{number}" for number in range(5)]


async def test_a_window_names_those_of_its_action_alone(store, clock, monkeypatch):
    """An index that is late knows of none of them."""
    early = clock.at - HOUR
    monkeypatch.setattr(commits, "LATELY", 10)
    await store.commit(changes(started("run_1", clock.at)))
    await store.window(TENANT, "pay", early, 200)
    with store._table.client.late_indexes():
        for turn in range(2):
            await store.window(TENANT, "pay", early, 200)
            many = [
                opened(f"req_{turn}_{one}", clock.at, Asked(interrupt_id=f"{turn}_{one}", action="pay" if one else "x"))
                for one in range(6)
            ]
            await store.commit(changes(*many, counted=(Counted("pay", turn),)))
        assert len((await store.window(TENANT, "pay", early, 200)).requests) == 2 * 5


async def test_who_signs_in_waits_for_a_few_others_alone(store, clock):
    def attempt(number):
        return SignInAttempt(f"s{number}", "b1", "company", "nonce", "verifier", "/", clock.at + HOUR)

    for number in range(2 * people.FORGOTTEN):
        await store.keep_sign_in(attempt(number), clock.at)
    clock.at += HOUR
    store._table.client.calls.clear()
    await store.keep_sign_in(attempt("new"), clock.at)
    assert store._table.client.calls.count("delete_item") == people.FORGOTTEN
    assert await store.take_sign_in("snew") is not None


async def test_no_name_is_taken_for_a_long_one(store, clock):
    long = "\N{FOX FACE}" * 199
    short = keys.cut(long)
    asked = [Asked(reference=long, interrupt_id="1"), Asked(reference=short, interrupt_id="2")]
    await store.commit(changes(*(opened(f"req_{number}", clock.at, one) for number, one in enumerate(asked))))
    for wanted in ({"reference": short}, {"reference_prefix": short}):
        assert [one.id for one in await store.requests(TENANT, RequestFilter((), **wanted))] == ["req_1"]
    cut = keys.cut(f"item/a./{long}").removeprefix("item/a./")
    for key in (long, cut):
        await store.items(TENANT, [PutItem(("a",), key, key.encode())])
    found = await store.items(TENANT, [GetItem(("a",), long), GetItem(("a",), cut)])
    assert [one.value for one in found] == [long.encode(), cut.encode()]


async def test_what_is_due_is_read_as_far_as_it_is_wanted(store, clock):
    """A backlog of one kind costs neither those who carry it out, nor the deadlines behind it."""
    for number in range(60):
        await store.commit(changes(started(f"run_{number:02}", clock.at), enqueue=(job(f"run_{number:02}", clock.at),)))
    await store.commit(changes(opened("req_1", clock.at, Asked(within=timedelta(minutes=1)))))
    clock.at += HOUR
    for subject, due in ((None, [f"run_{number:02}" for number in range(5)]), ("run_50", ["run_50"])):
        store._table.client.calls.clear()
        agenda = await store.agenda(5, subject=subject)
        assert [agenda.overdue, [one.subject for one in agenda.jobs]] == [[(TENANT, "req_1")], due]
        assert len(store._table.client.calls) <= 3


async def test_what_somebody_has_decided_is_read_page_by_page(store, clock, monkeypatch):
    for number in range(12):
        clock.at += timedelta(seconds=1)
        request = opened(f"req_{number:02}", clock.at)
        await store.commit(changes(request))
        await store.commit(changes(approved(request.after, clock.at)))
    read, real = [], store._table.get_all
    monkeypatch.setattr(store._table, "get_all", lambda wanted: real(read.extend(some := list(wanted)) or some))
    wanted, after, found = RequestFilter((), people=("bob", "carl")), None, []
    first = await store.request_rows(TENANT, wanted, limit=3)
    assert len(read) == 3
    while page := await store.request_rows(TENANT, wanted, after=after, limit=5):
        after = page[-1][0]
        found += [key.id for key, _ in page]
    assert found == [f"req_{number:02}" for number in reversed(range(12))]
    assert [key.id for key, _ in first] == found[:3]


async def test_a_row_that_was_forged_changes_not_how_many_are_counted(store, clock):
    requests = [opened(f"req_{number}", clock.at) for number in range(3)]
    await store.commit(changes(*requests))
    row = store._table.get(keys.row(TENANT, "req_0"))
    stray = keys.row(TENANT, "req_9")
    store._table.put(row | stray._asdict() | {"id": "req_9"})
    await store.commit(changes(strays=(("requests", "req_9"),)))
    assert await store.open_requests(TENANT, "mailer", 9) == 3
    store._table.put(row | {"status": "approved"})
    again = RequestChange.of(requests[0].after, Restored("olga", "it was altered", clock.at))
    await store.commit(changes(replace(again, anew=True, earlier=requests[0].events)))
    assert await store.open_requests(TENANT, "mailer", 9) == 3

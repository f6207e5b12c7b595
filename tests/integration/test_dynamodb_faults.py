"""What AWS does and no stand-in shows: lost answers, throttling, conflicts, late indexes, late forgetting, clocks."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.unruly_dynamodb import Unruly, refusal

from interlock.domain.accounts import AccountSecrets
from interlock.domain.credentials import Credential
from interlock.domain.delivery import Delivery, DeliveryState, begun, delivered
from interlock.domain.directory import KeptDirectory, fold_directory
from interlock.domain.directory_events import MemberAdded
from interlock.domain.oidc import SignInAttempt
from interlock.engine.changes import Actor, Changes, Counted, Cursor, DirectoryChange
from interlock.engine.items import PutItem, SearchItems
from interlock.engine.ports.store import RequestFilter
from interlock.errors import Conflict, NotInTime, StoreUnavailable
from interlock.storage.dynamodb import table as wire
from interlock.storage.dynamodb.store import open_dynamodb
from interlock.testing.samples import TENANT, Asked, changes, decided, job, opened, started
from interlock.testing.samples import begun as run_begun

HOUR = timedelta(hours=1)


@pytest.fixture
def opened_twice(new_table, clock):
    """Return an unruly client with its store, and another store on the same table, which nothing happens to."""
    address = new_table()
    store, other = open_dynamodb(address, clock), open_dynamodb(address, clock)
    store._table.client = unruly = Unruly(store._table.client)
    return unruly, store, other


def secrets_kept(clock):
    events = (MemberAdded("group", "managers", "mia", clock.at),)
    after = fold_directory(events, KeptDirectory(TENANT))
    change = DirectoryChange(0, events, after, clock.at, secrets=(AccountSecrets("mia"),))
    return Changes(TENANT, Actor("olga", "api"), directory=change)


def credential(clock):
    return Credential("token_1", "d1", "token", TENANT, "mia", "person", clock.at, "mia", clock.at + HOUR)


def delivery(clock):
    return Delivery(TENANT, "dlv_1", "crm", "", "req_1", 1, "opened", clock.at, clock.at, "req_1")


def attempt(clock):
    return SignInAttempt("s1", "b1", "company", "nonce", "verifier", "/", clock.at + HOUR)


WRITTEN_ONCE = {
    "a commit": (lambda store, clock: store.commit(changes(opened("req_1", clock.at))), lambda store, clock: None),
    "a code": (
        lambda store, clock: store.accept_code(TENANT, "mia", 7),
        lambda store, clock: store.commit(secrets_kept(clock)),
    ),
    "an attempt": (lambda store, clock: store.count_attempt(TENANT, "k", 0, clock.at), None),
    "a cursor": (lambda store, clock: store.move_cursor(TENANT, "mail", Cursor("1", 1)), None),
    "a credential": (lambda store, clock: store.keep_credential(credential(clock)), None),
    "the end of a credential": (
        lambda store, clock: store.end_credential(TENANT, "token_1", clock.at),
        lambda store, clock: store.keep_credential(credential(clock)),
    ),
    "a delivery": (
        lambda store, clock: store.write_delivery(begun(delivery(clock), clock.at, HOUR)),
        lambda store, clock: store.add_deliveries([delivery(clock)]),
    ),
    "what came in": (lambda store, clock: store.keep_received("k", clock.at, clock.at + HOUR), None),
    "a sign-in": (lambda store, clock: store.keep_sign_in(attempt(clock), clock.at), None),
    "an item": (lambda store, clock: store.items(TENANT, [PutItem(("a",), "k", b"{}")]), None),
}


@pytest.mark.parametrize("name", WRITTEN_ONCE)
@pytest.mark.parametrize("times", [1, 3])
async def test_what_was_written_though_its_answer_was_lost_is_recognised(opened_twice, clock, name, times):
    unruly, store, other = opened_twice
    write, before = WRITTEN_ONCE[name]
    if before is not None and (done := before(other, clock)) is not None:
        await done
    unruly.lost = times
    await write(store, clock)  # it is no conflict
    assert unruly.lost == 0
    if name != "an item":
        with pytest.raises(Conflict):
            await write(other, clock)  # it was written, once
    assert len(await other.items(TENANT, [SearchItems((), None, 9, 0)])) == 1


async def test_a_commit_is_recognised_though_others_have_committed_before_it_is_asked_for_again(opened_twice, clock):
    unruly, store, other = opened_twice
    unruly.lost = 1
    unruly.meanwhile = lambda: asyncio.run(other.commit(changes(opened("req_2", clock.at))))
    await store.commit(changes(opened("req_1", clock.at), enqueue=(job("run_1", clock.at),)))
    assert [entry.stream for entry in await other.feed(TENANT)] == ["req_1"] * 2 + ["req_2"] * 2
    assert [one.generation for one in (await other.agenda()).jobs] == [1]


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("TransactionCanceledException", "None", "TransactionConflict"),
        refusal("TransactionInProgressException"),
        refusal("InternalServerError"),
    ],
    ids=lambda error: error.response["Error"]["Code"],
)
async def test_what_is_refused_for_the_moment_is_tried_again_and_after_a_while_told(
    opened_twice, clock, monkeypatch, error
):
    unruly, store, other = opened_twice
    for number, work in enumerate((store.load, store.feed, store.last_position)):
        unruly.refused = [error] * 2
        await work(TENANT)
        unruly.refused = [error] * 3
        await store.commit(changes(opened(f"req_{number}", clock.at)))
    monkeypatch.setattr(wire, "PATIENCE", 0.5)
    unruly.refused = [error] * 100
    with pytest.raises(StoreUnavailable, match=r"in 0\.5 seconds"):
        await store.commit(changes(opened("req_9", clock.at)))
    unruly.refused = []
    monkeypatch.setattr(wire, "PATIENCE", 8.0)
    assert (await other.load(TENANT, ["req_9"])).requests == {}
    await store.commit(changes(opened("req_9", clock.at)))


async def test_what_is_not_allowed_is_told_at_once(opened_twice, clock):
    unruly, store, _ = opened_twice
    for number, error in enumerate(("AccessDeniedException", "ValidationException"), 1):
        unruly.refused = [refusal(error)]
        with pytest.raises(StoreUnavailable, match=error):
            await store.commit(changes(opened("req_1", clock.at)))
        assert len(unruly.calls) == number
    unruly.refuse_write = refusal("TransactionCanceledException", "None", "ValidationError")
    with pytest.raises(StoreUnavailable, match=r"transaction on the table .*: ValidationError"):
        await store.commit(changes(opened("req_1", clock.at)))


async def test_nothing_is_decided_by_an_index_that_is_late(opened_twice, clock):
    unruly, store, _ = opened_twice
    early = clock.at - HOUR
    await store.commit(changes(started("run_1", clock.at)))
    await store.window(TENANT, "send_email", early, 100)
    with unruly.late_indexes():
        assert await store.requests(TENANT, RequestFilter()) == []
        for number in range(5):
            window = await store.window(TENANT, "send_email", early, 100)
            assert [len(window.requests), window.version] == [number, number]
            asked = Asked(interrupt_id=f"interrupt_{number}")
            counted = (Counted("send_email", number),)
            await store.commit(changes(opened(f"req_{number}", clock.at, asked), counted=counted))
        assert len((await store.load(TENANT, run_id="run_1")).requests) == 5
        assert [one.id for one in await store.asked_at(TENANT, "run_1", ["interrupt_3"])] == ["req_3"]
        assert await store.open_requests(TENANT, "mailer", 9) == 5
        assert [one.id for one in await store.requests(TENANT, RequestFilter())] == []  # a list may be late
        await store.commit(changes(decided((await store.load(TENANT, ["req_1"])).requests["req_1"], clock.at)))
    assert len(await store.requests(TENANT, RequestFilter())) == 4


async def test_a_job_is_found_by_its_subject_before_an_index_knows_of_it(opened_twice, clock):
    unruly, store, _ = opened_twice
    with unruly.late_indexes():
        assert (await store.agenda()).jobs == (await store.agenda(subject="run_1")).jobs == []
        await store.commit(changes(started("run_1", clock.at), enqueue=(job("run_1", clock.at),)))
        assert (await store.agenda()).jobs == []
        assert [one.subject for one in (await store.agenda(subject="run_1")).jobs] == ["run_1"]


async def test_the_feed_ends_before_what_is_still_being_written(opened_twice, clock):
    unruly, store, _ = opened_twice
    for number in range(4):
        await store.commit(changes(opened(f"req_{number}", clock.at)))
    everything = await store.feed(TENANT)
    unruly.hidden = lambda item: item.get("kind", {}).get("S") == "commit" and item["number"]["N"] == "3"
    assert [entry.stream for entry in await store.feed(TENANT)] == ["req_0", "req_0", "req_1", "req_1"]
    unruly.hidden = lambda item: False
    assert await store.feed(TENANT, after=everything[3].position) == everything[4:]


async def test_a_row_that_is_there_before_its_entries_waits_for_them(opened_twice, clock):
    unruly, store, other = opened_twice
    await other.commit(changes(opened("req_1", clock.at)))
    looks = []

    def hidden(item):
        if item.get("kind", {}).get("S") == "log":
            looks.append(item)
        return item.get("kind", {}).get("S") == "log" and len(looks) < 3

    unruly.hidden = hidden
    loaded = await store.load(TENANT, ["req_1"])
    assert len(loaded.logs["req_1"]) == loaded.requests["req_1"].version == 2


async def test_what_the_table_forgets_late_counts_no_more(opened_twice, clock):
    _, store, other = opened_twice
    await store.keep_received("slack 1", clock.at, clock.at + HOUR)
    await store.keep_sign_in(attempt(clock), clock.at)
    clock.at += HOUR  # no stand-in forgets anything by itself: AWS does within days
    await other.keep_received("slack 1", clock.at, clock.at + HOUR)
    await other.keep_sign_in(replace(attempt(clock), state="s2"), clock.at)
    assert await store.take_sign_in("s1") is None


async def test_of_two_whose_clocks_differ_one_decides_at_the_deadline(new_table, clock):
    address = new_table()
    ahead, behind = (open_dynamodb(address, lambda by=by: clock.at + by) for by in (timedelta(seconds=1), timedelta(0)))
    request = opened("req_1", clock.at)
    await behind.commit(changes(request))
    due = clock.at + HOUR
    clock.at = due - timedelta(seconds=1)
    vote = decided(request.after, clock.at)
    with pytest.raises(NotInTime):
        await ahead.commit(changes(vote, before=due))
    await behind.commit(changes(vote, before=due))
    with pytest.raises(Conflict):
        await ahead.commit(changes(decided(request.after, clock.at, "late")))
    await asyncio.gather(ahead.close(), behind.close())


@pytest.mark.parametrize(("seconds", "says"), [(-7, "seconds ahead of"), (9, "seconds behind")])
async def test_a_machine_whose_clock_is_far_from_awss_commits_nothing(new_table, seconds, says):
    store = open_dynamodb(new_table())
    store._table.client = unruly = Unruly(store._table.client)
    now = await store.now()
    await store.commit(changes(opened("req_1", now)))
    unruly.ahead = timedelta(seconds=seconds)
    await store.load(TENANT)
    with pytest.raises(StoreUnavailable, match=says):
        await store.commit(changes(opened("req_2", now)))
    unruly.ahead = timedelta(0)
    await store.load(TENANT)
    await store.commit(changes(opened("req_2", now)))
    await store.close()


async def test_a_lease_that_moves_while_somebody_commits_is_read_again(opened_twice, clock):
    unruly, store, other = opened_twice
    run = started("run_1", clock.at)
    await store.commit(changes(run, enqueue=(job("run_1", clock.at),)))
    held = run_begun(run.after, clock.at)
    await store.commit(changes(held))
    until = clock.at + 2 * HOUR
    unruly.lost = 1
    unruly.meanwhile = lambda: asyncio.run(other.extend(TENANT, [("run_1", "worker_1")], until))
    await store.commit(changes(opened("req_1", clock.at)))
    lease = (await other.load(TENANT, run_id="run_1")).run.lease
    assert lease.until == until


async def test_a_message_that_is_to_be_sent_again_is_not_forgotten_with_the_old_ones(opened_twice, clock):
    unruly, store, other = opened_twice
    await other.add_deliveries([delivery(clock)])
    mine = begun(delivery(clock), clock.at, HOUR)
    sent = delivered(mine, clock.at)
    for one in (mine, sent):
        await other.write_delivery(one)
    clock.at += HOUR
    again = replace(sent, version=sent.version + 1, due_at=clock.at, state=DeliveryState.waiting)
    unruly.before_delete = lambda: asyncio.run(other.write_delivery(again))
    assert await store.prune_deliveries(TENANT, clock.at) == 0
    assert await other.delivery(TENANT, "dlv_1") == again

"""I1, I11: what somebody changes in the database after the approval is refused, and nothing is executed by it."""

import contextlib
import json
import sqlite3

import ormsgpack
import psycopg
import pytest

from interlock import Action, ask
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus
from interlock.engine.audit import audit_record
from interlock.engine.codec import leaf_hash
from interlock.engine.integrity import digest_of_state
from interlock.errors import RecordAltered, StoreError


class Attacked:
    """A run that waits at an approval, and somebody who can write into its database."""

    def __init__(self, story, door):
        self.story = story
        self.sql = door.sql
        self.open_the_log = door.open_the_log
        self.paid = []
        self.run_id = ""

    def plan(self, state):
        return {"input": {"amount": 5}}

    def act(self, state):
        return {"out": [ask(Action("pay", state["input"])).perform(lambda amount: self.paid.append(amount) or amount)]}

    async def begin(self, *, approved=True):
        self.run_id = await self.story.go(self.story.chain(self.plan, self.act))
        request = await self.story.asked()
        return await self.story.vote(request) if approved else request

    def body(self, table, key):
        return json.loads(self.sql(f"SELECT body FROM {table} WHERE id = ?", key)[0][0])

    def rewrite(self, table, key, body):
        self.sql(f"UPDATE {table} SET body = ? WHERE id = ?", json.dumps(body).encode(), key)

    def rewrite_log(self, stream, change, *, leaf):
        self.open_the_log()
        for position, body in self.sql("SELECT position, body FROM log WHERE stream = ?", stream):
            changed = change(body)
            self.sql("UPDATE log SET body = ? WHERE position = ?", changed, position)
            if leaf:
                self.sql("UPDATE log SET leaf = ? WHERE position = ?", leaf_hash(changed), position)

    async def assert_refused(self, *codes):
        with contextlib.suppress(StoreError):
            await self.story.drain()
        run = await self.story.run(self.run_id)
        assert self.paid == []
        assert (run.status, run.attention) in {(RunStatus.needs_attention, code) for code in codes}, run


@pytest.fixture(params=["sqlite", "postgres"])
async def attacked(request, make_story, backdoor):
    story = make_story(request.param)
    return Attacked(story, backdoor(story.address))


async def test_the_log_cannot_be_changed_without_dropping_its_triggers(attacked):
    request = await attacked.begin()
    for statement in ("UPDATE log SET leaf = '' WHERE stream = ?", "DELETE FROM log WHERE stream = ?"):
        with pytest.raises((sqlite3.Error, psycopg.Error), match="append-only"):
            attacked.sql(statement, request.id)


async def test_I1_arguments_changed_in_the_stored_state_are_refused(attacked):
    await attacked.begin()
    state = (await attacked.story.record(attacked.run_id)).state
    forged = state.replace(ormsgpack.packb({"amount": 5}), ormsgpack.packb({"amount": 9}))
    assert forged != state
    attacked.sql("UPDATE states SET state = ? WHERE run_id = ?", forged, attacked.run_id)
    await attacked.assert_refused("record_altered")


async def test_I1_arguments_changed_in_the_stored_state_with_its_digest_are_not_executed(attacked):
    request = await attacked.begin()
    state = (await attacked.story.record(attacked.run_id)).state
    forged = state.replace(ormsgpack.packb({"amount": 5}), ormsgpack.packb({"amount": 9}))
    attacked.sql("UPDATE states SET state = ? WHERE run_id = ?", forged, attacked.run_id)
    attacked.rewrite(
        "runs", attacked.run_id, attacked.body("runs", attacked.run_id) | {"state_digest": digest_of_state(forged)}
    )
    with contextlib.suppress(StoreError):
        await attacked.story.drain()
    assert attacked.paid == []
    assert (await attacked.story.request(request.id)).effect is not EffectState.executed


async def test_a_stored_state_that_is_missing_is_refused(attacked):
    await attacked.begin()
    attacked.sql("DELETE FROM states WHERE run_id = ?", attacked.run_id)
    await attacked.assert_refused("record_altered")


async def test_I1_arguments_changed_in_the_requests_row_are_refused(attacked):
    request = await attacked.begin()
    body = attacked.body("requests", request.id)
    body["edition"]["subject"]["args"] = {"amount": 9}
    attacked.rewrite("requests", request.id, body)
    await attacked.assert_refused("record_altered")


@pytest.mark.parametrize("what", ["edition", "asked and edition"])
async def test_I1_arguments_changed_in_the_requests_row_with_their_digests_are_refused(attacked, what):
    request = await attacked.begin()
    body = attacked.body("requests", request.id)
    forged = Action("pay", {"amount": 9})
    body["edition"]["subject"]["args"] = forged.args
    body["digest"] = forged.digest
    if what != "edition":
        body["ask"]["subject"]["args"] = forged.args
        body["asked_digest"] = forged.digest
    attacked.rewrite("requests", request.id, body)
    with contextlib.suppress(StoreError):
        await attacked.story.drain()
    assert attacked.paid == []
    run = await attacked.story.run(attacked.run_id)
    if what == "edition":
        assert (run.status, run.attention) == (RunStatus.needs_attention, "record_altered")


async def test_I1_an_approval_written_into_the_row_is_worth_nothing(attacked):
    request = await attacked.begin(approved=False)
    body = attacked.body("requests", request.id)
    body |= {"status": "approved", "decided_by": ["local:me"], "decided_at": body["opened_at"], "due_at": None}
    attacked.rewrite("requests", request.id, body)
    attacked.sql("UPDATE requests SET status = 'approved' WHERE id = ?", request.id)
    due = int(attacked.story.clock.at.timestamp() * 1e6)
    attacked.sql("DELETE FROM jobs")
    attacked.sql("INSERT INTO jobs VALUES ('default', 'advance', ?, ?, 1, NULL)", attacked.run_id, due)
    await attacked.assert_refused("record_altered")


async def test_I1_a_rejection_turned_into_an_approval_is_not_told_to_the_graph(attacked):
    told = []
    attacked.act = lambda state: told.append(ask(Action("pay", state["input"])).approved) or {"out": []}
    request = await attacked.begin(approved=False)
    await attacked.story.vote(request, "reject")
    body = attacked.body("requests", request.id)
    attacked.rewrite("requests", request.id, body | {"status": "approved"})
    await attacked.assert_refused("record_altered")
    assert told == []


@pytest.mark.parametrize("leaf", [False, True])
async def test_I1_a_changed_log_is_refused(attacked, leaf):
    request = await attacked.begin()
    attacked.rewrite_log(request.id, lambda body: body.replace(b'"amount":5', b'"amount":9'), leaf=leaf)
    await attacked.assert_refused("record_altered")


async def test_I1_a_voter_changed_in_the_log_is_refused(attacked):
    request = await attacked.begin()
    attacked.rewrite_log(
        request.id, lambda body: body.replace(b'"voter":"local:me"', b'"voter":"local:eve"'), leaf=True
    )
    await attacked.assert_refused("record_altered")


async def test_I1_a_log_whose_tail_is_cut_is_refused(attacked):
    request = await attacked.begin()
    attacked.rewrite_log(request.id, lambda body: body, leaf=False)
    attacked.sql(
        "DELETE FROM log WHERE stream = ? AND seq = (SELECT max(seq) FROM log WHERE stream = ?)", *[request.id] * 2
    )
    await attacked.assert_refused("record_altered")


async def test_I1_a_changed_policy_is_refused(attacked):
    request = await attacked.begin()
    body = attacked.sql("SELECT body FROM policies WHERE hash = ?", request.route.policy_hash)[0][0]
    attacked.sql("UPDATE policies SET body = ?", body.replace(b"role:reviewer", b"role:everyone"))
    attacked.story.system.pinned_policies._known.clear()  # as in another process
    await attacked.assert_refused("record_altered")


async def test_I1_votes_on_an_altered_request_are_refused(attacked):
    request = await attacked.begin(approved=False)
    body = attacked.body("requests", request.id)
    body["edition"]["subject"]["args"] = {"amount": 9}
    attacked.rewrite("requests", request.id, body)
    with pytest.raises(RecordAltered):
        await attacked.story.vote(request)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("garbage", [b"", b"{", b"null", b"{}", b"\xff\xfe"])
@pytest.mark.parametrize("table", ["requests", "runs"])
async def test_I13_garbage_in_one_row_does_not_stop_the_others(attacked, table, garbage):
    request = await attacked.begin()
    attacked.sql(
        f"UPDATE {table} SET body = ? WHERE id = ?", garbage, request.id if table == "requests" else attacked.run_id
    )
    other = await asked_beside(attacked.story)
    assert other.status is RunStatus.done
    assert attacked.paid == []


async def test_I13_an_altered_request_that_is_overdue_does_not_stop_the_others(attacked):
    request = await attacked.begin(approved=False)
    body = attacked.body("requests", request.id)
    body["edition"]["subject"]["args"] = {"amount": 9}
    attacked.rewrite("requests", request.id, body)
    attacked.story.clock.advance(days=30)
    other = await asked_beside(attacked.story)
    assert other.status is RunStatus.done


async def asked_beside(story):
    """Carry another run from its beginning to its end."""

    def act(state):
        return {"out": [ask(Action("other", {})).approved]}

    reference = story.register(story.chain(act))
    run = await story.system.runs.start("other", reference, {}, story.me)
    await story.drain()
    record = (await story.store.load("default", run_id=run.id)).run.run
    waiting = (await story.store.load("default", [record.pause[0].request_id])).requests.popitem()[1]
    await story.vote(waiting)
    await story.drain()
    return await story.run(run.id)


COLUMNS = [
    *(("requests", column, "another") for column in ("id", "run_id", "agent", "interrupt_id", "action")),
    *(("requests", column, 7) for column in ("opened_at", "due_at", "version", "wake_at")),
    ("requests", "status", "rejected"),
    *(("runs", column, "another") for column in ("id", "agent")),
    *(("runs", column, 7) for column in ("started_at", "version")),
    ("runs", "status", "done"),
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("table", "column", "value"), COLUMNS)
async def test_I11_a_column_that_a_row_is_found_by_is_compared_with_what_it_holds(attacked, table, column, value):
    await attacked.begin(approved=False)
    assert await audit_record(attacked.story.store) == []
    attacked.sql(f"UPDATE {table} SET {column} = ?", value)
    told = "no log knows it" if column == "id" else "is found by something else"
    assert any(told in str(altered) for altered in await audit_record(attacked.story.store))


async def test_I1_a_request_that_is_gone_is_an_altered_record(attacked):
    request = await attacked.begin()
    attacked.sql("UPDATE requests SET id = 'another' WHERE id = ?", request.id)
    await attacked.assert_refused("record_altered")

"""I4, I11: what an audit finds is named with what to do, and what the log can say is written anew by one command."""

import json
from datetime import timedelta

import pytest

from interlock import Action, ask
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus
from interlock.engine.advance_start import LeaseHolder, begin
from interlock.engine.audit import audit_record
from interlock.engine.changes import Actor, Lease
from interlock.engine.repair import repair
from interlock.errors import RecordAltered
from interlock.storage.rows import micros
from interlock.testing.people import principal


class Case:
    """A run that waits at an approval, and somebody who can write into its database."""

    def __init__(self, story, door):
        self.story, self.door, self.paid = story, door, []
        self.run_id = ""

    def act(self, state):
        decision = ask(Action("pay", {"amount": 5}))
        if decision.approved:
            decision.perform(self.pay)
        return {"out": [str(decision.outcome)]}

    def pay(self, amount):
        self.paid.append(amount)

    async def begin(self):
        self.run_id = await self.story.go(self.story.chain(self.act))
        assert await audit_record(self.story.store) == []
        return await self.story.asked()

    async def queued(self):
        """Start a run that nobody carries on yet."""
        reference = self.story.register(self.story.chain(self.act))
        run = await self.story.system.runs.start("agent", reference, {}, self.story.me)
        self.run_id = run.id

    def rewrite(self, table, key, **changed):
        body = json.loads(bytes(self.door.sql(f"SELECT body FROM {table} WHERE id = ?", key)[0][0]))
        self.door.sql(f"UPDATE {table} SET body = ? WHERE id = ?", json.dumps(body | changed).encode(), key)

    def reword(self, request):
        body = json.loads(bytes(self.door.sql("SELECT body FROM requests WHERE id = ?", request.id)[0][0]))
        self.rewrite("requests", request.id, ask=body["ask"] | {"description": "Nothing to see here"})

    async def found(self):
        return [str(one) for one in await audit_record(self.story.store)]

    async def repair(self, by="local:me"):
        return await repair(self.story.store, self.story.system.desk, principal(by))

    async def assert_mended(self):
        """Repair, find nothing any more, and go on to the end with one effect."""
        repaired, refused = await self.repair()
        assert repaired
        assert refused == []
        assert await self.found() == []
        await self.story.drain()
        run = await self.story.run(self.run_id)
        if run.status is RunStatus.needs_attention:
            await self.story.retry(self.run_id)
        for request in await self.story.open(self.run_id):
            await self.story.decide(request)
        await self.story.later(seconds=40)
        assert (await self.story.run(self.run_id)).status is RunStatus.done
        assert self.paid == [5]
        assert await self.found() == []


@pytest.fixture(params=["sqlite", "postgres"])
async def case(request, make_story, backdoor):
    story = make_story(request.param)
    return Case(story, backdoor(story.address))


async def test_a_row_of_a_request_is_written_anew(case):
    request = await case.begin()
    case.reword(request)
    with pytest.raises(RecordAltered):
        await case.story.vote(request)
    (found,) = await case.found()
    assert "is not what its log says" in found
    assert "doctor --repair" in found
    await case.assert_mended()
    assert "restored" in await case.story.types(request.id)


@pytest.mark.parametrize("column", ["tenant", "run_id", "status", "opened_at", "due_at", "version"])
async def test_a_row_of_a_request_that_is_filed_wrongly_is_written_anew(case, column):
    await case.begin()
    value = {"status": "expired", "version": 1}.get(column, 7 if column.endswith("_at") else "another")
    case.door.sql(f"UPDATE requests SET {column} = ?", value)
    if column == "tenant":
        case.door.sql("DELETE FROM requests")
    await case.assert_mended()


@pytest.mark.parametrize("table", ["requests", "runs"])
async def test_a_row_that_is_gone_is_written_anew(case, table):
    await case.begin()
    case.door.sql(f"DELETE FROM {table}")
    assert any("is gone" in found for found in await case.found())
    await case.assert_mended()


@pytest.mark.parametrize("changed", [{"reference": "other:agent"}, {"input": 1}, {"initiator": "eve"}, {"pause": []}])
async def test_I1_a_row_of_a_run_that_was_altered_does_nothing_until_it_is_written_anew(case, changed):
    request = await case.begin()
    case.rewrite("runs", case.run_id, **changed)
    await case.story.vote(request)
    await case.story.drain()
    run = await case.story.run(case.run_id)
    assert (run.status, run.attention, case.paid) == (RunStatus.needs_attention, "record_altered", [])
    await case.story.retry(case.run_id)  # handing it over has written it anew already
    assert case.paid == [5]


async def test_I1_an_altered_run_is_neither_cancelled_nor_let_go_on(case):
    await case.begin()
    case.rewrite("runs", case.run_id, initiator="local:eve")
    with pytest.raises(RecordAltered):
        await case.story.system.runs.cancel(case.run_id, principal("local:eve"), "mine")
    await case.assert_mended()


async def test_I4_a_job_that_is_gone_is_found_and_asked_for_again(case):
    await case.queued()
    case.door.sql("DELETE FROM jobs")
    (found,) = await case.found()
    assert "has no job" in found
    await case.assert_mended()


async def test_I4_a_run_that_was_queued_by_a_fast_clock_is_found_and_set_right(case):
    case.story.clock.advance(days=1)
    await case.queued()
    case.story.clock.advance(days=-1)
    await case.story.drain()
    assert (await case.story.run(case.run_id)).status is RunStatus.queued
    (found,) = await case.found()
    assert "is due only at" in found
    assert "clock was wrong" in found
    await case.assert_mended()


async def test_I4_a_lease_that_never_ends_is_found_and_taken_away(case):
    request = await case.begin()
    await case.story.vote(request)
    far = micros(case.story.clock.at + timedelta(days=80_000))
    case.door.sql("UPDATE runs SET lease_owner = 'eve', lease_until = ?", far)
    await case.story.drain()
    assert case.paid == []
    assert any("has a lease on it" in found for found in await case.found())
    await case.assert_mended()


async def test_I4_a_step_that_begins_in_the_future_is_found_and_begins_now(case):
    case.story.clock.advance(days=1)
    request = await case.begin()
    case.story.clock.advance(days=-1)
    assert any("begins in the future" in found for found in await case.found())
    await case.repair()
    after = await case.story.request(request.id)
    assert after.step_since == case.story.clock.at
    assert after.due_at == request.due_at - timedelta(days=1)
    assert await case.found() == []


async def test_only_operators_set_times_right(case):
    case.story.clock.advance(days=1)
    await case.begin()
    case.story.clock.advance(days=-1)
    repaired, refused = await case.repair("eve@example.com")
    assert repaired == []
    assert "operators may" in refused[0]


async def test_a_trigger_that_was_dropped_or_replaced_is_found_and_made_anew(case):
    await case.begin()
    case.door.open_the_log()
    assert any("refuses changes of the log" in found for found in await case.found())
    if not case.door.on_server:
        case.door.sql("CREATE TRIGGER log_refuses_update BEFORE UPDATE ON log BEGIN SELECT 1; END")
        assert len([found for found in await case.found() if "log_refuses_update" in found]) == 1
    await case.assert_mended()
    with pytest.raises(case.door.refusals, match="append-only"):
        case.door.sql("DELETE FROM log")


OTHER_GUARDS = {
    "under a condition": "UPDATE OR DELETE OR TRUNCATE ON log FOR EACH STATEMENT WHEN (false)",
    "of one column": "UPDATE OF position OR DELETE OR TRUNCATE ON log FOR EACH STATEMENT",
    "not of TRUNCATE": "UPDATE OR DELETE ON log FOR EACH STATEMENT",
    "of each row": "UPDATE OR DELETE ON log FOR EACH ROW",
}


@pytest.mark.parametrize("how", OTHER_GUARDS)
async def test_a_guard_of_the_same_name_that_refuses_less_is_found_and_made_anew(make_story, backdoor, how):
    story = make_story("postgres")
    case = Case(story, backdoor(story.address))
    await case.begin()
    case.door.open_the_log()
    made = f"BEFORE {OTHER_GUARDS[how]} EXECUTE FUNCTION log_refuses_change()"
    case.door.sql(f"CREATE TRIGGER log_refuses_change {made}")
    case.door.sql("ALTER TABLE log ENABLE ALWAYS TRIGGER log_refuses_change")
    assert len([found for found in await case.found() if "refuses changes of the log" in found]) == 1
    await case.assert_mended()
    with pytest.raises(case.door.refusals, match="append-only"):
        case.door.sql("UPDATE log SET seq = seq")


@pytest.mark.parametrize("tenant", ["default", "elsewhere"])
async def test_I11_entries_of_a_stream_that_nobody_opened_are_found(case, tenant):
    request = await case.begin()
    ours = "epoch, xact, " if case.door.on_server else ""
    rest = f"SELECT {ours}'{tenant}', 'req_unknown', seq, body, leaf FROM log WHERE stream = ?"
    case.door.sql(f"INSERT INTO log ({ours}tenant, stream, seq, body, leaf) {rest}", request.id)
    assert any("req_unknown" in found for found in await case.found())
    repaired, _ = await case.repair()
    assert repaired == []


async def test_I1_a_policy_that_was_changed_under_its_hash_is_found(case):
    request = await case.begin()
    case.door.sql("UPDATE policies SET body = ?", b"{}")
    assert any(request.route.policy_hash in found for found in await case.found())
    case.door.sql("DELETE FROM policies")
    assert any("is gone" in found and request.route.policy_hash in found for found in await case.found())


@pytest.mark.sampled(4)
@pytest.mark.parametrize("garbage", [b"", b"{", b"null", b"[]", b"\xff\xfe"])
@pytest.mark.parametrize("table", ["requests", "runs"])
async def test_a_row_that_cannot_be_read_is_written_anew(case, table, garbage):
    await case.begin()
    case.door.sql(f"UPDATE {table} SET body = ?", garbage)
    assert await case.found()
    await case.assert_mended()


async def test_a_log_that_was_altered_cannot_be_mended(case):
    request = await case.begin()
    case.door.open_the_log()
    case.door.sql("UPDATE log SET body = ? WHERE stream = ?", b"{}", request.id)
    repaired, _ = await case.repair()
    assert [one.mend for one in repaired] == ["guard"] * len(repaired)
    assert any("backup" in found for found in await case.found())


async def test_a_repair_changes_nothing_where_nothing_is_wrong(case):
    request = await case.begin()
    await case.story.decide(request)
    assert await case.repair() == ([], [])
    assert (await case.story.request(request.id)).effect is EffectState.executed


async def test_a_job_of_no_run_is_found_and_taken_away_by_a_worker(case):
    await case.begin()
    due = micros(case.story.clock.at)
    case.door.sql("INSERT INTO jobs VALUES ('default', 'advance', 'run_nobodys', ?, 1, NULL)", due)
    (found,) = await case.found()
    assert "which is no run" in found
    await case.story.drain()
    assert await case.found() == []


# ── what SQLite keeps, whatever its columns are for ──


@pytest.fixture
async def file_case(make_story, backdoor):
    story = make_story("sqlite")
    return Case(story, backdoor(story.address))


async def another_goes_on(case):
    """Carry a run beside it from its beginning to its end."""
    paid = len(case.paid)
    run_id = await case.story.go(case.story.chain(case.act))
    (request,) = await case.story.open(run_id)
    await case.story.decide(request)
    assert len(case.paid) == paid + 1
    case.paid.clear()


UNREADABLE_RUNS = {
    "a job due before time began": "UPDATE jobs SET due_at = -9223372036854775808",
    "a job due after time ends": "UPDATE jobs SET due_at = 9223372036854775806",
    "a job due in words": "UPDATE jobs SET due_at = 'soon'",
    "a job whose generation is a word": "UPDATE jobs SET generation = 'abc'",
    "a lease that ends in words": "UPDATE runs SET lease_owner = 'x', lease_until = 'abc'",
    "a lease that ends after time": "UPDATE runs SET lease_owner = 'x', lease_until = 9223372036854775807",
}


@pytest.mark.parametrize("what", UNREADABLE_RUNS)
async def test_I13_a_job_or_lease_that_is_no_time_stops_nobody_else_and_is_mended(file_case, what):
    request = await file_case.begin()
    await file_case.story.vote(request)
    file_case.door.sql(UNREADABLE_RUNS[what])
    await another_goes_on(file_case)
    if await file_case.found():
        await file_case.assert_mended()
    else:  # a worker has met it, and handed the run to a person
        assert (await file_case.story.retry(file_case.run_id)).status is RunStatus.done
        assert file_case.paid == [5]


UNREADABLE_ROWS = {
    "an id of bytes": "UPDATE requests SET id = x'ff', wake_at = 5",
    "an id that is no text": "UPDATE requests SET id = CAST(x'ff' AS TEXT), wake_at = 5",
    "a body that is no text": "UPDATE requests SET body = CAST(x'ff' AS TEXT), wake_at = 5",
    "a body that is a number": "UPDATE requests SET body = 5, wake_at = 5",
}


@pytest.mark.parametrize("what", UNREADABLE_ROWS)
async def test_I13_a_row_that_cannot_be_read_and_is_due_stops_nobody_else(file_case, what):
    await file_case.begin()
    file_case.door.sql(UNREADABLE_ROWS[what])
    await another_goes_on(file_case)
    assert await file_case.found()
    await file_case.repair()
    left = [one for one in await audit_record(file_case.story.store) if one.mend is not None]
    assert left == []
    file_case.run_id = (await file_case.story.open())[0].run_id
    file_case.door.sql("DELETE FROM requests WHERE typeof(id) <> 'text' OR id = CAST(x'ff' AS TEXT)")
    for request in await file_case.story.open():
        await file_case.story.decide(request)
    assert file_case.paid == [5]


@pytest.mark.parametrize("state", ["CAST(x'ff' AS TEXT)", "5"])
async def test_a_state_that_is_no_bytes_is_found(file_case, state):
    await file_case.begin()
    file_case.door.sql(f"UPDATE states SET state = {state}")
    assert any("stored state" in found for found in await file_case.found())


# ── copies ──


async def test_a_copy_of_a_row_stops_nobody_and_is_taken_away(case):
    request = await case.begin()
    columns = "tenant, run_id, agent, status, effect, interrupt_id, opened_at, due_at, version, body, wake_at, action"
    case.door.sql(f"INSERT INTO requests (id, {columns}) SELECT id || 'x', {columns} FROM requests")
    (found,) = await case.found()
    assert f"{request.id}x is a copy of another's" in found
    await case.story.decide(request)
    assert case.paid == [5]
    repaired, refused = await case.repair()
    assert (len(repaired), refused) == (1, [])
    assert await case.found() == []


async def test_a_live_worker_keeps_its_run_when_its_lease_is_shortened(case):
    request = await case.begin()
    await case.story.vote(request)
    lease = Lease("worker:1", case.story.clock.at + timedelta(days=400))
    loaded = await case.story.store.load("default", run_id=case.run_id)
    begun = begin(loaded.job, loaded, LeaseHolder(Actor("service:worker", "worker"), lease, 0.0))
    await case.story.store.commit(begun.changes)
    version = (await case.story.run(case.run_id)).version
    repaired, refused = await case.repair()
    assert {one.mend for one in repaired} == {"lease"}
    assert refused == []
    record = await case.story.record(case.run_id)
    assert (record.run.version, record.lease.owner) == (version, "worker:1")
    assert record.lease.until == case.story.clock.at + timedelta(seconds=30)
    assert await case.found() == []
    await case.story.later(seconds=31)
    assert case.paid == [5]


async def begin_to_advance(case, lease):
    """Take the run up as a worker does, and give no further sign."""
    loaded = await case.story.store.load("default", run_id=case.run_id)
    holder = LeaseHolder(Actor("service:worker", "worker"), lease, 0.0)
    await case.story.store.commit(begin(loaded.job, loaded, holder).changes)


async def test_what_goes_on_between_the_reads_of_an_audit_is_no_alteration(case, monkeypatch):
    request = await case.begin()
    store, begun = case.story.store, []
    lease = Lease("worker:1", case.story.clock.at + timedelta(seconds=30))
    real = type(store).load

    async def load(self, tenant, ids=(), **others):
        found = await real(self, tenant, ids, **others)
        if not begun:
            begun.append(request)
            await case.story.vote(request)
            await begin_to_advance(case, lease)
        return found

    monkeypatch.setattr(type(store), "load", load)
    assert await case.repair() == ([], [])
    assert begun
    assert (await case.story.record(case.run_id)).lease == lease


async def test_a_run_that_a_worker_took_up_since_the_audit_is_not_taken_from_it(case, monkeypatch):
    request = await case.begin()
    await case.story.vote(request)
    case.door.sql("UPDATE runs SET agent = 'another'")
    lease = Lease("worker:1", case.story.clock.at + timedelta(seconds=30))
    await begin_to_advance(case, lease)
    repaired, (refused,) = await case.repair()
    assert repaired == []
    assert "A worker carries" in refused
    assert (await case.story.record(case.run_id)).lease == lease
    case.story.clock.advance(seconds=31)
    await case.assert_mended()


ALTERED_UNDER_A_WORKER = {
    "another input": lambda case: case.rewrite("runs", case.run_id, input=1),
    "a row that is gone": lambda case: case.door.sql("DELETE FROM runs"),
    "a row that cannot be read": lambda case: case.door.sql("UPDATE runs SET body = ?", b"{"),
    "another owner": lambda case: case.door.sql("UPDATE runs SET lease_owner = 'eve', agent = 'another'"),
    "no job": lambda case: case.door.sql("UPDATE jobs SET kind = 'notify'"),
}


@pytest.mark.parametrize("what", ALTERED_UNDER_A_WORKER)
async def test_I2_a_run_that_was_altered_while_a_worker_is_at_it_is_not_taken_from_it(case, what):
    request = await case.begin()
    await case.story.vote(request)
    await begin_to_advance(case, Lease("worker:1", case.story.clock.at + timedelta(seconds=30)))
    ALTERED_UNDER_A_WORKER[what](case)
    _, (refused, *_) = await case.repair()
    assert "A worker carries" in refused
    assert (await case.story.types(case.run_id))[-1] == "advance_began"
    case.story.clock.advance(seconds=31)
    await case.assert_mended()


async def test_I2_a_worker_takes_no_altered_run_from_another_one_that_is_at_it(case):
    request = await case.begin()
    await case.story.vote(request)
    await begin_to_advance(case, Lease("worker:1", case.story.clock.at + timedelta(seconds=30)))
    case.rewrite("runs", case.run_id, input=1)
    case.door.sql("UPDATE jobs SET due_at = 5")
    await case.story.drain()
    assert (await case.story.types(case.run_id))[-1] == "advance_began"
    await case.story.later(seconds=31)
    assert (await case.story.types(case.run_id))[-1] == "attention_needed"


async def test_I2_a_lease_that_somebody_made_up_keeps_nobody_from_repairing(case):
    request = await case.begin()
    await case.story.vote(request)
    await begin_to_advance(case, Lease("worker:1", case.story.clock.at + timedelta(seconds=30)))
    case.story.clock.advance(seconds=31)
    until = micros(case.story.clock.at + timedelta(minutes=30))
    case.door.sql("UPDATE runs SET agent = 'another', lease_owner = 'eve', lease_until = ?", until)
    await case.assert_mended()


# ── what belongs to no run, and what somebody has added ──


async def test_a_deadline_that_a_closed_request_never_had_is_found_and_goes(case):
    request = await case.begin()
    await case.story.decide(request)
    assert await case.found() == []
    case.door.sql("UPDATE requests SET due_at = due_at + 1")
    (found,) = await case.found()
    assert "keeps a deadline that it never had" in found
    repaired, refused = await case.repair()
    assert (len(repaired), refused) == (1, [])
    assert await case.found() == []


async def test_a_state_of_no_run_is_found(case):
    await case.begin()
    case.door.sql("INSERT INTO states SELECT tenant, 'run_nobodys', digest, state FROM states")
    (found,) = await case.found()
    assert "run_nobodys, which is no run" in found


async def test_a_state_whose_run_lost_its_row_is_not_called_nobodys(case):
    await case.begin()
    case.door.sql("DELETE FROM runs")
    assert not any("which is no run" in found for found in await case.found())


ADDED = {
    "sqlite": [
        'CREATE TRIGGER "it""s" BEFORE INSERT ON log BEGIN SELECT RAISE(IGNORE); END',
        "CREATE TRIGGER swallows BEFORE UPDATE ON ReQuests BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER adds AFTER INSERT ON jobs BEGIN UPDATE runs SET version = 9; END",
    ],
    "postgres": [
        "CREATE RULE swallows AS ON INSERT TO log DO INSTEAD NOTHING",
        'CREATE RULE "it\'s" AS ON UPDATE TO requests DO INSTEAD NOTHING',
        "CREATE TRIGGER adds BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE POLICY hides ON requests USING (false)",
        "ALTER TABLE requests ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE runs FORCE ROW LEVEL SECURITY",
    ],
}


@pytest.mark.parametrize(("kind", "made"), [(kind, made) for kind, all_made in ADDED.items() for made in all_made])
async def test_what_somebody_has_added_to_the_tables_is_found_with_what_takes_it_away(make_story, backdoor, kind, made):
    story = make_story(kind)
    case = Case(story, backdoor(story.address))
    await case.begin()
    case.door.sql(made)
    (found,) = await case.found()
    assert "Somebody has added" in found
    case.door.sql(found.split("`")[1])
    assert await case.found() == []


async def test_I4_a_request_whose_row_was_gone_when_its_run_was_cancelled_is_taken_back(case):
    request = await case.begin()
    case.door.sql("DELETE FROM requests")
    await case.story.system.runs.cancel(case.run_id, case.story.me, "enough")
    repaired, refused = await case.repair()
    assert ([one.mend for one in repaired], refused) == (["request", "left open"], [])
    assert await case.found() == []
    assert (await case.story.types(request.id))[-2:] == ["restored", "withdrawn"]


@pytest.mark.parametrize("put_back", [True, False])
async def test_I4_a_request_that_was_altered_when_its_run_was_cancelled_is_taken_back(case, put_back):
    request = await case.begin()
    whole = bytes(case.door.sql("SELECT body FROM requests WHERE id = ?", request.id)[0][0])
    case.reword(request)
    await case.story.system.runs.cancel(case.run_id, case.story.me, "enough")
    if put_back:
        case.door.sql("UPDATE requests SET body = ?", whole)
    assert any("is open, though its run has ended" in found for found in await case.found())
    await case.repair()
    assert await case.found() == []
    assert await case.story.open(case.run_id) == []
    assert (await case.story.types(request.id))[-1] == "withdrawn"


# ── what is due and cannot be carried out ──

MANY = 40
"""More than a worker reads at once."""


async def test_I4_deadlines_of_many_altered_requests_keep_no_other_from_ending(case):
    policy = await case.begin()
    for _ in range(2):
        await case.story.go(case.story.chain(case.act))
    case.story.clock.advance(seconds=1)
    run_id = await case.story.go(case.story.chain(case.act))
    (honest,) = await case.story.open(run_id)
    columns = "tenant, run_id, agent, status, effect, interrupt_id, opened_at, due_at, version, wake_at, action"
    for number in range(MANY):
        case.door.sql(
            f"INSERT INTO requests (id, body, {columns}) SELECT ?, body, {columns} FROM requests WHERE id = ?",
            f"req_copy{number}",
            policy.id,
        )
    case.door.sql("UPDATE requests SET wake_at = 5 WHERE id <> ?", honest.id)
    case.story.clock.at = honest.due_at
    await case.story.drain()
    assert (await case.story.request(honest.id)).status == "expired"


@pytest.mark.parametrize("kind", ["advance", "notify"])
async def test_I4_many_jobs_that_nobody_can_carry_out_keep_no_run_from_beginning(case, kind):
    await case.begin()
    subject = "run_{}" if case.door.on_server or kind == "notify" else "run_\0{}"
    for number in range(MANY):
        values = (kind, subject.format(number), 5)
        case.door.sql("INSERT INTO jobs VALUES ('default', ?, ?, ?, 1, NULL)", *values)
    run_id = await case.story.go(case.story.chain(case.act))
    (request,) = await case.story.open(run_id)
    await case.story.decide(request)
    assert case.paid == [5]


async def test_I4_many_runs_with_leases_that_never_end_keep_no_other_from_beginning(case):
    for _ in range(MANY):
        await case.queued()
    far = micros(case.story.clock.at + timedelta(days=80_000))
    case.door.sql("UPDATE runs SET lease_owner = 'eve', lease_until = ?", far)
    case.story.clock.advance(seconds=1)
    run_id = await case.story.go(case.story.chain(case.act))
    assert len(await case.story.open(run_id)) == 1


async def test_a_job_of_a_kind_that_nobody_carries_out_is_taken_away_once(case):
    request = await case.begin()
    await case.story.vote(request)
    case.door.sql("UPDATE jobs SET kind = 'notify'")
    assert [found.split()[:5] for found in await case.found()] == [
        [case.run_id, "has", "no", "job,", "so"],
        ["There", "is", "a", "job", "of"],
    ]
    await case.assert_mended()
    assert await case.repair() == ([], [])


# ── jobs of runs that have ended ──


async def test_a_job_of_a_run_that_was_cancelled_while_a_worker_is_at_it_is_no_alteration(case):
    request = await case.begin()
    await case.story.vote(request)
    await begin_to_advance(case, Lease("worker:1", case.story.clock.at + timedelta(seconds=30)))
    await case.story.system.runs.cancel(case.run_id, case.story.me, "enough")
    assert await case.found() == []
    case.story.clock.advance(seconds=60)
    assert await case.found() == []
    case.story.clock.advance(minutes=3)
    (found,) = await case.found()
    assert "There is a job for" in found
    await case.story.drain()
    assert await case.found() == []

"""I2, I3, I12: a log of which entries were removed is told from a whole one, and no row is written anew from it."""

import contextlib
import json

import pytest

from interlock import Action, ask
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.engine.audit import audit_record
from interlock.engine.repair import repair
from interlock.errors import InterlockError
from interlock.testing.people import principal

MISSING = "Entries of the log are missing"


class Cut:
    """A run whose node fails after it has done what it was approved, and somebody who removes entries of the log."""

    def __init__(self, story, door):
        self.story, self.door, self.paid = story, door, []
        self.run_id, self.fails = "", True

    def act(self, state):
        decision = ask(Action("pay", {"amount": 5}))
        if decision.approved:
            decision.perform(self.pay)
        if self.fails:
            raise ValueError("not yet")
        return {"out": [str(decision.outcome)]}

    def pay(self, amount):
        self.paid.append(amount)

    async def begin(self):
        self.run_id = await self.story.go(self.story.chain(self.act))
        return await self.story.asked()

    async def decide(self, verdict):
        """Let the request be decided, and the node fail after it; return the request as it is then."""
        request = await self.begin()
        await self.story.decide(request, verdict, "because")
        assert await audit_record(self.story.store) == []
        return await self.story.request(request.id)

    def remove(self, stream, seqs):
        self.door.open_the_log()
        for seq in seqs:
            self.door.sql("DELETE FROM log WHERE stream = ? AND seq = ?", stream, seq)

    def remove_row(self, table, key):
        self.door.sql(f"DELETE FROM {table} WHERE id = ?", key)

    async def found(self):
        return [str(one) for one in await audit_record(self.story.store)]

    async def repaired(self):
        """Repair, and return what was repaired but for the triggers."""
        repaired, _ = await repair(self.story.store, self.story.system.desk, principal("local:me"))
        return [one.mend for one in repaired if one.mend != "guard"]

    async def work(self, request):
        """Let everybody do what they would do: approve, and carry on; more than once."""
        self.fails = False
        for _ in range(2):
            with contextlib.suppress(InterlockError):
                await self.story.vote(request)
            await self.story.later(seconds=100)
            with contextlib.suppress(InterlockError):
                await self.story.retry(self.run_id)

    async def assert_left_alone(self, request, name, *, paid):
        """Find what is missing, repair no row, and see that nothing happens again, not even by those who try."""
        assert any(MISSING in one and name in one for one in await self.found()), await self.found()
        assert not {"request", "run", "stray request", "stray run"} & set(await self.repaired())
        await self.work(request)
        assert self.paid == paid
        assert any(MISSING in one and name in one for one in await self.found())


@pytest.fixture(params=["sqlite", "postgres"])
async def cut(request, make_story, backdoor):
    story = make_story(request.param)
    return Cut(story, backdoor(story.address))


WHICH = {
    "the last": lambda last: [last],
    "the last two": lambda last: [last - 1, last],
    "all but the first two": lambda last: range(3, last + 1),
    "all but the first": lambda last: range(2, last + 1),
    "one in the middle": lambda last: [2],
    "the first": lambda last: [1],
    "all": lambda last: range(1, last + 1),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("which", WHICH)
async def test_I2_an_executed_effect_does_not_happen_again_when_entries_of_it_were_removed(cut, which):
    request = await cut.decide("approve")
    assert (request.effect, cut.paid) == (EffectState.executed, [5])
    cut.remove(request.id, WHICH[which](request.version))
    await cut.assert_left_alone(request, request.id, paid=[5])


@pytest.mark.sampled(4)
@pytest.mark.parametrize("which", WHICH)
async def test_I3_a_rejected_request_is_not_open_again_when_entries_of_it_were_removed(cut, which):
    request = await cut.decide("reject")
    assert request.status is Status.rejected
    cut.remove(request.id, WHICH[which](request.version))
    await cut.assert_left_alone(request, request.id, paid=[])


@pytest.mark.sampled(4)
@pytest.mark.parametrize("which", WHICH)
async def test_I12_a_run_is_not_written_anew_from_a_log_of_which_entries_were_removed(cut, which):
    request = await cut.decide("approve")
    cut.remove(cut.run_id, WHICH[which]((await cut.story.run(cut.run_id)).version))
    await cut.assert_left_alone(request, cut.run_id, paid=[5])


@pytest.mark.parametrize("change", ["requests SET due_at = 7", "requests SET version = 2", "requests SET id = 'other'"])
async def test_I12_a_row_that_was_altered_beside_it_still_says_how_long_its_log_was(cut, change):
    request = await cut.decide("approve")
    cut.remove(request.id, range(3, request.version + 1))
    cut.door.sql(f"UPDATE {change}")
    await cut.assert_left_alone(request, request.id, paid=[5])


async def test_I12_a_run_whose_column_was_lowered_is_not_handed_to_a_person_by_a_shorter_log(cut):
    request = await cut.decide("approve")
    version = (await cut.story.run(cut.run_id)).version
    cut.remove(cut.run_id, [version])
    cut.door.sql("UPDATE runs SET version = ?", version - 1)
    await cut.assert_left_alone(request, cut.run_id, paid=[5])


def garble(body, left):
    return b"\xff\xfe"


def empty(body, left):
    return b"{}"


def lower(body, left):
    return json.dumps(json.loads(body) | {"version": left}).encode()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("left", [1, 2, 3])
@pytest.mark.parametrize("rewrite", [garble, empty, lower])
async def test_I2_a_worker_does_not_carry_a_run_on_whose_log_was_cut_and_its_row_rewritten(cut, rewrite, left):
    request = await cut.decide("approve")
    cut.remove(cut.run_id, range(left + 1, (await cut.story.run(cut.run_id)).version + 1))
    ((body,),) = cut.door.sql("SELECT body FROM runs")
    cut.door.sql("UPDATE runs SET version = ?, body = ?", left, rewrite(bytes(body), left))
    cut.door.sql("DELETE FROM states")
    await cut.work(request)
    assert len(await cut.story.types(cut.run_id)) == left
    assert await cut.story.open() == []
    await cut.assert_left_alone(request, cut.run_id, paid=[5])


@pytest.mark.parametrize("loads", [True, False])
async def test_a_request_of_several_whose_row_is_gone_is_not_taken_for_one_that_lost_entries(cut, loads):
    def one(state):
        return {"out": [str(ask(Action("one", {})).outcome)]}

    def two(state):
        return {"out": [str(ask(Action("two", {})).outcome)]}

    cut.run_id = await cut.story.start(cut.story.register(cut.story.fan(one, two)))
    stays, goes = await cut.story.open()
    cut.remove_row("requests", goes.id)
    agents = cut.story.system.registry._loaded
    agent = (await cut.story.run(cut.run_id)).reference
    kept = agents[agent] if loads else agents.pop(agent)
    await cut.story.vote(stays)
    for _ in range(8):
        await cut.story.later(seconds=100)
    agents[agent] = kept
    await cut.story.later(seconds=100)
    run = await cut.story.run(cut.run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "record_altered")
    assert goes.id in run.note
    assert not [one for one in await cut.found() if MISSING in one]
    assert await cut.repaired() == ["request"]
    assert await cut.found() == []
    await cut.story.retry(cut.run_id)
    await cut.story.decide(await cut.story.request(goes.id))
    assert (await cut.story.run(cut.run_id)).output == {"out": ["approved", "approved"]}


@pytest.mark.parametrize("verdict", ["approve", "reject"])
async def test_I3_without_its_row_the_runs_log_says_that_a_request_was_decided(cut, verdict):
    request = await cut.decide(verdict)
    cut.remove(request.id, range(3, request.version + 1))
    cut.remove_row("requests", request.id)
    await cut.assert_left_alone(request, request.id, paid=[5] if verdict == "approve" else [])


async def test_I12_a_request_of_which_nothing_is_left_is_named_by_its_runs_log(cut):
    request = await cut.decide("approve")
    cut.remove(request.id, range(1, request.version + 1))
    cut.remove_row("requests", request.id)
    await cut.assert_left_alone(request, request.id, paid=[5])


@pytest.mark.parametrize("left", [0, 1, 3])
async def test_I12_without_its_row_its_requests_say_how_long_a_runs_log_was(cut, left):
    request = await cut.decide("approve")
    cut.remove(cut.run_id, range(left + 1, (await cut.story.run(cut.run_id)).version + 1))
    cut.remove_row("runs", cut.run_id)
    await cut.assert_left_alone(request, cut.run_id, paid=[5])


@pytest.mark.parametrize("row", ["gone", "rewritten"])
async def test_I12_on_sqlite_the_positions_say_that_entries_are_missing_of_which_no_row_speaks(
    make_story, backdoor, row
):
    story = make_story("sqlite")
    cut = Cut(story, backdoor(story.address))
    request = await cut.begin()
    await cut.story.vote(request)
    before = cut.door.sql("SELECT * FROM requests")[0]
    await cut.story.drain()
    after = await cut.story.request(request.id)
    cut.remove(request.id, [after.version - 1, after.version])  # that it was claimed, and executed
    cut.remove_row("requests", request.id)
    if row == "rewritten":
        cut.door.sql(f"INSERT INTO requests VALUES ({', '.join('?' for _ in before)})", *before)
    assert any("2 entries of the log are missing" in one for one in await cut.found())
    assert await cut.repaired() == []
    if row == "gone":
        await cut.work(request)
        assert cut.paid == [5]


def raise_the_version(door, other, stream):
    door.sql("UPDATE requests SET version = version + 2 WHERE id = ?", other)


def number_an_entry_3(door, other, stream):
    body = "SELECT tenant, 'nobody', 3, body, leaf FROM log WHERE stream = ? AND seq = 1"
    door.sql(f"INSERT INTO log (tenant, stream, seq, body, leaf) {body}", other)


def make_a_row_up(door, other, stream):
    values = "tenant, 'req_made', run_id, agent, status, effect, interrupt_id, opened_at, due_at, 2, body, NULL, action"
    values += ", asks, reference, decided_at, ended, level"
    door.sql(f"INSERT INTO requests SELECT {values} FROM requests WHERE id = ?", other)


def make_its_row_up(door, other, stream):
    values = f"tenant, '{stream}', run_id, agent, status, effect, interrupt_id, opened_at, due_at, 2, x'7b7d', 5"
    values += ", action, asks, reference, decided_at, ended, level"
    door.sql(f"INSERT INTO requests SELECT {values} FROM requests WHERE id = ?", other)


@pytest.mark.parametrize("hide", [raise_the_version, number_an_entry_3, make_a_row_up, make_its_row_up])
async def test_I2_a_shortage_that_was_made_up_does_not_hide_what_is_missing_elsewhere(make_story, backdoor, hide):
    story = make_story("sqlite")
    cut = Cut(story, backdoor(story.address))
    await cut.story.go(cut.story.chain(cut.act))
    other = await cut.story.asked()
    cut.run_id = await cut.story.go(cut.story.chain(cut.act))
    (request,) = await cut.story.open(cut.run_id)
    await cut.story.decide(request)
    last = (await cut.story.request(request.id)).version
    assert cut.paid == [5]
    cut.remove(request.id, [last - 1, last])  # that it was claimed, and executed
    cut.remove_row("requests", request.id)
    hide(cut.door, other.id, request.id)
    assert any("of the log are missing, as the positions say" in one for one in await cut.found())
    assert await cut.repaired() == []
    await cut.work(request)
    assert cut.paid == [5]


@pytest.mark.parametrize("table", ["requests", "runs"])
async def test_on_sqlite_a_version_that_was_raised_is_not_taken_for_missing_entries(make_story, backdoor, table):
    story = make_story("sqlite")
    cut = Cut(story, backdoor(story.address))
    request = await cut.begin()
    cut.door.sql(f"UPDATE {table} SET version = 99")
    found = await cut.found()
    assert found
    assert not [one for one in found if MISSING in one]
    assert await cut.repaired() == [table.removesuffix("s")]
    assert await cut.found() == []
    await cut.story.decide(request)
    assert cut.paid == [5]


async def test_I12_what_is_rolled_back_leaves_no_gap(cut):
    request = await cut.begin()
    for _ in range(3):
        with contextlib.suppress(InterlockError):
            await cut.story.vote(request, who="nobody@example.com")
        with contextlib.suppress(cut.door.refusals):
            cut.door.sql(
                "INSERT INTO log (tenant, stream, seq, body, leaf) SELECT tenant, stream, seq, body, leaf FROM log"
            )
    await cut.story.decide(request)
    assert await cut.found() == []


async def test_a_run_is_cancelled_though_entries_of_its_request_are_missing(cut):
    request = await cut.begin()
    cut.remove(request.id, [2])
    assert any("cancel its run" in one for one in await cut.found())
    run = await cut.story.system.runs.cancel(cut.run_id, cut.story.me, "it was cut")
    assert run.status is RunStatus.cancelled
    await cut.work(request)
    assert cut.paid == []


async def test_other_rows_are_repaired_though_entries_of_one_request_are_missing(cut):
    request = await cut.decide("approve")
    cut.remove(request.id, [request.version])
    cut.fails = False
    await cut.story.go(cut.story.chain(cut.act))
    (other,) = [one for one in await cut.story.open() if one.id != request.id]
    cut.door.sql("UPDATE requests SET due_at = 7 WHERE id = ?", other.id)
    assert await cut.repaired() == ["request"]
    await cut.story.decide(await cut.story.request(other.id))
    assert cut.paid == [5, 5]

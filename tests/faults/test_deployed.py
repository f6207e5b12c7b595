"""I1, I2, I8, I16, fault 12: one process asks, others decide, edit, alter and deploy; the sink counts what ran."""

import asyncio
import getpass
import signal

import driver
import pytest

from interlock.testing.invariants import assert_invariants, whole_log

POLICY = """
groups:
  owners: [local:{me}]
  others: [somebody@example.com]
policies:
  payments:
    facts:
      amount: {{from: args.amount, type: integer, min: 0}}
    initiator_may_approve: true
    levels:
      - {{name: small, when: amount < 10, steps: [{{ask: [group:owners]}}]}}
      - {{name: large, steps: [{{ask: [group:others]}}]}}
"""
ACTS = 'return {"result": ask(Action("pay", {"amount": state["amount"]})).perform(pay)}'
WANDERS = (  # as a node does that calls its model in the same breath
    "    import pathlib\n"
    "    told = pathlib.Path(os.environ['SINK'] + '.told')\n"
    "    amount = int(told.read_text()) if told.exists() else state['amount']\n"
    "    return {'result': ask(Action('pay', {'amount': amount})).perform(pay)}"
)
AGENT = "payer.py"
ON_BOTH = pytest.mark.parametrize("machine", ["sqlite", "postgres"], indirect=True)


def tell(machine, amount):
    """Make the model say another amount from now on."""
    (machine.folder / "sink.told").write_text(str(amount))


def approve(machine, request_id, *more, **how):
    return machine.interlock("approve", request_id, "--yes", *more, **how)


async def assert_held(machine):
    built = driver.system(machine.database)
    try:
        await assert_invariants(built.store)
    finally:
        await built.close()


# ── edits ──


@ON_BOTH
async def test_S3_I1_a_reviewers_edit_is_executed_as_edited(machine):
    run_id, request_id = machine.paused(machine.deploy(AGENT))
    machine.interlock("edit", request_id, "--set", "amount:=3", "--yes")
    assert machine.status(run_id) == ("done", None)
    assert machine.amounts() == [3]
    await assert_held(machine)


@ON_BOTH
async def test_I8_an_edit_that_raises_the_level_waits_for_the_people_of_that_level(machine):
    (machine.folder / "interlock.yaml").write_text(POLICY.format(me=getpass.getuser()))
    run_id, request_id = machine.paused(machine.deploy(AGENT))
    machine.interlock("edit", request_id, "--set", "amount:=50", "--yes")
    assert machine.status(run_id) == ("paused", None)
    refused = approve(machine, request_id, code=3)
    assert "may not decide" in refused.err, refused
    machine.interlock("edit", request_id, "--set", "amount:=2", "--yes", code=3)  # and not back down by one who edited
    assert machine.amounts() == []
    await assert_held(machine)


# ── alterations after the approval ──


def alter_state(door, run_id, request_id):
    ((state,),) = door.sql("SELECT state FROM states WHERE run_id = ?", run_id)
    changed = state.replace(b"\xa6amount\x05", b"\xa6amount\x09")  # msgpack: a text of six bytes, then a small number
    assert changed != state
    door.sql("UPDATE states SET state = ? WHERE run_id = ?", changed, run_id)


def alter_row(door, run_id, request_id):
    ((body,),) = door.sql("SELECT body FROM requests WHERE id = ?", request_id)
    changed = bytes(body).replace(b'"amount":5', b'"amount":9')
    assert changed != body
    door.sql("UPDATE requests SET body = ? WHERE id = ?", changed, request_id)


def alter_log(door, run_id, request_id):
    door.open_the_log()
    rows = door.sql("SELECT position, body FROM log WHERE stream = ?", request_id)
    changed = [(bytes(body).replace(b'"amount":5', b'"amount":9'), position) for position, body in rows]
    assert {bytes(body) for _, body in rows} != {body for body, _ in changed}
    for body, position in changed:
        door.sql("UPDATE log SET body = ? WHERE position = ?", body, position)


@ON_BOTH
@pytest.mark.parametrize("alteration", [alter_state, alter_row, alter_log])
def test_I1_what_is_altered_in_the_database_after_the_approval_is_not_executed(machine, backdoor, alteration):
    run_id, request_id = machine.paused(machine.deploy(AGENT))
    approve(machine, request_id, "--no-advance")
    alteration(backdoor(machine.database), run_id, request_id)
    machine.interlock("work", "--once", code=None)
    assert machine.amounts() == []
    assert machine.status(run_id) == ("needs_attention", "record_altered")


# ── a model that says something else on replay ──


@ON_BOTH
async def test_I8_other_arguments_on_replay_before_the_effect_are_asked_anew(machine):
    run_id, request_id = machine.paused(machine.deploy(AGENT, [("    " + ACTS, WANDERS)]))
    tell(machine, 7)
    approve(machine, request_id)
    assert machine.amounts() == []
    (asked,) = machine.json("requests", "list")["requests"]
    assert (asked["asked"]["args"], asked["replaces"]) == ({"amount": 7}, request_id)
    approve(machine, asked["id"])
    assert machine.status(run_id) == ("done", None)
    assert (machine.amounts(), machine.calls()) == ([7], [asked["id"]])
    await assert_held(machine)


@pytest.mark.parametrize("place", ["effect.claimed", "effect.called", "effect.recorded"])
async def test_I2_other_arguments_on_replay_after_the_effect_began_open_nothing(machine, place):
    run_id, request_id = machine.paused(machine.deploy(AGENT, [("    " + ACTS, WANDERS)]))
    approve(machine, request_id, failpoints=f"{place}=kill", code=-signal.SIGKILL)
    tell(machine, 7)
    machine.interlock("work", "--once", ahead=60.0, code=None)  # past the lease, which a server's own clock would end
    assert machine.status(run_id) == ("needs_attention", "arguments_changed")
    assert machine.amounts() == ([] if place == "effect.claimed" else [5])
    assert machine.json("requests", "list")["requests"] == []
    await assert_held(machine)


# ── deployed anew while runs are paused ──

MANY = [pytest.param(20, id="twenty"), pytest.param(1_000, id="thousand", marks=pytest.mark.soak)]
RENAMED = [('add_node("act"', 'add_node("acts"'), ('"plan", "act")', '"plan", "acts")'), ('"act", END', '"acts", END')]
INSERTED = [
    ("    " + ACTS, '    if not ask(Action("really", {})).approved:\n        return {"result": "no"}\n    ' + ACTS)
]
ADDED = [
    ('graph.add_edge("act", END)', 'graph.add_node("audit", audit)\ngraph.add_edge("act", "audit")'),
    ("agent = Agent(graph)", 'graph.add_edge("audit", END)\nagent = Agent(graph)'),
]
DEPLOYED = [
    pytest.param(RENAMED, {"version_mismatch"}, id="a node is renamed"),
    pytest.param(ADDED, {"version_mismatch"}, id="a node is added"),
    pytest.param(INSERTED, {"paused"}, id="an ask is inserted"),
    pytest.param([("Agent(graph)", 'Agent(graph, version="2")')], {"version_mismatch"}, id="the version is raised"),
]


@pytest.mark.sampled(8)
@ON_BOTH
@pytest.mark.parametrize("many", MANY)
@pytest.mark.parametrize(("changes", "stand"), DEPLOYED)
async def test_fault_12_I16_deployed_anew_while_many_are_paused(machine, changes, stand, many):
    reference = machine.deploy(AGENT)
    built = driver.system(machine.database)
    for amount in range(many):
        await built.runs.start("payer", reference, {"input": amount}, driver.ME)
    await built.worker().drain()
    await driver.approve_everything(built)
    await built.close()
    machine.deploy(AGENT, changes)
    await asyncio.to_thread(machine.interlock, "work", "--once", code=None)
    runs = machine.json("runs", "list", "--limit", "10000")["runs"]
    assert len(runs) == many
    assert {run["attention"] or run["status"] for run in runs} == stand
    assert machine.amounts() == []
    machine.deploy(AGENT)  # the earlier one is put back: nothing was lost
    (last,) = [run for run in runs if run["input"] == {"input": many - 1}]
    if stand == {"version_mismatch"}:
        machine.interlock("runs", "retry", last["id"])
        assert machine.status(last["id"]) == ("done", None)
        assert machine.amounts() == [many - 1]
    else:
        asked = {entry.event.ask.subject.name for entry in await log(machine) if entry.event.type == "opened"}
        assert asked == {"pay", "really"}
    await assert_held(machine)


async def log(machine):
    built = driver.system(machine.database)
    try:
        return await whole_log(built.store)
    finally:
        await built.close()

"""What is of DynamoDB alone: the table, large values, the bounds of a transaction; and a whole run by its address."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from tests.aws_stand_ins import client_of
from tests.integration.unruly_dynamodb import Unruly

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote
from interlock.domain.run import RunStatus
from interlock.domain.run_events import RunCancelled, RunPaused
from interlock.engine.integrity import digest_of_state
from interlock.engine.ports.store import RequestFilter
from interlock.errors import BadInput, InvalidConfig, StoreTooNew, StoreUnavailable
from interlock.storage import open_store
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.address import Address
from interlock.testing.samples import TENANT, Asked, begun, changes, decided, opened, run_then, started

ME = Principal("local:me", "person", "default", "test")
AGENT = """
from typing import TypedDict

from interlock import Action, Agent, ask
from langgraph.graph import END, START, StateGraph

class State(TypedDict, total=False):
    input: str
    result: str

def gate(state):
    decision = ask(Action("pay", {"to": state["input"]}))
    return {"result": decision.perform(lambda to: f"paid {to}") if decision.approved else "not paid"}

agent = Agent(StateGraph(State).add_node("gate", gate).add_edge(START, "gate").add_edge("gate", END))
"""
CONFIGURATION = """
database: {url: "%s"}
default: {initiator_may_approve: true, levels: [{steps: [{ask: ["role:reviewer"]}]}]}
"""


async def test_a_whole_run_on_a_table_that_is_never_scanned(new_table, tmp_path):
    (tmp_path / "payer.py").write_text(AGENT)
    (tmp_path / "interlock.yaml").write_text(CONFIGURATION % new_table())
    settings = load_settings(tmp_path / "interlock.yaml", {})
    first = build(settings, {})
    first.store._table.client = unruly = Unruly(first.store._table.client)
    run = await first.runs.start("payer", f"{tmp_path}/payer.py:agent", {"input": "ACME"}, ME)
    await first.worker().drain()
    (request,) = await first.store.requests("default", RequestFilter())
    await first.desk.handle(CastVote(request.id, Verdict.approve, request.digest), ME)
    assert (await first.store.audit()).misfiled == []
    assert unruly.calls.count("scan") == 1
    await first.close()

    second = build(settings, {})
    second.store._table.client = unruly = Unruly(second.store._table.client)
    await second.worker().drain()
    ended = (await second.store.load("default", run_id=run.id)).run.run
    assert (ended.status, ended.output) == (RunStatus.done, {"input": "ACME", "result": "paid ACME"})
    assert "scan" not in unruly.calls
    found = await second.store.audit()
    assert (found.misfiled, found.strangers, found.lost) == ([], [], 0)
    await second.close()


def test_a_table_is_made_once_and_is_one_of_ours(new_table, clock):
    address = new_table()
    with pytest.raises(InvalidConfig, match="no table"):
        open_store(address, clock, create=False)
    store = open_store(address, clock)
    client, table = store._table.client, store._table.name
    ends = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (ends["TimeToLiveStatus"], ends["AttributeName"]) == ("ENABLED", keys.ENDS)
    open_store(address, clock, create=False)
    store._table.put(keys.note("layout")._asdict() | {"kind": "note", "value": "2"})
    with pytest.raises(StoreTooNew, match="layout 2"):
        open_store(address, clock)
    other = new_table()
    key = {"AttributeName": "id", "KeyType": "HASH"}
    definitions = [{"AttributeName": "id", "AttributeType": "S"}]
    client.create_table(
        TableName=Address.of(other).table,
        KeySchema=[key],
        AttributeDefinitions=definitions,
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(InvalidConfig, match="no index about, age"):
        open_store(other, clock)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "ab",
        "a b",
        "interlock/path",
        "interlock?regio=x",
        "interlock?region=",
        "interlock?region=a&region=b",
        "a@b#c",
    ],
)
def test_an_address_that_is_none_is_refused(wrong):
    with pytest.raises(InvalidConfig, match="dynamodb://TABLE"):
        open_store(f"dynamodb://{wrong}")


def test_a_region_is_needed(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(BadInput, match="AWS_DEFAULT_REGION"):
        open_store("dynamodb://interlock")


@pytest.mark.parametrize("bucket", ["", "interlock-large"])
async def test_large_values_are_apart_and_come_back_whole(new_table, clock, bucket):
    address = new_table()
    endpoint = parse_qs(urlsplit(address).query)["endpoint"][0]
    s3 = client_of(endpoint, "s3")
    if bucket:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    store = open_store(f"{address}&bucket={bucket}" if bucket else address, clock)
    large, state = "x" * 200_000, os.urandom(1_000_000)
    run = started("run_1", clock.at)
    request = opened("req_1", clock.at, Asked(args={"to": large}))
    await store.commit(changes(run, request))
    held = begun(run.after, clock.at)
    await store.commit(changes(held))
    paused = run_then(held.after, RunPaused((), digest_of_state(state), "1", clock.at), state=state)
    await store.commit(changes(paused))
    loaded = await store.load(TENANT, ["req_1"], run_id="run_1")
    assert loaded.requests["req_1"] == request.after
    assert loaded.run.state == state
    assert [entry.event for entry in await store.feed(TENANT)][:2] == list(request.events)
    assert len(await store.requests(TENANT, RequestFilter())) == 1
    kept = _apart(store, s3, bucket)
    assert len(kept) > 2
    ended = run_then(paused.after, RunCancelled("ann", "enough", clock.at))
    await store.commit(changes(replace(ended, drops=(digest_of_state(state),))))
    gone = kept - _apart(store, s3, bucket)
    assert {name.split("/")[1] for name in gone} == {"run_1"}
    assert await store.state(TENANT, "run_1", digest_of_state(state)) is None
    await store.commit(changes(decided(request.after, clock.at)))
    await store.close()


def _apart(store, s3, bucket):
    """Return the names of what is kept apart, which begin with the partition of their item."""
    if bucket:
        return {one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", ())}
    return {item["pk"].removeprefix("blob/").replace("%2F", "/") for item in store._table.scan() if "part" in item}


async def test_what_somebody_took_away_from_the_bucket_is_told(new_table, clock):
    store = open_store(new_table(), clock)
    await store.commit(changes(opened("req_1", clock.at, Asked(args={"to": "x" * 200_000}))))
    for item in list(store._table.scan()):
        if "part" in item:
            store._table.delete(keys.key_of(item))
    with pytest.raises(Exception, match="large value of acme/req_1"):
        await store.load(TENANT, ["req_1"])
    await store.close()


async def test_a_pause_asks_for_forty_things_and_for_more_it_is_told(new_table, clock):
    store = open_store(new_table(), clock)
    many = [opened(f"req_{number}", clock.at, Asked(interrupt_id=f"i_{number}")) for number in range(40)]
    await store.commit(changes(started("run_1", clock.at), *many))
    assert len((await store.load(TENANT, run_id="run_1")).requests) == 40
    with pytest.raises(BadInput, match="100 items in a transaction"):
        await store.commit(changes(*_others(clock, 60)))
    assert len(await store.feed(TENANT, limit=1000)) == 81
    await store.close()


def _others(clock, number):
    return [opened(f"other_{one}", clock.at, Asked(interrupt_id=f"o_{one}")) for one in range(number)]


async def test_long_names_are_found_by_their_whole_text(new_table, clock):
    store = open_store(new_table(), clock)
    long = "\N{FOX FACE}" * 199
    await store.commit(changes(opened("req_1", clock.at, Asked(reference=f"{long}1", action=f"{long}a"))))
    await store.commit(changes(opened("req_2", clock.at, Asked(reference=f"{long}2", action=f"{long}b"))))

    async def found(**wanted):
        return {one.id for one in await store.requests(TENANT, RequestFilter((), **wanted))}

    assert await found(reference=f"{long}1") == {"req_1"}
    assert await found(reference_prefix=long) == {"req_1", "req_2"}
    assert await found(reference_prefix=f"{long}2") == {"req_2"}
    assert [
        one.id
        for one in (await store.window(TENANT, f"{long}b", clock.at.min.replace(tzinfo=clock.at.tzinfo), 9)).requests
    ] == ["req_2"]
    await store.close()


async def test_no_name_is_taken_for_that_of_a_large_value(new_table, clock):
    store = open_store(new_table(), clock)
    request = opened("apart", clock.at, Asked(agent="apart", run_id="apart_run", interrupt_id="apart"))
    await store.commit(changes(request))
    assert (await store.load(TENANT, ["apart"])).requests == {"apart": request.after}
    assert await store.open_requests(TENANT, "apart", 9) == 1
    assert (await store.asked_at(TENANT, "apart_run", ["apart"])) == [request.after]
    await store.close()


KILLED = """
import asyncio, sys
from interlock import failpoints
from interlock.storage import open_store
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import changes, job, opened, started

async def main(address, point):
    clock = SettableClock()
    store = open_store(address, clock)
    failpoints.configure(f"{point}=kill")
    wanted = (job("run_1", clock.at),)
    await store.commit(changes(opened("req_1", clock.at), started("run_1", clock.at), enqueue=wanted))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.sampled(2)
@pytest.mark.parametrize(("point", "there"), [("store.before_commit", 0), ("store.after_commit", 1)])
async def test_a_process_that_is_killed_has_committed_all_or_nothing(new_table, clock, point, there):
    """I10."""
    address = new_table()
    store = open_store(address, clock)
    command = [sys.executable, "-c", KILLED, address, point]
    done = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    loaded = await store.load(TENANT, ["req_1"], run_id="run_1")
    jobs = (await store.agenda()).jobs
    assert [len(loaded.requests), loaded.run is not None, len(await store.feed(TENANT)), len(jobs)] == [
        there,
        bool(there),
        3 * there,
        there,
    ]
    await store.commit(changes(opened("req_2", clock.at)))
    await store.close()


async def test_a_store_that_is_away_is_told_as_such(clock, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(StoreUnavailable, match="cannot be looked at"):
        open_store("dynamodb://interlock?region=eu-central-1&endpoint=http://127.0.0.1:9", clock)

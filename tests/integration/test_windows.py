"""Ten purchases just under the limit in one instant: by tasks over every store, by processes over one file."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.model.fixtures import TENANT
from tests.model.system import SystemUnderTest

from interlock.domain.action import Action
from interlock.domain.authority import Directory
from interlock.domain.commands import Withdraw
from interlock.domain.events import Opened
from interlock.domain.facts import Fact
from interlock.domain.policy import Level, Policy, Step
from interlock.engine.ports.policies import PolicySet
from interlock.storage import open_store
from interlock.storage.memory import MemoryStore
from interlock.testing.fakes import SettablePolicies
from interlock.testing.invariants import assert_invariants, whole_log
from interlock.testing.people import principal
from interlock.testing.scripts import Move, Script, Tool
from interlock.testing.store_base import in_threads

PETTY = Policy(
    name="purchases",
    facts={"amount": Fact(("amount",), "decimal")},
    levels=(
        Level("petty cash", "amount < 1000 && recent_24h.sum.amount + amount < 3000", automatic=True),
        Level("manager", None, (Step(("group:managers",)),)),
    ),
)
POLICIES = PolicySet((PETTY,), PETTY, Directory({"managers": frozenset({"mia"})}, local_roles=False))
BUYS = Move((Action("purchase", {"amount": "999.99"}),), Tool())


def story(store, clock):
    made = SystemUnderTest("store", store, clock, SettablePolicies(POLICIES))
    made.runtime.scripts["buys"] = Script((((BUYS,),),))
    made.runtime.scripts["buys four at once"] = Script((((BUYS,), (BUYS,), (BUYS,), (BUYS,)),))
    return made


async def start(one, script="buys", agent="buyer"):
    await one.runs.start(agent, script, None, principal("ian", tenant=TENANT))


async def levels(store):
    opened = [entry.event for entry in await whole_log(store, TENANT) if isinstance(entry.event, Opened)]
    return sorted(event.route.level for event in opened)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def store(request, tmp_path, clock):
    match request.param:
        case "memory":
            opened = MemoryStore(clock)
        case "sqlite":
            opened = open_store(str(tmp_path / "interlock.db"), clock)
        case _:
            opened = open_store(request.getfixturevalue("postgres").fresh(), clock)
    yield opened
    await opened.close()


async def test_ten_agents_in_one_instant_share_one_petty_cash(store, clock):
    one = story(store, clock)
    for _ in range(10):
        await start(one)
    jobs = (await store.agenda()).jobs
    await in_threads(*(lambda job=job: one.worker.runner.carry_out(job) for job in jobs))
    assert await levels(store) == [0] * 3 + [1] * 7
    await assert_invariants(store, TENANT)


NAMES = ("till", "agents.py:buyer", "/srv/agents.py:buyer", "buyer", "Till")


async def test_however_the_agent_is_called_there_is_one_petty_cash(store, clock):
    one = story(store, clock)
    for number in range(10):
        await start(one, agent=NAMES[number % len(NAMES)])
    jobs = (await store.agenda()).jobs
    await in_threads(*(lambda job=job: one.worker.runner.carry_out(job) for job in jobs))
    assert await levels(store) == [0] * 3 + [1] * 7
    await assert_invariants(store, TENANT)


async def test_a_crowd_is_served_one_after_the_other(store, clock):
    one = story(store, clock)
    for _ in range(40):
        await start(one)
    jobs = (await store.agenda()).jobs
    carried = await in_threads(*(lambda job=job: one.worker.runner.carry_out(job) for job in jobs))
    assert carried == [True] * 40
    assert await levels(store) == [0] * 3 + [1] * 37


async def test_four_asked_in_one_pause_count_one_another(store, clock):
    one = story(store, clock)
    await start(one, "buys four at once")
    (job,) = (await store.agenda()).jobs
    await one.worker.runner.carry_out(job)
    assert await levels(store) == [0, 0, 0, 1]


async def test_what_came_to_nothing_does_not_count(store, clock):
    one = story(store, clock)
    for _ in range(4):
        await start(one)
        for job in (await store.agenda()).jobs:
            await one.worker.runner.carry_out(job)
    assert await levels(store) == [0, 0, 0, 1]
    waiting = [request async for request in _open(one)]
    assert len(waiting) == 1
    await one.desk.handle(Withdraw(waiting[0].id, "no"), principal("ian", tenant=TENANT))
    window = await store.window(TENANT, "purchase", clock.at.replace(year=2025), 100)
    assert len(window.requests) == 3


async def _open(one):
    for key in await one.inbox():
        yield (await one.requests([key]))[key]


PROCESS = """
import asyncio, dataclasses, sys
sys.path.insert(0, sys.argv[2])
from test_windows import story, start
from interlock.storage import open_store
from interlock.testing.fakes import SettableClock

async def main():
    clock = SettableClock()
    store = open_store(sys.argv[1], clock)
    one = story(store, clock)
    one.worker.runner._options = dataclasses.replace(one.worker.runner._options, name="worker" + sys.argv[3])
    print("ready", flush=True)
    sys.stdin.readline()
    while jobs := (await store.agenda()).jobs:
        for job in jobs:
            await one.worker.runner.carry_out(job)
    await store.close()

asyncio.run(main())
"""


def racer(path, number):
    """Begin a process that waits for its start, then carries out whatever is due."""
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(path), str(Path(__file__).parent), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_ten_in_one_instant_by_racing_processes(tmp_path, clock):
    path = tmp_path / "interlock.db"
    store = open_store(str(path), clock)
    one = story(store, clock)
    for _ in range(10):
        await start(one)
    await store.close()
    children = [racer(path, number) for number in range(3)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        _, err = child.communicate(timeout=300)
        assert child.returncode == 0, err
    store = open_store(str(path), clock)
    assert await levels(store) == [0] * 3 + [1] * 7
    await assert_invariants(store, TENANT)
    await store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("forged", ["a smaller amount", "garbage"])
async def test_I11_a_window_counts_what_the_logs_say(request, backdoor, clock, kind, forged):
    """What was bought before is not made smaller by whoever can write into its row."""
    folder = request.getfixturevalue("tmp_path")
    url = str(folder / "interlock.db") if kind == "sqlite" else request.getfixturevalue("postgres").fresh()
    store, door = open_store(url, clock), backdoor(url)
    one = story(store, clock)
    for _ in range(3):
        await start(one)
        await one.worker.drain()
    for key, body in door.sql("SELECT id, body FROM requests"):
        smaller = bytes(body).replace(b"999.99", b"000.99") if forged == "a smaller amount" else b"{"
        door.sql("UPDATE requests SET body = ? WHERE id = ?", smaller, key)
    await start(one)
    await one.worker.drain()
    assert await levels(store) == [0, 0, 0, 1]
    await store.close()

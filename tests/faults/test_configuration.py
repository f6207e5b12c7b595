"""A configuration that is broken, half saved, emptied or gone while something runs changes nothing for what runs."""

import asyncio
import re

import driver
import pytest

GOOD = """\
default:
  levels: [{name: two eyes, steps: [{ask: ["anyone with role reviewer"], within: 1h}]}]
  initiator_may_approve: true
"""
SPOILED = {
    "broken": lambda file: file.write_text(f"{GOOD}  oops: [\n"),
    "half saved": lambda file: file.write_text(GOOD[: GOOD.index("steps")]),
    "emptied": lambda file: file.write_text(""),
    "gone": lambda file: file.unlink(),
}
WAITS = """\
    open(os.environ["SINK"] + f".{state['input']}.on", "a").close()
    while not os.path.exists(os.environ["SINK"] + f".{state['input']}.go"):
        time.sleep(0.01)
    return {"amount"
"""


@pytest.fixture
def configured(machine):
    file = machine.folder / "interlock.yaml"
    file.write_text(GOOD)
    waits = (("import os\n", "import os\nimport time\n"), ('    return {"amount"', WAITS.rstrip("\n")))
    return file, machine.deploy("payer.py", waits)


@pytest.fixture
async def built(machine):
    """Yield the system as a process has it that reads no such file."""
    built = driver.system(machine.database)
    yield built
    await built.close()


async def eventually(look):
    """Wait until an asynchronous condition holds."""
    async with asyncio.timeout(driver.PATIENCE):
        while not await look():
            await asyncio.sleep(0.02)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", SPOILED)
async def test_a_run_pauses_by_the_last_good_one_and_nothing_is_counted(machine, configured, built, until, how):
    file, agent = configured
    run = await built.runs.start("payer", agent, {"input": "5"}, driver.ME)
    worker, said = machine.serve()
    until(lambda: driver.exists(f"{machine.sink}.5.on"))
    SPOILED[how](file)
    driver.append(f"{machine.sink}.5.go", "")

    async def stands(status):
        loaded = await built.store.load("default", run_id=run.id)
        return loaded.run.run.status == status

    await eventually(lambda: stands("paused"))
    until(lambda: "The last good configuration holds" in said())
    file.write_text(GOOD)
    until(lambda: "The configuration is valid again" in said())
    assert said().count("The last good configuration holds") == 1
    opened, *_, note = requests(machine)
    assert opened["event"]["route"]["policy"] == "default"
    assert note["event"]["type"] == "configuration_held"
    assert "interlock.yaml" in note["event"]["problem"]
    assert [event["type"] for event in machine.entries(run.id)] == ["run_started", "advance_began", "run_paused"]
    machine.interlock("approve", opened["stream"], "--yes", "--no-advance", code=None)
    await eventually(lambda: stands("done"))
    assert machine.amounts() == [5]
    assert [entry["event"]["type"] for entry in requests(machine)].count("configuration_held") == 1
    machine.stop(worker)


def requests(machine):
    return [entry for entry in machine.logged() if entry["stream"].startswith("req_")]


def test_doctor_says_what_is_broken_and_that_what_runs_goes_on(machine, configured):
    file, _ = configured
    machine.interlock("doctor")
    file.write_text(f"{GOOD}  oops: [\n")
    ran = machine.interlock("doctor", code=8)
    told = " ".join(ran.out.split())
    assert re.search(r"interlock\.yaml:\d+: the file is not YAML", told)
    assert "What runs already goes on with the last good one" in told

"""Whoever follows may be killed at any time: nothing is lost, and what may be told twice is said to be."""

import json
import signal
import time

import driver
import pytest
import shell

from interlock.service.following import concerns_people

KILLED = -signal.SIGKILL
ON_BOTH = pytest.mark.parametrize("machine", ["sqlite", "postgres"], indirect=True)


def until(condition):
    """Wait until a condition holds."""
    end = time.monotonic() + driver.PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.01)


class Followers:
    """Processes that follow one channel, and what they have told."""

    def __init__(self, machine, door):
        self.machine = machine
        self.door = door
        self.outputs = []

    def begin(self, *options, failpoints=""):
        number = len(self.outputs)
        self.outputs.append(self.machine.folder / f"told{number}")
        files = str(self.outputs[-1]), str(self.machine.folder / f"said{number}")
        environ = self.machine.environ | {"INTERLOCK_FAILPOINTS": failpoints}
        arguments = ("requests", "follow", "--channel", "on-call", "--json", *options)
        return self.machine.run(shell.interlock, arguments, str(self.machine.folder), environ, files, 0.0)

    def begin_when_the_lease_is_over(self):
        self.door(self.machine.database).sql("UPDATE cursors SET lease_until = 1 WHERE lease_until IS NOT NULL")
        return self.begin()

    def told(self, number):
        path = self.outputs[number]
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def names(self, number, *, again=None):
        found = self.told(number)
        return [(one["stream"], one["seq"]) for one in found if again is None or one["again"] is again]


async def wanted(machine):
    """Return what people must be told, in order."""
    built = driver.system(machine.database)
    entries = await built.store.feed("default", limit=10_000)
    await built.close()
    return [(entry.stream, entry.seq) for entry in entries if concerns_people(entry)]


@pytest.fixture
def followers(machine, backdoor):
    return Followers(machine, backdoor)


@pytest.mark.sampled(2)
@ON_BOTH
async def test_killed_between_telling_and_writing_that_down_loses_nothing(machine, followers):
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "verifiable"))
    expected = await wanted(machine)
    assert len(expected) >= 4  # asked, a step, a vote, a decision
    machine.wait(followers.begin("--from-start", failpoints="channel.told=kill"), codes=(KILLED,))
    assert followers.names(0) == expected
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "verifiable"))
    later = followers.begin_when_the_lease_is_over()
    everything = await wanted(machine)
    until(lambda: len(followers.names(1)) == len(everything))
    machine.stop(later)
    assert (followers.names(1), followers.names(1, again=True)) == (everything, expected)
    last = followers.begin_when_the_lease_is_over()
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "verifiable"))
    rest = (await wanted(machine))[len(everything) :]
    until(lambda: len(followers.names(2)) == len(rest))
    machine.stop(last)
    assert (followers.names(2), followers.names(2, again=True)) == (rest, [])


@ON_BOTH
async def test_killed_before_anything_is_told_loses_nothing(machine, followers):
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "verifiable"))
    process = followers.begin("--from-start")
    until(lambda: followers.names(0))
    process.kill()
    machine.wait(process, codes=(KILLED,))
    later = followers.begin_when_the_lease_is_over()
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "verifiable"))
    everything = await wanted(machine)
    until(lambda: {*followers.names(0), *followers.names(1)} == {*everything})
    machine.stop(later)
    assert {*followers.names(0)} & {*followers.names(1, again=False)} == set()


@ON_BOTH
async def test_two_processes_on_one_channel_tell_each_entry_once(machine, followers):
    machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "verifiable"))
    both = [followers.begin("--from-start")]
    until(lambda: followers.names(0))
    both.append(followers.begin())
    for _ in range(4):
        machine.wait(machine.run(driver.cycle, machine.database, machine.sink, "verifiable"))
    everything = await wanted(machine)
    until(lambda: len(followers.names(0) + followers.names(1)) >= len(everything))
    for process in both:
        machine.stop(process)
    assert sorted(followers.names(0) + followers.names(1)) == sorted(everything)
    assert followers.names(0, again=True) + followers.names(1, again=True) == []

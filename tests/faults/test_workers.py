"""What goes wrong around a worker: its output, its database, a child that an agent forks."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import driver
import pytest

from interlock.domain.run import RunStatus
from interlock.errors import StoreReplaced

REPLACED = 6  # the exit code for the database


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_what_nobody_reads_is_dropped_and_fails_no_attempt(machine, until, options):
    """As with `interlock work | head -1`: the reader goes after the first line."""
    (run_id,) = await machine.start(machine.deploy("talker.py"))
    pipe = str(machine.folder / "pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    worker = machine.working(*options, out=pipe, err=pipe)
    until(lambda: readable(reader))
    os.close(reader)
    (run,) = await machine.until_all([run_id], lambda run: run.status is RunStatus.done)
    assert run.attempts == 0
    os.kill(worker.pid, signal.SIGTERM)
    machine.wait(worker)


def aside(machine):
    """Move the database away, with the files that belong to it."""
    for part in ("", "-wal", "-shm"):
        Path(machine.database + part).rename(f"{machine.folder}/old.db{part}")


def readable(reader):
    try:
        return os.read(reader, 1)
    except BlockingIOError:
        return b""


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_full_disk_for_what_is_shown_fails_no_attempt(machine, options):
    (run_id,) = await machine.start(machine.deploy("talker.py"))
    machine.wait(machine.working("--once", *options, out="/dev/full", err="/dev/full"))
    (run,) = await machine.see(run_id)
    assert (run.status, run.attempts) == (RunStatus.done, 0)


@pytest.mark.parametrize("then", ["removed", "replaced"])
def test_a_worker_whose_database_is_not_there_any_more_says_so_and_stops(machine, until, then):
    worker = machine.working()
    until(lambda: "Working" in machine.said("out"))
    if then == "replaced":  # at once: between two steps, the worker would find that it is not there
        copy = machine.folder / "copy.db"
        copy.write_bytes(Path(machine.database).read_bytes())
        copy.rename(machine.database)
    else:
        aside(machine)
    machine.wait(worker, codes=(REPLACED,))
    assert f"was {then}" in machine.said("err")


async def test_a_worker_commits_nothing_to_a_file_that_was_replaced(machine):
    """The one process holds the old file; what another starts is in the new one, and is not the old one's."""
    old = driver.system(machine.database)
    await driver.start(old, "neither")
    aside(machine)
    new = driver.system(machine.database)
    await driver.start(new, "neither")
    with pytest.raises(StoreReplaced, match="was replaced"):
        await driver.start(old, "neither")
    with pytest.raises(StoreReplaced):
        await old.worker().drain()
    await old.close()
    await new.close()
    kept = driver.system(str(machine.folder / "old.db"))
    assert [run.status for run in await machine.runs(kept)] == [RunStatus.queued]
    await kept.close()


async def test_a_child_that_a_node_forks_ends_with_the_node(machine):
    """`os.wait` in the node returns because the child is gone; it has neither paid again nor carried anything on."""
    machine.environ["FORK"] = "1"
    (run_id,) = await machine.start(machine.deploy("talker.py"))
    machine.wait(machine.working("--once"))
    (run,) = await machine.see(run_id)
    assert run.status is RunStatus.done
    assert len(driver.lines(machine.sink)) == 1
    assert machine.said("out").count(" done\n") == 1


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_reader_that_stands_still_holds_no_worker_up(machine, options):
    """As with a logger that was stopped: nobody reads a byte of 3,000 lines."""
    many = ('    progress("planning")\n', '    for _ in range(3_000):\n        progress("planning " * 10)\n')
    (run_id,) = await machine.start(machine.deploy("talker.py", [many]))
    pipe = str(machine.folder / "pipe")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    worker = machine.working(*options, out=pipe, err=pipe)
    await machine.until_all([run_id], lambda run: run.status is RunStatus.done)
    os.kill(worker.pid, signal.SIGTERM)
    machine.wait(worker)
    os.close(reader)


async def test_a_thread_that_a_node_leaves_does_not_keep_the_process(machine):
    thread = "    threading.Thread(target=time.sleep, args=(100_000,)).start()\n"
    changes = [
        ("import os\n", "import os\nimport threading\nimport time\n"),
        ("    return {}\n", thread + "    return {}\n"),
    ]
    (run_id,) = await machine.start(machine.deploy("talker.py", changes))
    console = "import atexit, sys; from interlock.cli import main; atexit.register(print, 'ended'); sys.exit(main())"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", console, "work", "--once"],
        cwd=machine.folder,
        env=os.environ | machine.environ,
        timeout=driver.PATIENCE,
        capture_output=True,
        check=True,
    )
    assert b"nothing else is due" in done.stdout
    assert done.stdout.endswith(b"ended\n"), "what others have registered for the end of the process was left out"
    (run,) = await machine.see(run_id)
    assert run.status is RunStatus.done


async def test_I4_a_run_whose_nodes_sleep_holds_up_no_other_run_and_no_stop(machine, until):
    """As many plain nodes sleep as there are threads; then the first SIGTERM ends the worker."""
    slow = machine.deploy("sleeper.py", name="slow")
    (slow_id,) = await machine.start(slow)
    worker, said = machine.serve(grace=0.1)
    until(lambda: driver.lines(machine.sink))
    quick_ids = await machine.start(*[slow.replace(":slow", ":quick")] * 3)
    await machine.until_all(quick_ids, lambda run: run.status is RunStatus.done)
    (run,) = await machine.see(slow_id)
    assert run.status is RunStatus.running
    machine.stop(worker)
    assert "1 run had not come to a pause" in said()
    (run,) = await machine.see(slow_id)
    assert run.status is RunStatus.running  # and is taken up when its lease has ended

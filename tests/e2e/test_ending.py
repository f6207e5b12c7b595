"""How a command ends whose terminal, whose output or whose database goes away."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import INTERLOCK, PATIENCE, Command

PROMPT = r"Approve\? \(yes/no/modify\): "


def slow(command):
    return command.agent("slow")


def let_go(command):
    (command.folder / "go").touch()


def hang_up(command, child):
    """Close the terminal while a tool is called, then let the tool return; return how the process ended."""
    command.until(lambda: command.sink, "the tool is called")
    child.ptyproc.fileobj.close()
    child.closed = child.ptyproc.closed = True
    let_go(command)
    command.until(lambda: not child.ptyproc.isalive(), "the process ends")
    return child.ptyproc.exitstatus


def effect_of(command, request):
    return command.json("requests", "show", request)["effect"]["state"]


@pytest.mark.usefixtures("fresh")
def test_closing_the_terminal_of_a_worker_finishes_and_records_what_is_under_way(command: Command):
    run, request = command.paused("slow")
    assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    child = command.spawn("work")
    assert hang_up(command, child) == 0
    assert effect_of(command, request) == "executed"
    assert command.json("runs", "show", run)["status"] == "done"
    assert len(command.sink) == 1


@pytest.mark.usefixtures("fresh")
def test_closing_the_terminal_of_a_run_finishes_and_records_what_is_under_way(command: Command):
    child = command.spawn("run", slow(command), "a book")
    child.expect(PROMPT)
    child.sendline("yes")
    assert hang_up(command, child) in {0, 7}
    (run,) = command.json("runs", "list")["runs"]
    assert run["status"] == "done"
    assert len(command.sink) == 1


def test_a_worker_that_was_started_to_outlive_its_terminal_does(command: Command):
    """As by `nohup`: SIGHUP is ignored already, and stays so."""
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$0" work --json', str(INTERLOCK)]
    worker = subprocess.Popen(ignoring, cwd=command.folder, env=command.env, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert "working" in worker.stdout.readline()
    worker.send_signal(signal.SIGHUP)
    assert command.run("run", command.agent("payer"), "a book", "--detach").returncode == 7
    (run,) = command.json("runs", "list")["runs"]
    command.until(lambda: command.json("runs", "show", run["id"])["status"] == "paused", "somebody carries it on")
    worker.send_signal(signal.SIGTERM)
    rest, _ = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert "stopped" in rest


@pytest.mark.usefixtures("fresh")
def test_a_terminal_whose_database_is_removed_says_so_and_ends(command: Command):
    child = command.spawn("run", command.agent("payer"), "a book")
    child.expect(PROMPT)
    Path(command.folder / "test.db").unlink()
    child.expect(r"was\s+removed")
    assert command.ended(child) == 6


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_a_worker_without_standard_streams_works(command: Command, closed):
    run, request = command.paused()
    assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    shell = ["sh", "-c", f'exec "$0" work --once {closed}', str(INTERLOCK)]
    assert subprocess.run(shell, cwd=command.folder, env=command.env, timeout=PATIENCE, check=False).returncode == 0
    assert command.json("runs", "show", run)["status"] == "done"
    assert len(command.sink) == 1


def test_a_command_whose_output_is_the_point_says_that_it_cannot_be_written(command: Command):
    shell = ["sh", "-c", 'exec "$0" agents list >/dev/full', str(INTERLOCK)]
    done = subprocess.run(
        shell, cwd=command.folder, env=command.env, timeout=PATIENCE, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "What this command says cannot be written: No space left on device." in done.stderr


POOL = """
import multiprocessing
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask


class State(TypedDict, total=False):
    input: Any
    result: Any


def pay(amount: int) -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [-amount, amount])


def node(state: State) -> State:
    decision = ask(Action("pay", {"amount": 5}))
    return {"result": decision.perform(pay) if decision.approved else "no"}


agent = Agent(StateGraph(State).add_node("node", node).add_edge(START, "node").add_edge("node", END))
"""


@pytest.mark.usefixtures("fresh")
def test_a_pool_of_processes_in_a_tool_ends_neither_the_run_nor_its_terminal(command: Command):
    """Its children are ended by SIGTERM, which must not reach the process that they were forked from."""
    (command.folder / "pool.py").write_text(POOL)
    done = command.run("run", "pool.py:agent", "x", given="yes\n")
    assert done.returncode == 0, done
    assert "Finishing" not in done.stdout + done.stderr
    (run,) = command.json("runs", "list")["runs"]
    assert run["status"] == "done"


FORKED = """
import asyncio, os, signal

os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))  # before any of ours is run there

from interlock.cli.forked_children import HANDLED


async def main():
    heard = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, heard.append, "told")
    HANDLED.add(signal.SIGTERM)
    child = os.fork()
    if child == 0:
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    await asyncio.sleep(0.05)
    print(ended, heard)


asyncio.run(main())
"""


def test_a_signal_that_reaches_a_child_at_once_ends_it_and_is_not_told_to_its_parent():
    """A pool ends its children as soon as it has them: one that had lost its signal was waited for for ever."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == f"{-signal.SIGTERM} []\n"

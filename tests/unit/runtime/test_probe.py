"""A try of an import says something of that agent only, and only if the agent was tried."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from interlock.errors import InvalidAgent
from interlock.runtime.loading.probe import Prober
from interlock.runtime.loading.registry import Registry

GOOD = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
class State(TypedDict, total=False):
    input: int
agent = StateGraph(State).add_node("node", lambda state: {}).add_edge(START, "node").add_edge("node", END)
"""
KILL_WATCHER = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n"
KILL_SERVER = """
import os, signal
server = int(open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()[1])
os.kill(server, signal.SIGKILL)
os.kill(os.getppid(), signal.SIGKILL)
"""
SECONDS = 30.0


@pytest.fixture
def prober():
    made = Prober()
    yield made
    made.close()


@pytest.fixture
def put(tmp_path):
    def put(name, code):
        (tmp_path / f"{name}.py").write_text(code)
        return f"{tmp_path}/{name}.py:agent"

    return put


@pytest.mark.sampled(2)
@pytest.mark.parametrize("harm", [KILL_WATCHER, KILL_SERVER])
def test_an_import_that_kills_what_tries_it_fails_alone(prober, put, harm):
    bad, good = put("bad", harm), [put(f"good_{number}", GOOD) for number in range(2)]
    with ThreadPoolExecutor(4) as threads:
        tries = [threads.submit(prober.try_import, reference, SECONDS) for reference in (bad, *good)]
    assert [type(done.exception()) for done in tries] == [InvalidAgent] + [type(None)] * len(good)
    assert "ended the process that tried it" in str(tries[0].exception())
    prober.try_import(good[0], SECONDS)


def test_an_agent_is_tried_from_a_working_directory_that_was_deleted(prober, put, tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    prober.try_import(put("good", GOOD), SECONDS)


def refuse(*_args, **_more):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("what", ["socket.socketpair", "subprocess.Popen"])
def test_what_the_system_refuses_says_nothing_of_the_agent(prober, put, monkeypatch, what):
    good = put("good", GOOD)
    with monkeypatch.context() as patch:
        patch.setattr(what, refuse)
        with pytest.raises(OSError, match="Too many open files"):
            prober.try_import(good, SECONDS)
    prober.try_import(good, SECONDS)


async def test_a_thread_that_cannot_be_started_says_nothing_of_the_agent(put, monkeypatch):
    def no_thread(_self):
        raise RuntimeError("can't start new thread")

    registry, good = Registry({}), put("good", GOOD)
    with monkeypatch.context() as patch:
        patch.setattr("threading.Thread.start", no_thread)
        with pytest.raises(OSError, match="can't start new thread"):
            await registry.loaded(good, alone=True)
    assert await registry.loaded(good, alone=True)
    registry.close()

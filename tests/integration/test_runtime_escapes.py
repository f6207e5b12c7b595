"""What an agent's code raises past every `except Exception` ends its run, not its worker nor the runs beside it."""

import asyncio
import gc
import os

import pytest

from interlock import Action, ask, progress
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus
from interlock.engine.watching import Lines
from interlock.runtime.loading.child_processes import Contained


class Escaping(BaseException):
    """What no `except Exception` catches."""

    def __str__(self):
        raise KeyboardInterrupt


ERRORS = [
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    asyncio.CancelledError(),
    Escaping(),
    BaseExceptionGroup("both", [SystemExit(3), KeyboardInterrupt()]),
]


def named(error):
    return type(error).__name__


def plain(error):
    def leaves(state):
        raise error

    return leaves


def awaited(error):
    async def leaves(state):
        await asyncio.sleep(0)
        raise error

    return leaves


def in_a_task(error):
    """A coroutine that the node's own tasks await, such as tools that run at once."""

    async def tool():
        raise error

    async def leaves(state):
        await asyncio.gather(tool(), asyncio.sleep(0))

    return leaves


def beside(state):
    return {"out": ["beside"]}


@pytest.fixture
def story(make_story):
    return make_story("memory")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("error", ERRORS, ids=named)
@pytest.mark.parametrize("kind", [plain, awaited, in_a_task])
@pytest.mark.parametrize("shape", ["chain", "fan"])
async def test_a_node_that_raises_a_base_exception_ends_its_run_only(story, error, kind, shape):
    leaves = kind(error)
    graph = story.chain(leaves) if shape == "chain" else story.fan(leaves, beside)
    reference, healthy = story.register(graph), story.register(story.chain(beside))
    ids = [(await story.system.runs.start("it", name, {}, story.me)).id for name in (reference, healthy)]
    for _ in range(5):
        await story.later(seconds=60)
    run, other = [await story.run(run_id) for run_id in ids]
    assert (run.status, run.attention) == (RunStatus.needs_attention, "attempts_exhausted")
    assert named(error).removeprefix("Base") in run.note or "Cancelled" in run.note
    assert other.status is RunStatus.done


@pytest.mark.parametrize("error", ERRORS, ids=named)
@pytest.mark.parametrize("colour", ["plain", "awaited"])
async def test_a_tool_that_raises_a_base_exception_leaves_its_effect_unknown(story, error, colour):
    calls = []

    def pay(amount):
        calls.append(amount)
        raise error

    async def apay(amount):
        pay(amount)

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).perform(pay)]}

    async def aact(state):
        return {"out": [await ask(Action("pay", {"amount": 1})).aperform(apay)]}

    run_id = await story.go(story.fan(act if colour == "plain" else aact, beside))
    run = await story.approve_all(run_id)
    assert (run.status, run.attention) == (RunStatus.needs_attention, "effect_unknown")
    (request,) = await story.every(run_id)
    assert (request.effect, calls) == (EffectState.unknown, [1])
    await story.assert_invariants()


async def test_a_worker_that_is_given_up_gives_its_advance_up(story):
    """The cancellation that comes from outside is no failure of the agent."""
    began = asyncio.Event()

    async def waits(state):
        began.set()
        await asyncio.Event().wait()

    reference = story.register(story.chain(waits))
    run_id = (await story.system.runs.start("it", reference, {}, story.me)).id
    working = asyncio.create_task(story.drain())
    await began.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await story.run(run_id)).status is RunStatus.running


async def test_what_shows_progress_may_raise(story):
    def tell(run_id, text):
        raise BrokenPipeError

    def talks(state):
        progress("planning")
        return {"out": ["done"]}

    run_id = (await story.system.runs.start("it", story.register(story.chain(talks)), {}, story.me)).id
    await story.system.worker(watcher=Lines(tell)).drain()
    assert (await story.run(run_id)).status is RunStatus.done


async def test_a_task_that_is_cancelled_before_it_begins_closes_its_coroutine():
    async def never():
        raise AssertionError

    task = asyncio.get_running_loop().create_task(Contained(never()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    gc.collect()  # a coroutine that nobody closed would warn now


@pytest.mark.parametrize("kind", ["a tool", "an awaited tool", "a node", "an awaited node"])
async def test_a_child_that_code_of_an_agent_forks_ends_where_the_code_returns(story, tmp_path, kind):
    """The child does what it was forked for, and no more: one effect, one entry, and no second worker."""
    children, sink = [], tmp_path / "sink"

    def pay(amount=1):
        with sink.open("a") as file:
            file.write("paid\n")
        child = os.fork()
        if child:
            children.append(child)
        return "paid"

    async def apay(amount=1):
        pay()
        return "paid"

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 1})).perform(pay)]}

    async def aact(state):
        return {"out": [await ask(Action("pay", {"amount": 1})).aperform(apay)]}

    def node(state):
        return {"out": [pay()]}

    async def anode(state):
        return {"out": [await apay()]}

    made = {"a tool": act, "an awaited tool": aact, "a node": node, "an awaited node": anode}[kind]
    run_id = await story.go(story.fan(made, beside))
    run = await story.approve_all(run_id)
    assert run.status is RunStatus.done
    assert sink.read_text() == "paid\n"
    (child,) = children
    assert await asyncio.to_thread(os.waitpid, child, 0) == (child, 0)

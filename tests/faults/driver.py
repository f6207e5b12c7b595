"""What the processes do that the fault tests kill, stop and race: a small system on one database, and its agents."""

from __future__ import annotations

import asyncio
import contextlib
import operator
import os
import resource
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from interlock import Action, Agent, ask, failpoints
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.config.sections import ThreadSettings
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.engine import retry
from interlock.engine.ports.store import RequestFilter
from interlock.errors import Refused, StoreError
from interlock.runtime import runner
from interlock.storage import postgres, postgres_migrate, sql, sqlite
from interlock.testing.people import principal

LOADED = (runner, sql, postgres, postgres_migrate)  # before the fork, once for all processes
ME = principal("local:me")
PATIENCE = 120.0  # only ever waited for in full by what has hung
LEASE = 0.4
LOOK_AGAIN = 1.0
KINDS = ("idempotent", "verifiable", "neither")


def append(path: str, line: str) -> None:
    """Add a line to a file, whole, whoever else writes."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def exists(path: str) -> bool:
    return Path(path).exists()


def lines(path: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return Path(path).read_text().split()
    return []


class State(TypedDict, total=False):
    input: Any
    paid: Any
    other: Any


def pay(amount: int, idempotency_key: str) -> Any:
    """Pay: the sink outside of the process counts it."""
    append(os.environ["SINK"], idempotency_key)
    return {"paid": amount, "key": idempotency_key}


def verify(amount: int, idempotency_key: str) -> Any:
    return {"paid": amount, "key": idempotency_key} if idempotency_key in lines(os.environ["SINK"]) else None


HOW: dict[str, dict[str, Any]] = {"idempotent": {"idempotent": True}, "verifiable": {"verify": verify}, "neither": {}}


def agent(kind: str) -> Agent:
    graph = StateGraph(State)
    graph.add_node("plan", lambda _: {"input": 5})
    graph.add_node("act", lambda _: {"paid": ask(Action("pay", {"amount": 5})).perform(pay, **HOW[kind])})
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "act")
    graph.add_edge("act", END)
    return Agent(graph)


idempotent, verifiable, neither = map(agent, KINDS)


def pair() -> Agent:
    graph = StateGraph(State)
    for name, amount in (("paid", 1), ("other", 2)):
        action = Action("pay", {"amount": amount})
        graph.add_node(f"pay_{name}", lambda _, name=name, action=action: {name: ask(action).perform(pay)})
        graph.add_edge(START, f"pay_{name}")
        graph.add_edge(f"pay_{name}", END)
    return Agent(graph)


both = pair()


class Heard(TypedDict, total=False):
    input: int
    heard: Annotated[list[int], operator.add]


def conversation() -> Agent:
    """Return an agent that pays what it is told, once it was approved, and remembers it."""

    def act(state: Heard) -> Heard:
        ask(Action("pay", {"amount": state["input"]})).perform(pay, verify=verify)
        return {"heard": [state["input"]]}

    return Agent(StateGraph(Heard).add_node("act", act).add_edge(START, "act"))


talk = conversation()


def thinks(name: str) -> Any:
    """Return a node that calls a model: each call is counted outside of the process."""

    def node(state: State) -> State:
        append(os.environ["SINK"] + ".model", name)
        return {"other": name}

    return node


def long(durability: Any) -> Agent:
    """Return an agent that calls a model before and after it pays."""
    graph = StateGraph(State)
    names = ["plan", "draft", "act", "sum_up", "file"]
    for name in names:
        graph.add_node(name, thinks(name))
    graph.nodes.pop("act")
    graph.add_node("act", lambda _: {"paid": ask(Action("pay", {"amount": 5})).perform(pay)})
    for before, after in pairwise([START, *names, END]):
        graph.add_edge(before, after)
    return Agent(graph, durability=durability)


by_step, by_pause = long("step"), long("exit")


def quits(state: State) -> State:
    os._exit(7)


def leaving() -> Agent:
    graph = StateGraph(State)
    graph.add_node("quits", quits)
    graph.add_edge(START, "quits")
    return Agent(graph)


left = leaving()


def system(database: str, ahead: float = 0) -> System:
    """Put the system together, with a clock so many seconds ahead. Runs wait for their turn in a thread."""
    ahead_by = timedelta(seconds=ahead)
    settings = load_settings(None, {"INTERLOCK_DATABASE_URL": database})
    settings = settings.model_copy(update={"threads": ThreadSettings(when_busy="queue")})
    return build(settings, {}, clock=lambda: datetime.now(UTC) + ahead_by)


def reference(name: str) -> tuple[str, str]:
    return name, f"driver:{name}"  # imported already, before the fork


async def start(built: System, name: str) -> str:
    return (await built.runs.start(*reference(name), {"input": 1}, ME)).id


async def approve_everything(built: System, acks: str | None = None) -> None:
    for request in await built.store.requests("default", RequestFilter(), limit=10_000):
        with contextlib.suppress(Refused):
            await built.desk.handle(CastVote(request.id, Verdict.approve, request.digest), ME)
            if acks is not None:
                append(acks, request.id)


async def say(built: System, amount: int, thread: str = "talk") -> str:
    """Start a run of a thread, which waits for the one before."""
    return (await built.runs.start(*reference("talk"), {"input": amount}, ME, thread=thread)).id


# ── what a process is told to do ──


def converse(database: str, sink: str, setting: str, lease: float = LEASE) -> None:
    """Start two runs of one thread, and carry both to their end, with failpoints."""
    os.environ["SINK"] = sink

    async def main() -> None:
        built = system(database)
        failpoints.configure(setting)
        await say(built, 1)
        await say(built, 2)
        for _ in range(2):
            await built.worker(lease=lease).drain()
            await approve_everything(built)
        await built.worker(lease=lease).drain()
        await built.close()

    asyncio.run(main())


def chatter(database: str, sink: str, first: int, count: int, threads: int) -> None:
    """Start so many runs in several threads, and work and approve meanwhile, until the process is ended."""
    os.environ["SINK"] = sink

    async def main() -> None:
        built, stop = system(database), asyncio.Event()
        working = asyncio.create_task(built.worker(lease=LEASE).run(stop))
        for number in range(first, first + count):
            await say(built, number, f"thread {number % threads}")
            await approve_everything(built)
        while not working.done():
            await approve_everything(built)
            await asyncio.sleep(0.01)

    asyncio.run(main())


def cycle(database: str, sink: str, name: str, setting: str = "", lease: float = LEASE) -> None:
    """Start a run, approve what it asks, and carry it to its end, with failpoints."""
    os.environ["SINK"] = sink

    async def main() -> None:
        built = system(database)
        failpoints.configure(setting)
        await start(built, name)
        await built.worker(lease=lease).drain()
        await approve_everything(built)
        await built.worker(lease=lease).drain()
        await built.close()

    asyncio.run(main())


def cycle_at_hand(database: str, sink: str, name: str, setting: str = "", lease: float = LEASE) -> None:
    """The same beside a worker that is free, and knows the agent by another run: it takes up what becomes ready."""
    os.environ["SINK"] = sink

    async def main() -> None:
        built, stop = system(database), asyncio.Event()
        working = asyncio.create_task(built.worker(lease=lease).run(stop))
        await start(built, name)
        await paused(built, 1)
        failpoints.configure(setting)
        await start(built, name)
        await paused(built, 2)
        await approve_everything(built)
        stop.set()
        await working
        await built.close()

    asyncio.run(main())


async def paused(built: System, count: int) -> None:
    while len(await built.store.requests("default", RequestFilter())) < count:
        await asyncio.sleep(0.01)


def work(database: str, sink: str, setting: str = "", lease: float = LEASE, barrier: Any = None) -> None:
    """Carry out what is due."""
    os.environ["SINK"] = sink

    async def main() -> None:
        built = system(database)
        failpoints.configure(setting)
        if barrier is not None:
            barrier.wait(PATIENCE)
        await built.worker(lease=lease).drain()
        await built.close()

    asyncio.run(main())


def serve(database: str, sink: str, lease: float = LEASE) -> None:
    """Work until the process is ended."""
    os.environ["SINK"] = sink
    sqlite.BUSY_SECONDS = 0.1

    async def main() -> None:
        await system(database).worker(lease=lease).run(asyncio.Event())

    asyncio.run(main())


def vote(  # noqa: PLR0917 - given to a process in this order
    database: str, sink: str, rounds: list[tuple[str, str]], verdict: str, ahead: float, barrier: Any
) -> None:
    """Vote on each request in its turn, in the same instant as the others, and carry out what follows."""
    os.environ["SINK"] = sink

    async def main() -> None:
        built = system(database, ahead)
        for request_id, digest in rounds:
            barrier.wait(PATIENCE)
            with contextlib.suppress(Refused):
                await built.desk.handle(CastVote(request_id, Verdict(verdict), digest, verdict), ME)
            await built.worker().drain()
        await built.close()

    asyncio.run(main())


def sweep(database: str, rounds: int, ahead: float, barrier: Any) -> None:
    """Look for what is overdue, in the same instant as the others."""

    async def main() -> None:
        built = system(database, ahead)
        for _ in range(rounds):
            barrier.wait(PATIENCE)
            await built.worker(only="nothing").drain()
        await built.close()

    asyncio.run(main())


def cycle_on_a_full_disk(database: str, sink: str, acks: str, limit: int) -> None:
    """Go round the story while no file may grow beyond the limit, and note what was acknowledged."""
    os.environ["SINK"] = sink
    retry.FEW_TRIES = 1

    async def main() -> None:
        built = system(database)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        append(acks, await start(built, "neither"))
        await built.worker(lease=LEASE).drain()
        await approve_everything(built, acks)
        await built.worker(lease=LEASE).drain()

    with contextlib.suppress(StoreError):
        asyncio.run(main())
    os._exit(0)  # a disk that is full also refuses what closing would write


def write_runs(database: str, count: int, name: str, gate: Any) -> None:
    """Start so many runs, which nobody carries on: one entry of the log each."""

    async def main() -> None:
        built = system(database)
        gate.wait()
        for _ in range(count):
            await start(built, name)
        await built.close()

    asyncio.run(main())


def follow(database: str, sink: str, count: int, gate: Any, ended: Any) -> None:
    """Follow the feed from its beginning, page by page; write down each entry that it brings.

    Ends with so many entries; or when nobody writes any more and the feed has no more: then it has skipped some.
    """

    async def main() -> None:
        built = system(database)
        gate.wait()
        seen, after = 0, ""
        while seen < count:
            since, last = await built.waker.seen(), ended.is_set()
            page = await built.store.feed("default", after=after, limit=7)
            for entry in page:
                append(sink, f"{entry.stream}:{entry.seq}")
                seen, after = seen + 1, entry.position
            if not page:
                if last:
                    break
                await built.waker.wait(since, LOOK_AGAIN)
        await built.close()

    asyncio.run(main())

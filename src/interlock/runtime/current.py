"""The advance that is under way, as the nodes of its graph find it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from langgraph.config import get_config
from langgraph.errors import GraphInterrupt
from langgraph.runtime import get_runtime
from langgraph.types import interrupt

from interlock.domain.action import Ask
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.engine.ports.runtime import Advance
from interlock.engine.watching import Watcher
from interlock.errors import AdvanceOvertaken, Halt, InvalidAgent
from interlock.runtime.dialects.native import answer_id

if TYPE_CHECKING:
    from interlock.runtime.answers.binding import Answers

THREADS = 32
"""On how many threads the plain nodes of one advance run at most."""

MAX_PROGRESS = 10_000

PASSING = {"ledger_unavailable": False, "ledger_failed": True, "effect_repeated": True}
"""Halts that are nobody's question: the advance is tried again; and whether it counts as an attempt of the agent."""

T = TypeVar("T")

current: ContextVar[Advancing] = ContextVar("interlock_advance")
performing: ContextVar[bool] = ContextVar("interlock_performing", default=False)


class Taken(NamedTuple):
    """An answer that a function was given."""

    at: int  # by which of its instructions
    requests: tuple[str, ...]  # ids of those that it was decided by
    task: str  # LangGraph's namespace of it
    said: Json = None  # what it is given, to be looked for in an error; None for what `interlock.ask` gets


class Refusal(NamedTuple):
    """An answer that the function which asked has refused, without doing anything in between."""

    function: FrameType
    task: str
    error: BaseException


class Advancing:
    """One advance: what its nodes may know and do, and whether it is still under way."""

    def __init__(self, advance: Advance, watcher: Watcher, known: dict[str, Request]) -> None:
        self.advance = advance
        self.known = known  # the requests that answers may name, by id, as the store has them
        self.loop = asyncio.get_running_loop()
        self.over = False
        self.halted: Halt | None = None
        self.waiting: set[str] = set()  # the tasks that have asked by `interlock.ask`, and must pause by that
        self.asked_at: dict[str, str] = {}  # the tasks that were answered and ask again, by the interrupts' ids
        self.delivered: set[str] = set()  # ids of the requests whose answers LangGraph has given to a task
        self.given: dict[FrameType, list[Taken]] = {}  # the functions that were given an answer: the last comes last
        self.refused: dict[str, Refusal] = {}  # the requests whose answers the graph's own code has refused
        self._gives_no_more = False
        self._giving = threading.Lock()
        self._watcher = watcher
        self._threads: ThreadPoolExecutor | None = None
        self._closed = False
        self._pid = os.getpid()
        self._turns: dict[str, asyncio.Lock] = {}
        self._executions: dict[tuple[str, int], Execution] = {}
        self._taken = asyncio.Event()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def threads(self) -> ThreadPoolExecutor | None:
        """Return the threads for the plain functions of this advance; None once it has ended."""
        if self._threads is None and not self._closed:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="interlock-agent")
        return None if self._closed else self._threads

    def close(self) -> None:
        """Let its threads end with what they do; what has not begun does not begin."""
        self._closed = True
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def only_here(self) -> None:
        """End this process if it is a child that the agent's code has forked: nothing in it would ever answer."""
        if os.getpid() != self._pid:
            os._exit(0)

    def show(self, text: str) -> None:
        """Show a line to whoever watches; a very long one is cut, with its length."""
        self.only_here()
        if len(text) > MAX_PROGRESS:
            text = f"{text[:MAX_PROGRESS]}… ({len(text):,} characters)"
        self._watcher.said(self.advance.record.run.id, text)

    def halt(self, halt: Halt) -> None:
        """Record why the advance stops; `needs attention` outranks `retry`."""
        if self.halted is None or self.halted.code in PASSING:
            self.halted = halt

    def execution(self, task: str, attempt: int) -> Execution:
        """Return what this execution of a task has read so far."""
        if (task, attempt) not in self._executions:
            self.waiting.discard(task)
        return self._executions.setdefault((task, attempt), Execution(self, task))

    def task_of(self, ask: Ask) -> str:
        """Return which task asks; the empty text if it was not answered before."""
        return ask.task or self.asked_at.get(ask.interrupt_id.partition("/")[0], "")

    def passed_over(self, task: str) -> tuple[str, ...]:
        """Return the ids of the answers that fitted nothing in the last execution of a task."""
        last = max((attempt for name, attempt in self._executions if name == task), default=None)
        execution = None if last is None else self._executions[task, last]
        return () if execution is None or execution.answers is None else tuple(execution.answers.left(execution.taken))

    async def latecomers(self, tasks: Iterable[str], seconds: float) -> None:
        """Wait briefly until every passed-over answer is taken.

        Of tools that ask at the same time inside of one task, the first that has no answer ends the task for all: the
        answer that it passed over may belong to one that is on its way.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(self.passed_over(task) for task in tasks):
                    self._taken.clear()
                    await self._taken.wait()

    def give(self, execution: Execution, place: int, to: FrameType | None, taken: Taken) -> None:
        """Note, in any thread, which answer is given to which function. After `give_no_more`, a tool comes too late."""
        with self._giving:
            if self._gives_no_more:
                raise AdvanceOvertaken(self.advance.record.run.id)
            if to is not None:
                self.given.setdefault(to, []).append(taken)
            execution.taken.add(place)
        self.loop.call_soon_threadsafe(self._taken.set)

    def give_no_more(self) -> None:
        """Give out no answer any more, so that what was taken until now is all that is ever taken."""
        with self._giving:
            self._gives_no_more = True

    async def turn(self, request_id: str) -> asyncio.Lock:
        """Wait until nobody performs a request, and return what is to be released when that has been done."""
        turn = self._turns.setdefault(request_id, asyncio.Lock())
        await turn.acquire()
        return turn

    def wait(self, work: Coroutine[Any, Any, T], otherwise: str = "await decision.aperform(…)") -> T:
        """Do work of the engine from a plain node, which LangGraph runs in a thread; `otherwise` is for coroutines."""
        self.only_here()
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            work.close()
            raise InvalidAgent(f"This is a coroutine: use `{otherwise}` in it.")
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def await_(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work of the engine from a coroutine. Once begun it is finished, even if the coroutine is cancelled."""
        self.only_here()
        working = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait({working})  # what a claim came to must be known before the run goes on without it
            raise

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """While this lasts, the advance does not end; in any thread."""
        self.loop.call_soon_threadsafe(self._count, 1)
        try:
            yield
        finally:
            self.loop.call_soon_threadsafe(self._count, -1)

    def _count(self, change: int) -> None:
        self._under_way += change
        if self._under_way:
            self._idle.clear()
        else:
            self._idle.set()

    async def finish(self) -> None:
        """Let effects that are under way come to their end, in threads that LangGraph has given up too."""
        self.over = True
        await asyncio.sleep(0)
        await self._idle.wait()


class Execution:
    """One execution of one LangGraph task: which of its answers it has taken."""

    def __init__(self, advancing: Advancing, task: str) -> None:
        self.advancing = advancing
        self.task = task
        self.answers: Answers | None = None  # None while it has not asked
        self.taken: set[int] = set()  # the places of the answers
        self.askers: dict[str, object] = {}  # who asked first, by the question

    @classmethod
    def here(cls) -> Execution:
        """Return the execution of the node that calls; raise InvalidAgent outside of one."""
        try:
            config = get_config()
            attempt = get_runtime().execution_info
        except RuntimeError:
            raise InvalidAgent("Call it in a node of a LangGraph graph.") from None
        advancing = current.get(None)
        task = config["configurable"].get("checkpoint_ns", "")
        if advancing is None:
            return _Unattended(task)
        return advancing.execution(task, attempt.node_attempt if attempt is not None else 1)

    def waits(self) -> None:
        """Note that this execution has asked: its task must pause now."""
        self.advancing.waiting.add(self.task)

    def request(self, request_id: str | None) -> Request:
        """Return the decided request that an answer names; raise InvalidAgent if somebody made it up."""
        request = self.advancing.known.get(request_id or "")
        if request is None or request.is_open:
            raise InvalidAgent("This answer was not given through Interlock: it names no decision in the store.")
        return request


class _Unattended(Execution):
    """An execution that Interlock does not advance: it can pause, and do nothing else."""

    def __init__(self, task: str) -> None:
        self.task = task

    def waits(self) -> None:
        pass

    def request(self, request_id: str | None) -> Request:  # noqa: ARG002 - whatever it names
        raise InvalidAgent(
            "This graph is resumed without Interlock, so its answers are worth nothing here: register the agent, and "
            "run it with `interlock run`."
        )


def decided_request(digest: str, wanted: dict[str, Json]) -> Request:
    """Return the decided request for what a node asks under this digest, or pause by LangGraph's interrupt."""
    if performing.get():
        raise InvalidAgent("A tool that is being performed asks for a decision: ask before performing, not inside.")
    execution = Execution.here()
    try:
        answer = interrupt({**wanted, "task": execution.task})  # takes no answer but one to the same: see `answers/`
    except GraphInterrupt:
        execution.waits()
        raise
    request = execution.request(answer_id(answer))
    if request.asked_digest != digest:
        raise InvalidAgent(f"{request.id} is the answer to something else than what is asked.")
    return request

"""Where transactions run: on threads that keep a connection each, or where they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from interlock.errors import StoreUnavailable
from interlock.storage.compiled import Connection, Outcome, outcome_of

T = TypeVar("T")
Work = Callable[[Connection], Any]


class _Task:
    """A piece of work, and the future of whoever waits for it, in that one's event loop."""

    __slots__ = ("_turn", "future", "loop", "outcome", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.outcome = Outcome()
        self._turn = threading.Lock()

    def begin(self) -> bool:
        """Say whether it may be done: not if it was begun already, or was given up."""
        return self._turn.acquire(blocking=False)

    def give_up(self, reason: str) -> None:
        """Let whoever waits hear that it was never begun; unless it was."""
        if self.begin():
            self.outcome = Outcome(error=StoreUnavailable(reason))
            self._tell()

    def done(self) -> None:
        """Tell it, from another thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        if self.future.done():
            return  # it was cancelled
        if self.outcome.error is None:
            self.future.set_result(self.outcome.result)
        else:
            self.future.set_exception(self.outcome.error)


class ThreadPool:
    """A few threads for one kind of transactions. One hop for each, whatever it consists of.

    Args:
        connect: opens a connection, for any thread to close.
        explain: makes one of our errors of one of the driver's, or returns None if it is a defect.
        threads: how many transactions run at once.
        patience: how many seconds a piece of work waits for its turn, if not for ever.
        together: how many pieces of work, if they wait, share one transaction. What one of them raises undoes it alone;
            none is acknowledged before the commit, and if that fails, all of them do.
        shares: says which of them do.
    """

    def __init__(  # noqa: PLR0913 - the parts of a pool
        self,
        connect: Callable[[], Connection],
        name: str,
        explain: Callable[[BaseException], StoreUnavailable | None],
        *,
        threads: int = 1,
        together: int = 1,
        shares: Callable[[Work], bool] = lambda _: True,
        patience: float | None = None,
    ) -> None:
        self._connect = connect
        self._patience = patience
        self._explain = explain
        self._together = together
        self._shares = shares
        self._waiting: SimpleQueue[_Task | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._threads = [threading.Thread(target=self._serve, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do work on a thread, in a transaction; StoreUnavailable if the database or the pool is to blame."""
        task = _Task(work)
        with self._closing:
            if self._closed:
                raise StoreUnavailable("The store is closed.")
            self._waiting.put(task)
        timer = None
        if self._patience is not None:
            busy = (
                f"All {len(self._threads)} connections of this process to the database have been busy for "
                f"{self._patience:g} seconds: nothing was changed. Try again; if it goes on, look for what keeps them."
            )
            timer = task.loop.call_later(self._patience, task.give_up, busy)
        try:
            result: T = await task.future
        finally:
            if timer is not None:
                timer.cancel()
        return result

    def close(self) -> None:
        """Finish what is under way, then let go of threads and connections."""
        with self._closing:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        connection: Connection | None = None
        ended = False
        while not ended:
            tasks, ended = self._next()
            if not tasks:
                continue
            try:
                connection = connection or self._connect()
                self._do(connection, tasks)
            except Exception as error:  # noqa: BLE001 - told to whoever waits
                # Nobody knows in which state a failure left the connection: begin with a new one.
                if connection is not None:
                    connection.close()
                    connection = None
                for task in tasks:
                    task.outcome = self._explained(error)
            for task in tasks:
                task.done()
        if connection is not None:
            connection.close()

    def _next(self) -> tuple[list[_Task], bool]:
        """Wait for work; return what there is, and whether it is the last."""
        tasks: list[_Task] = []
        with contextlib.suppress(Empty):
            while len(tasks) < self._together:
                task = self._waiting.get(block=not tasks)
                if task is None:
                    return tasks, True
                if task.begin():
                    tasks.append(task)
                    if not self._shares(task.work):
                        break
        return tasks, False

    def _do(self, connection: Connection, tasks: list[_Task]) -> None:
        """Do it. Raises what the database is to blame for, where nothing at all was done."""
        works = [task.work for task in tasks]
        if len(works) == 1:
            outcomes = [outcome_of(partial(connection.run, works[0]), self._is_fatal)]
        else:
            outcomes = connection.run_all(works, self._is_fatal)
        for task, outcome in zip(tasks, outcomes, strict=True):
            task.outcome = outcome if outcome.error is None else self._explained(outcome.error)

    def _explained(self, error: Exception) -> Outcome:
        told = self._explain(error) or error
        if told is not error:
            told.__cause__ = error
        return Outcome(error=told)

    def _is_fatal(self, error: Exception) -> bool:
        return self._explain(error) is not None


class Inline:
    """Transactions that run in the thread that asks for them, each on a connection that nobody else uses meanwhile.

    For a database that answers sooner than a thread wakes up: two hops between threads cost more than such a read.
    `connect` and `explain` are those of a `ThreadPool`.
    """

    def __init__(
        self, connect: Callable[[], Connection], explain: Callable[[BaseException], StoreUnavailable | None]
    ) -> None:
        self._connect = connect
        self._explain = explain
        self._free: deque[Connection] = deque()
        self._closed = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work inside a transaction; StoreUnavailable if the database is to blame, or closed."""
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        connection: Connection | None = None
        try:
            connection = self._take()
            result = connection.run(work)
        except Exception as error:
            explained = self._explain(error)
            if explained is None:
                self._give_back(connection)
                raise
            if connection is not None:  # nobody knows in which state a failure left it
                connection.close()
            raise explained from error
        self._give_back(connection)
        return result

    def close(self) -> None:
        """Let go of the connections; one that is in use is closed when it is given back."""
        self._closed = True
        while self._free:
            self._take().close()

    def _take(self) -> Connection:
        with contextlib.suppress(IndexError):  # another thread may take the last one
            return self._free.pop()
        return self._connect()

    def _give_back(self, connection: Connection | None) -> None:
        if connection is None:
            return
        if self._closed:
            connection.close()
        else:
            self._free.append(connection)

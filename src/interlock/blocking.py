"""The blocking face of a client: the same functions, each of which waits for its result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, cast

from interlock.domain.authority import Principal
from interlock.service.client import Client

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C")
F = TypeVar("F")


class Loop:
    """An event loop in a thread of its own. It keeps no process alive; a node of a graph that is running may."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._until_closed(),), name="interlock-blocking", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    async def _until_closed(self) -> None:
        self._loop, self._closed = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._closed.wait()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work there, and wait for its result; work that nobody waits for any more, as after Ctrl-C, is cancelled.

        Raises:
            RuntimeError: if it is called there, where waiting would never end, or after `close`.
        """
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            work.close()
            where = "inside of what it waits for" if self._thread.is_alive() else "after it was closed"
            raise RuntimeError(f"a blocking client cannot be used {where}")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def left(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that ends something, unless the loop has ended everything already."""
        if self._thread.is_alive():
            self.call(work)
        else:
            work.close()

    def close(self) -> None:
        """End the loop, and wait for that."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closed.set)
            self._thread.join()


def waits(method: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Any, P], T]:
    """Return a method that does what another one does, and waits for it."""

    @wraps(method)
    def call(self: Blocking[Any], /, *args: P.args, **given: P.kwargs) -> T:
        return self._loop.call(method(self._client, *args, **given))

    return cast("Callable[Concatenate[Any, P], T]", call)


def iterates(method: Callable[Concatenate[Any, P], AsyncIterator[T]]) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """Return a method that yields what another one yields, and waits for each."""

    @wraps(method)
    def iterate(self: Blocking[Any], /, *args: P.args, **given: P.kwargs) -> Iterator[T]:
        values = cast("Any", method(self._client, *args, **given))

        async def next_one() -> tuple[T] | None:
            async for value in values:
                return (value,)
            return None

        try:
            while (found := self._loop.call(next_one())) is not None:
                yield found[0]
        finally:
            self._loop.left(values.aclose())

    return cast("Callable[Concatenate[Any, P], Iterator[T]]", iterate)


class Blocking(Generic[C]):
    """A client that waits, whatever its functions are. It is a context manager.

    Args:
        opened: where the client came from, which is left at the end; None if it belongs to another one.
    """

    def __init__(self, client: C, loop: Loop, opened: AbstractAsyncContextManager[C] | None) -> None:
        self._client = client
        self._loop = loop
        self._opened = opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything. Closing it again does nothing."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        try:
            self._loop.call(opened.__aexit__(None, None, None))
        finally:
            self._loop.close()


class BlockingClient(Blocking[Client]):
    """What `Client` is, for code that is not asynchronous: nothing is implemented again. It is a context manager."""

    @property
    def principal(self) -> Principal:
        """Who reads and acts."""
        return self._client.principal

    def acting_as(self, principal: Principal) -> BlockingClient:
        """Return the same for somebody else. It need not be closed: the connection is that of this one."""
        return BlockingClient(self._client.acting_as(principal), self._loop, None)

    def unseen(self) -> BlockingClient:
        """Return the same for a front end that shows nothing of the requests that it reads. See `Client.unseen`."""
        return BlockingClient(self._client.unseen(), self._loop, None)

    def keyed(self, key: str | None) -> BlockingClient:
        """Return the same for one call with an idempotency key: made again with it, it does nothing anew."""
        return BlockingClient(self._client.keyed(key), self._loop, None)

    accept_version = waits(Client.accept_version)
    advance = waits(Client.advance)
    answer = waits(Client.answer)
    approve = waits(Client.approve)
    cancel = waits(Client.cancel)
    cast = waits(Client.cast)
    ask_back = waits(Client.ask_back)
    clarify = waits(Client.clarify)
    comment = waits(Client.comment)
    cost = waits(Client.cost)
    delegate = waits(Client.delegate)
    delete_states = waits(Client.delete_states)
    edit = waits(Client.edit)
    end_reservation = waits(Client.end_reservation)
    entries = waits(Client.entries)
    extend = waits(Client.extend)
    fork = waits(Client.fork)
    history = waits(Client.history)
    inbox = waits(Client.inbox)
    inbox_count = waits(Client.inbox_count)
    last_position = waits(Client.last_position)
    list_effects = waits(Client.list_effects)
    list_requests = waits(Client.list_requests)
    list_deliveries = waits(Client.list_deliveries)
    list_runs = waits(Client.list_runs)
    list_threads = waits(Client.list_threads)
    now = waits(Client.now)
    pauses = waits(Client.pauses)
    recall = waits(Client.recall)
    reject = waits(Client.reject)
    request = waits(Client.request)
    reserve = waits(Client.reserve)
    snooze = waits(Client.snooze)
    end_snooze = waits(Client.end_snooze)
    resolve = waits(Client.resolve)
    retry = waits(Client.retry)
    revise = waits(Client.revise)
    run = waits(Client.run)
    send_again = waits(Client.send_again)
    settle = waits(Client.settle)
    snapshot = waits(Client.snapshot)
    start = waits(Client.start)
    state = waits(Client.state)
    statistics = waits(Client.statistics)
    stuck = waits(Client.stuck)
    sweep = waits(Client.sweep)
    take_back = waits(Client.take_back)
    take_back_delegation = waits(Client.take_back_delegation)
    thread = waits(Client.thread)
    timeline = waits(Client.timeline)
    withdraw = waits(Client.withdraw)

    export_dataset = iterates(Client.export_dataset)
    follow = iterates(Client.follow)
    log = iterates(Client.log)
    requests = iterates(Client.requests)
    runs = iterates(Client.runs)


def blocking(opened: AbstractAsyncContextManager[Client]) -> BlockingClient:
    """Open a client in an event loop of its own, and return its blocking face."""
    return in_a_loop(opened, BlockingClient)


def in_a_loop(
    opened: AbstractAsyncContextManager[C], face: Callable[[C, Loop, AbstractAsyncContextManager[C]], F]
) -> F:
    """Open a client in an event loop of its own, and return its face."""
    loop = Loop()
    try:
        return face(loop.call(opened.__aenter__()), loop, opened)
    except BaseException:
        loop.close()
        raise

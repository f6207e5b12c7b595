"""The blocking face of a client: the same functions, each of which waits for its result."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from interlock.domain.authority import Principal
from interlock.service.client import Client
from interlock.service.views import RequestView

P = ParamSpec("P")
T = TypeVar("T")


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


def _waits(
    method: Callable[Concatenate[Client, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[BlockingClient, P], T]:
    """Return a method that does what another one does, and waits for it."""

    @wraps(method)
    def call(self: BlockingClient, /, *args: P.args, **given: P.kwargs) -> T:
        return self._loop.call(method(self._client, *args, **given))

    return cast("Callable[Concatenate[BlockingClient, P], T]", call)


def _iterates(
    method: Callable[Concatenate[Client, P], AsyncIterator[T]],
) -> Callable[Concatenate[BlockingClient, P], Iterator[T]]:
    """Return a method that yields what another one yields, and waits for each."""

    @wraps(method)
    def iterate(self: BlockingClient, /, *args: P.args, **given: P.kwargs) -> Iterator[T]:
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

    return cast("Callable[Concatenate[BlockingClient, P], Iterator[T]]", iterate)


class BlockingClient:
    """What `Client` is, for code that is not asynchronous: nothing is implemented again. It is a context manager.

    Args:
        opened: where the client came from, which is left at the end; None if it belongs to another one.
    """

    def __init__(self, client: Client, loop: Loop, opened: AbstractAsyncContextManager[Client] | None) -> None:
        self._client = client
        self._loop = loop
        self._opened = opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database. Closing it again does nothing."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        try:
            self._loop.call(opened.__aexit__(None, None, None))
        finally:
            self._loop.close()

    @property
    def principal(self) -> Principal:
        """Who reads and acts."""
        return self._client.principal

    def acting_as(self, principal: Principal) -> BlockingClient:
        """Return the same for somebody else. It need not be closed: the connection is that of this one."""
        return BlockingClient(self._client.acting_as(principal), self._loop, None)

    def keyed(self, key: str | None) -> BlockingClient:
        """Return the same for one call with an idempotency key: made again with it, it does nothing anew."""
        return BlockingClient(self._client.keyed(key), self._loop, None)

    def candidates(self, view: RequestView) -> list[str]:
        """Return those known by name who may vote on a request now and have not, sorted."""
        return self._client.candidates(view)

    accept_version = _waits(Client.accept_version)
    advance = _waits(Client.advance)
    answer = _waits(Client.answer)
    approve = _waits(Client.approve)
    cancel = _waits(Client.cancel)
    cast = _waits(Client.cast)
    comment = _waits(Client.comment)
    delegate = _waits(Client.delegate)
    delete_states = _waits(Client.delete_states)
    edit = _waits(Client.edit)
    entries = _waits(Client.entries)
    extend = _waits(Client.extend)
    fork = _waits(Client.fork)
    history = _waits(Client.history)
    inbox = _waits(Client.inbox)
    inbox_count = _waits(Client.inbox_count)
    last_position = _waits(Client.last_position)
    list_requests = _waits(Client.list_requests)
    list_runs = _waits(Client.list_runs)
    list_threads = _waits(Client.list_threads)
    now = _waits(Client.now)
    pauses = _waits(Client.pauses)
    reject = _waits(Client.reject)
    request = _waits(Client.request)
    resolve = _waits(Client.resolve)
    retry = _waits(Client.retry)
    revise = _waits(Client.revise)
    run = _waits(Client.run)
    settle = _waits(Client.settle)
    snapshot = _waits(Client.snapshot)
    start = _waits(Client.start)
    state = _waits(Client.state)
    stuck = _waits(Client.stuck)
    sweep = _waits(Client.sweep)
    take_back = _waits(Client.take_back)
    thread = _waits(Client.thread)
    unsettled = _waits(Client.unsettled)

    follow = _iterates(Client.follow)
    log = _iterates(Client.log)
    requests = _iterates(Client.requests)
    runs = _iterates(Client.runs)


def blocking(opened: AbstractAsyncContextManager[Client]) -> BlockingClient:
    """Open a client in an event loop of its own, and return its blocking face."""
    loop = Loop()
    try:
        return BlockingClient(loop.call(opened.__aenter__()), loop, opened)
    except BaseException:
        loop.close()
        raise

"""The blocking face of a client: the same functions, each of which waits for its result."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, contextmanager
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal

from interlock.domain.authority import Principal
from interlock.service.client import Client
from interlock.service.views import RequestView

__all__ = ["BlockingClient", "entered"]

P = ParamSpec("P")
T = TypeVar("T")


def _waits(
    method: Callable[Concatenate[Client, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[BlockingClient, P], T]:
    """Return a method that does what another one does, and waits for it."""

    @wraps(method)
    def call(self: BlockingClient, /, *args: P.args, **given: P.kwargs) -> T:
        result: T = self._portal.call(partial(method, self._client, *args, **given))
        return result

    return cast("Callable[Concatenate[BlockingClient, P], T]", call)


def _iterates(
    method: Callable[Concatenate[Client, P], AsyncIterator[T]],
) -> Callable[Concatenate[BlockingClient, P], Iterator[T]]:
    """Return a method that yields what another one yields, and waits for each."""

    @wraps(method)
    def iterate(self: BlockingClient, /, *args: P.args, **given: P.kwargs) -> Iterator[T]:
        found = cast("Any", method(self._client, *args, **given))
        with self._portal.wrap_async_context_manager(aclosing(found)) as values:
            while True:
                try:
                    value = self._portal.call(anext, values)
                except StopAsyncIteration:
                    return
                yield cast("T", value)

    return cast("Callable[Concatenate[BlockingClient, P], Iterator[T]]", iterate)


class BlockingClient:
    """What `Client` is, for code that is not asynchronous: nothing is implemented again.

    Args:
        client: which does the work, in the event loop of another thread.
        portal: to that event loop.
    """

    def __init__(self, client: Client, portal: BlockingPortal) -> None:
        self._client = client
        self._portal = portal

    @property
    def principal(self) -> Principal:
        """Who reads and acts."""
        return self._client.principal

    def acting_as(self, principal: Principal) -> BlockingClient:
        """Return the same for somebody else."""
        return BlockingClient(self._client.acting_as(principal), self._portal)

    def candidates(self, view: RequestView) -> list[str]:
        """Return those known by name who may vote on a request now and have not, sorted."""
        return self._client.candidates(view)

    accept_version = _waits(Client.accept_version)
    advance = _waits(Client.advance)
    answer = _waits(Client.answer)
    approve = _waits(Client.approve)
    cancel = _waits(Client.cancel)
    cast = _waits(Client.cast)
    delete_states = _waits(Client.delete_states)
    edit = _waits(Client.edit)
    extend = _waits(Client.extend)
    fork = _waits(Client.fork)
    history = _waits(Client.history)
    inbox = _waits(Client.inbox)
    inbox_count = _waits(Client.inbox_count)
    last_position = _waits(Client.last_position)
    list_requests = _waits(Client.list_requests)
    list_runs = _waits(Client.list_runs)
    list_threads = _waits(Client.list_threads)
    pauses = _waits(Client.pauses)
    reject = _waits(Client.reject)
    request = _waits(Client.request)
    resolve = _waits(Client.resolve)
    retry = _waits(Client.retry)
    revise = _waits(Client.revise)
    run = _waits(Client.run)
    settle = _waits(Client.settle)
    start = _waits(Client.start)
    state = _waits(Client.state)
    stuck = _waits(Client.stuck)
    thread = _waits(Client.thread)
    unsettled = _waits(Client.unsettled)

    log = _iterates(Client.log)
    requests = _iterates(Client.requests)
    runs = _iterates(Client.runs)


def entered(
    connect: Callable[P, AbstractAsyncContextManager[Client]],
) -> Callable[P, AbstractContextManager[BlockingClient]]:
    """Return what opens as another function does, for code that is not asynchronous."""

    @contextmanager
    @wraps(connect)
    def enter(*args: P.args, **given: P.kwargs) -> Iterator[BlockingClient]:
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(connect(*args, **given)) as client:
            yield BlockingClient(client, portal)

    return enter

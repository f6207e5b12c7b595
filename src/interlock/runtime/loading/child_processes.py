"""What an agent's code must not take along: a forked child ends where the code returns, an exit ends its run alone.

`os.fork` in a node or a tool copies the whole worker. The child may do what it was forked for; it must not record,
commit, or carry on other runs. asyncio ends its event loop when a task raises `SystemExit` or `KeyboardInterrupt`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from interlock.runtime.current import current

T = TypeVar("T")


class Exited(BaseException):
    """An agent's code raised what means something else to Python: an exit, a cancellation, the end of a coroutine."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


def is_cancelled() -> bool:
    """Say whether this task is being cancelled; otherwise a `CancelledError` was raised by whoever felt like it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextlib.contextmanager
def only_here() -> Iterator[None]:
    """End a child that was forked inside of this block, where it leaves the block."""
    pid = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != pid:
            os._exit(0)


_MISREAD = (SystemExit, KeyboardInterrupt, GeneratorExit)
"""asyncio ends its loop by the first two; the third, thrown into a coroutine, closes it instead."""


class Contained(Coroutine[Any, Any, T]):
    """A coroutine of an agent: each of its steps ends a forked child, and raises `Exited` instead of an exit.

    A class and not a coroutine function, because a task that is cancelled before it begins must still close the
    coroutine inside.
    """

    def __init__(self, inner: Coroutine[Any, Any, T]) -> None:
        self._inner = inner

    def send(self, value: Any) -> Any:
        """Do the next step."""
        with _contained():
            return self._inner.send(value)

    def throw(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Any:
        """Do the next step with an exception."""
        error = val if isinstance(val, BaseException) else typ() if isinstance(typ, type) else typ
        with _contained():
            return self._inner.throw(error if tb is None else error.with_traceback(tb))

    def close(self) -> None:
        """End it."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return cast("Generator[Any, Any, T]", self)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.send(None)


class _contained:  # noqa: N801 - a context manager, of which one is made for every step of a task
    __slots__ = ("_pid",)

    def __enter__(self) -> None:
        self._pid = os.getpid()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if os.getpid() != self._pid:
            os._exit(0)
        if isinstance(error, _MISREAD):
            raise Exited(error) from error


class _Threads(ThreadPoolExecutor):
    """The default executor of an event loop in which agents advance: each advance has threads of its own.

    LangGraph and LangChain call plain functions by the loop's default executor, and so does `asyncio.to_thread`. A run
    whose nodes sleep on all of its threads holds no other run up. A child that a function forks ends with it.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function on a thread: of the advance in whose task this is called, if there is one."""
        advancing = current.get(None)
        threads = None if advancing is None else advancing.threads()
        if threads is not None:
            return threads.submit(_call_here, fn, *args, **kwargs)
        return super().submit(_call_here, fn, *args, **kwargs)


def _call_here(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    with _contained():
        return fn(*args, **kwargs)


class _Tasks:
    """A task factory that contains the tasks of agents, and leaves others as they are."""

    def __init__(self, inner: Callable[..., asyncio.Future[Any]] | None) -> None:
        self._make = inner or _task

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any],
        *,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Future[Any]:
        advancing = current.get(None) if context is None else context.get(current)
        if advancing is not None:
            work = Contained(work)
        if context is not None:
            options["context"] = context
        return self._make(loop, work, **options)


def _task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Future[Any]:
    return asyncio.Task(work, loop=loop, **options)


def guard(loop: asyncio.AbstractEventLoop) -> None:
    """Prepare an event loop for agents, once: its tasks that agents make, and its default executor."""
    made: Any = loop.get_task_factory()
    if not isinstance(made, _Tasks):
        loop.set_task_factory(cast("Any", _Tasks(made)))
        loop.set_default_executor(_Threads(thread_name_prefix="interlock-agent"))

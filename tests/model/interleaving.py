"""Work that stops where a test wants it to, so that other work comes in between, or that dies there.

One piece of work runs at a time, from one point to another: the same plan gives the same interleaving every time, over
every store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from interlock.engine.changes import Changes, Entry
from interlock.engine.ports.store import Loaded, Store
from interlock.errors import Halt, InterlockError


class Crash(BaseException):
    """The process is gone: nothing that it had begun goes on, and nobody is told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a piece of work came to, comparable between stores.

    Args:
        how: `done`, `refused`, `stopped` or `crashed`.
        value: what it returned, or the code and sentence of the refusal, or the point where it stopped.
    """

    how: str
    value: Any = None

    @property
    def code(self) -> str | None:
        """The code of a refusal."""
        return str(self.value[0]) if self.how == "refused" else None


Stop = int | str | None
"""Where to stop: after so many points have been passed, at the first point of this name, or nowhere."""

_mine: ContextVar[Course] = ContextVar("interlock_course")


async def point(name: str) -> None:
    """Pass a place where work may stop. Outside of a `Course` nothing happens here."""
    course = _mine.get(None)
    if course is not None:
        await course.passing(name)


class Course:
    """A piece of work under way.

    Args:
        work: it must be awaited nowhere else.
        since: any number that says when it began.
    """

    def __init__(self, work: Callable[[], Coroutine[Any, Any, Any]], since: int = 0) -> None:
        self.since = since
        self.at: str | None = None
        self._work = work
        self._task: asyncio.Task[Outcome] | None = None
        self._stop: Stop = None
        self._stopped: asyncio.Future[str] | None = None
        self._resumed: asyncio.Future[bool] | None = None

    async def go(self, stop: Stop = None) -> Outcome:
        """Go on, to the end or to the point where to stop."""
        self._stop = stop
        self._stopped = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        else:
            assert self._resumed is not None
            self._resumed.set_result(True)
        either: set[asyncio.Future[Any]] = {self._task, self._stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self.at = None
            return self._task.result()
        self.at = self._stopped.result()
        return Outcome("stopped", self.at)

    async def crash(self) -> Outcome:
        """Let it die where it stands."""
        assert self._task is not None
        assert self._resumed is not None
        self._resumed.set_result(False)
        self.at = None
        return await self._task

    async def passing(self, name: str) -> None:
        """Stop here, if it is time."""
        if isinstance(self._stop, int):
            self._stop -= 1
        if self._stop not in {name, -1}:
            return
        assert self._stopped is not None
        self._resumed = asyncio.get_running_loop().create_future()
        self._stopped.set_result(name)
        if not await self._resumed:
            raise Crash

    async def _run(self) -> Outcome:
        _mine.set(self)
        try:
            return Outcome("done", await self._work())
        except Crash:
            return Outcome("crashed")
        except InterlockError as error:
            return Outcome("refused", (error.code, error.message))
        except Halt as halt:
            return Outcome("refused", (halt.code, halt.reason))


def stopping(store: Store) -> Store:
    """Return the store with points around what reads for a decision, and around commits."""
    return cast("Store", _Stopping(store))


class _Stopping:
    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def load(self, tenant: str, request_ids: Iterable[str] = (), **wanted: Any) -> Loaded:
        loaded = await self._store.load(tenant, request_ids, **wanted)
        await point("loaded")
        return loaded

    async def history(self, tenant: str, stream: str, *, since: int = 1) -> Sequence[Entry]:
        entries = await self._store.history(tenant, stream)
        await point("log read")
        return entries

    async def commit(self, changes: Changes) -> None:
        await point("committing")
        await self._store.commit(changes)
        await point("committed")

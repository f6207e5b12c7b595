"""Work that is done one after another: what waits for its turn holds no thread that others could use."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

Work = tuple[Future[None], Callable[[], None]]


class SerialExecutor:
    """Does work on threads, of each name one piece at a time, in the order in which it was given.

    Args:
        threads: after each piece of work the next one of its name stands behind all that waits for a thread.
    """

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._waiting: dict[str, deque[Work]] = {}
        self._lock = threading.Lock()

    def submit(self, name: str, work: Callable[[], None]) -> Future[None]:
        """Do some work when its turn comes; return what tells of its end."""
        future: Future[None] = Future()
        with self._lock:
            is_first = name not in self._waiting
            self._waiting.setdefault(name, deque()).append((future, work))
        if is_first:
            self._threads.submit(self._carry_out, name)
        return future

    def _carry_out(self, name: str) -> None:
        while self._is_left_after_one(name):
            with suppress(RuntimeError):  # the threads take nothing new, as the store is closed: it is done here
                self._threads.submit(self._carry_out, name)
                return

    def _is_left_after_one(self, name: str) -> bool:
        with self._lock:
            future, work = self._waiting[name][0]
        if future.set_running_or_notify_cancel():
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
                future.set_exception(error)
            else:
                future.set_result(None)
        with self._lock:
            self._waiting[name].popleft()
            if not self._waiting[name]:
                del self._waiting[name]
            return name in self._waiting

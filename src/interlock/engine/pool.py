"""The engine's own threads, which no agent's plain function can keep busy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

__all__ = ["EnginePool"]

P = ParamSpec("P")
T = TypeVar("T")

NUMBER = 8


class EnginePool:
    """Threads for what the engine does that takes its second, or waits for a disk."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(NUMBER, thread_name_prefix="interlock-engine")

    async def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function on one of them, and return what it returns."""
        return await asyncio.wrap_future(self._pool.submit(fn, *args, **kwargs))

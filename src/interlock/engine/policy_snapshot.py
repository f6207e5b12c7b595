"""The configuration as one call found it, for all that the call does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from interlock.engine.ports.policies import Policies, PolicySet


@dataclass(slots=True)
class _Call:
    found: dict[Policies, PolicySet] = field(default_factory=dict)
    over: bool = False


_call: ContextVar[_Call | None] = ContextVar("_call", default=None)


@contextmanager
def policy_snapshot() -> Iterator[None]:
    """Read the configuration's file once for all work in this block, including tasks that start in it.

    A hundred votes of one call are decided by the configuration that the call found. Each check of the file is a system
    call, at which other threads take over the interpreter.
    """
    call = _Call()
    token = _call.set(call)
    try:
        yield
    finally:
        call.over = True  # a task that outlives the block has a copy of the context
        _call.reset(token)


def from_snapshot(policies: Policies, read: Callable[[], PolicySet]) -> PolicySet:
    """Return what the snapshot has read already; else read it."""
    call = _call.get()
    if call is None or call.over:
        return read()
    if policies not in call.found:
        call.found[policies] = read()
    return call.found[policies]

"""One look at the configuration for all that one call does."""

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
def one_look() -> Iterator[None]:
    """Let what is done in here look at a configuration once, as also the tasks that begin in here, while it lasts.

    A hundred votes of one call are decided by the configuration that the call found. Each look is a call of the system,
    at which the other threads take the interpreter.
    """
    call = _Call()
    token = _call.set(call)
    try:
        yield
    finally:
        call.over = True  # a task that goes on has a copy of the context
        _call.reset(token)


def looked_at(policies: Policies, look: Callable[[], PolicySet]) -> PolicySet:
    """Return what a look finds, or what was found in this call before."""
    call = _call.get()
    if call is None or call.over:
        return look()
    if policies not in call.found:
        call.found[policies] = look()
    return call.found[policies]

"""People's control over AI agents: an agent pauses, people decide, the agent goes on, and it can be proved.

This is what authors of agents import, and programs that start agents and let people decide. It loads nothing heavy
until it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interlock.domain.action import Action, Draft, Kind, Question, Verdict
    from interlock.domain.authority import Principal
    from interlock.domain.request import Status
    from interlock.embedding import connect, connect_blocking
    from interlock.errors import (
        InterlockError,
        InvalidAgent,
        ModelNotUsable,
        ModelUnavailable,
        NotApproved,
        NotDone,
        ToolFailed,
    )
    from interlock.runtime.agent import Agent
    from interlock.runtime.gate import Decision, ask, progress
    from interlock.runtime.gated import gated
    from interlock.runtime.recall import arecall, recall

__all__ = [
    "Action",
    "Agent",
    "Decision",
    "Draft",
    "InterlockError",
    "InvalidAgent",
    "Kind",
    "ModelNotUsable",
    "ModelUnavailable",
    "NotApproved",
    "NotDone",
    "Principal",
    "Question",
    "Status",
    "ToolFailed",
    "Verdict",
    "arecall",
    "ask",
    "connect",
    "connect_blocking",
    "gated",
    "progress",
    "recall",
]

_HOMES = {
    "domain.action": ("Action", "Draft", "Kind", "Question", "Verdict"),
    "domain.authority": ("Principal",),
    "domain.request": ("Status",),
    "embedding": ("connect", "connect_blocking"),
    "errors": (
        *("InterlockError", "InvalidAgent", "ModelNotUsable", "ModelUnavailable"),
        *("NotApproved", "NotDone", "ToolFailed"),
    ),
    "runtime.agent": ("Agent",),
    "runtime.gate": ("Decision", "ask", "progress"),
    "runtime.gated": ("gated",),
    "runtime.recall": ("arecall", "recall"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"interlock.{home}"), name)
    raise AttributeError(f"module 'interlock' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

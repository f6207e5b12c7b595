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
    from interlock.errors import InterlockError, InvalidAgent, NotApproved, NotDone, ToolFailed
    from interlock.runtime.agent import Agent
    from interlock.runtime.gate import Decision, ask, progress
    from interlock.runtime.gated import gated

__all__ = [
    "Action",
    "Agent",
    "Decision",
    "Draft",
    "InterlockError",
    "InvalidAgent",
    "Kind",
    "NotApproved",
    "NotDone",
    "Principal",
    "Question",
    "Status",
    "ToolFailed",
    "Verdict",
    "ask",
    "connect",
    "connect_blocking",
    "gated",
    "progress",
]

_HOMES = {
    "Action": "domain.action",
    "Agent": "runtime.agent",
    "Decision": "runtime.gate",
    "Draft": "domain.action",
    "InterlockError": "errors",
    "InvalidAgent": "errors",
    "Kind": "domain.action",
    "NotApproved": "errors",
    "NotDone": "errors",
    "Principal": "domain.authority",
    "Question": "domain.action",
    "Status": "domain.request",
    "ToolFailed": "errors",
    "Verdict": "domain.action",
    "ask": "runtime.gate",
    "connect": "embedding",
    "connect_blocking": "embedding",
    "gated": "runtime.gated",
    "progress": "runtime.gate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'interlock' has no attribute {name!r}")
    return getattr(import_module(f"interlock.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

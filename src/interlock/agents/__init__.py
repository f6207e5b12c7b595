"""Agents that ship with Interlock: the four patterns as LangGraph graphs, with the tools they act through.

They use the public API only, as anybody's agent does. A name stands for an importable reference, so that nothing is
imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["AGENTS"]

AGENTS: Mapping[str, str] = MappingProxyType(
    {
        "approval": "interlock.agents.approval:agent",
        "feedback": "interlock.agents.feedback:agent",
        "input": "interlock.agents.input:agent",
        "multi_step": "interlock.agents.multi_step:agent",
        "multi_step_checkpoints": "interlock.agents.multi_step:checkpoints",
    }
)
"""The agents that ship: name to `module:attribute`."""

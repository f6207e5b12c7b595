"""Which types a graph's own code can put into its state: those may come back from the store.

Only classes that hold values are among them: enumerations, Pydantic's models, dataclasses and named tuples. Anything
else in a stored state stays what it is, data (CVE-2025-64439 and its kin).
"""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel

from interlock.domain.action import Action, Draft, Kind, Question, Verdict
from interlock.domain.request import EffectState, Status
from interlock.runtime.breakpoints import Graph, subgraphs

__all__ = ["types_at_hand"]

OURS = frozenset({Action, Draft, EffectState, Kind, Question, Status, Verdict})


def types_at_hand(graph: Graph) -> frozenset[type]:
    """Return Interlock's own types, and those that the modules of a graph's nodes know by a name."""
    modules = {name for _, inner in subgraphs(graph) for node in inner.nodes.values() for name in _modules(node.bound)}
    found = {
        value for name in modules for value in vars(sys.modules.get(name, object)).values() if _holds_values(value)
    }
    return OURS | found


def _modules(runnable: Any) -> Iterator[str]:
    for step in getattr(runnable, "steps", (runnable,)):
        for function in (getattr(step, "func", None), getattr(step, "afunc", None)):
            inner = function
            while isinstance(inner, functools.partial):
                inner = inner.func
            if inner is not None:
                yield getattr(inner, "__module__", None) or type(inner).__module__


def _holds_values(value: object) -> bool:
    if not isinstance(value, type):
        return False
    tuple_ = issubclass(value, tuple) and hasattr(value, "_fields")
    return tuple_ or issubclass(value, Enum | BaseModel) or dataclasses.is_dataclass(value)

"""LangGraph's caches, without decisions.

A cached node is not run, so what an answer led to in one run would be done in another that nobody was asked about. An
advance that goes on from a pause therefore takes nothing from a cache and puts nothing there; the first advance of a
run, in which nobody has answered yet, uses it as LangGraph does. What bare LangGraph has put there stays.
"""

from __future__ import annotations

from typing import Any

from interlock.domain.run import Run

__all__ = ["caching"]


def caching(run: Run) -> dict[str, Any]:
    """Return what LangGraph is configured with: no cache, in all sub-graphs too, once somebody has decided."""
    return {"__pregel_cache": None} if run.pause else {}

"""Which code a reference names, however it is spelled: by a path, a link, a module's name, or a langgraph.json."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from interlock.errors import InvalidAgent
from interlock.runtime.loading.langgraph_json import graph_references

__all__ = ["Code", "code_of"]

Code = tuple[object, str]
"""A file, as the system knows it, or a module's name; and the attribute in it."""


def code_of(reference: str) -> Code:
    """Return what a reference names, without importing it. Two references with equal code are one agent.

    A copy of a file, or another attribute that holds the same object, is other code: that cannot be told.
    """
    target, _, attribute = reference.rpartition(":")
    if target.endswith(".json"):
        place = _place(Path(target), attribute)
        return code_of(place) if place is not None else (_file(target), attribute)
    if target.endswith(".py"):
        return _file(target), attribute
    origin = _origin(target)
    return (target if origin is None else _file(origin)), attribute


def _place(file: Path, name: str) -> str | None:
    try:
        return graph_references(file).get(name)
    except InvalidAgent:
        return None  # whoever loads it is told why


def _file(path: str) -> object:
    """Return device and number of a file: one for every path, link and spelling. The path, if there is no file."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return path
    return found.st_dev, found.st_ino


def _origin(module: str) -> str | None:
    """Return the file of a module. Python's own way to find it would import the packages around it."""
    top, *rest = module.split(".")
    try:
        spec: ModuleSpec | None = importlib.util.find_spec(top)
        for number in range(1, len(rest) + 1):
            if spec is None or spec.submodule_search_locations is None:
                return None
            spec = PathFinder.find_spec(".".join((top, *rest[:number])), spec.submodule_search_locations)
    except Exception:  # noqa: BLE001 - finders are others' code, and names may be anything
        return None
    return spec.origin if spec is not None and spec.has_location else None

"""Which code a reference names, however it is spelled: by a path, a link, a module's name, or a langgraph.json.

And how an agent from a file may be called, where nobody has given it a name.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path, PurePath

from interlock.errors import InvalidAgent
from interlock.runtime.loading.langgraph_json import graph_references

SAYS_NOTHING = frozenset(
    {
        "agent", "app", "build", "builder", "chain", "compiled", "compiled_graph", "create_agent", "create_graph", "g",
        "get_agent", "get_graph", "graph", "main", "make_agent", "make_graph", "runnable", "src", "workflow",
        "__init__", "__main__",
    }
)  # fmt: skip
"""Names that people give to any graph, to its file, or to the folder of the file."""


def code_of(reference: str) -> tuple[object, str]:
    """Return which file, or module's name, and which attribute in it a reference names, without importing it.

    Two references with equal code are one agent. A copy of a file, or another attribute that holds the same object, is
    other code: that cannot be told.
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


def names_for(reference: str) -> Iterator[str]:
    """Return how an agent from a file may be called, the shortest name first, the reference itself last.

    It is called after its attribute, or after its file where the attribute says nothing, or after its folder and file
    where that says nothing either; the longer names tell files of one name apart.

    Args:
        reference: `/absolute/file.py:attribute`.
    """
    target, _, attribute = reference.rpartition(":")
    path, name = PurePath(target), attribute.rpartition(".")[2]
    parts = [part for part in reversed(path.parent.parts) if part != path.anchor]
    if not _says_nothing(name):
        parts.insert(0, path.stem)
    else:
        name = path.stem
        if _says_nothing(name):
            parts = [*itertools.dropwhile(_says_nothing, parts)]
            name = f"{parts.pop(0)}/{name}" if parts else name
    yield name
    for part in parts:
        name = f"{part}/{name}"
        yield name
    yield reference


def _says_nothing(name: str) -> bool:
    return name.casefold() in SAYS_NOTHING

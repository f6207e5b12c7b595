"""How an agent from a file may be called, where nobody has given it a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

__all__ = ["names_for"]

SAYS_NOTHING = frozenset(
    {
        "agent",
        "app",
        "build",
        "builder",
        "chain",
        "compiled",
        "compiled_graph",
        "create_agent",
        "create_graph",
        "g",
        "get_agent",
        "get_graph",
        "graph",
        "main",
        "make_agent",
        "make_graph",
        "runnable",
        "src",
        "workflow",
        "__init__",
        "__main__",
    }
)
"""Names that people give to any graph, to its file, or to the folder of the file."""


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
            parts = list(_from_first_that_tells(parts))
            name = f"{parts.pop(0)}/{name}" if parts else name
    yield name
    for part in parts:
        name = f"{part}/{name}"
        yield name
    yield reference


def _says_nothing(name: str) -> bool:
    return name.casefold() in SAYS_NOTHING


def _from_first_that_tells(folders: list[str]) -> Iterator[str]:
    told = False
    for folder in folders:
        told = told or not _says_nothing(folder)
        if told:
            yield folder

"""Imports an agent: `module:attribute`, `/absolute/file.py:attribute`, or `/absolute/langgraph.json:name`.

An import runs the agent's code, which may raise anything, end the process, fork, or never return. What it raises is
told as `InvalidAgent`; for the rest see `registry.py` and `probe.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from interlock.domain.canonical import digest
from interlock.domain.request import FILE_MODULE
from interlock.errors import InvalidAgent
from interlock.runtime.loading.langgraph_json import graph_references, prepare

if TYPE_CHECKING:
    from interlock.runtime.agent import Agent

_files: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # as Python has one for each module


def preload() -> None:
    """Import LangGraph and what runs it: it takes a second or more, and whoever only votes needs none of it."""
    importlib.import_module("interlock.runtime.runner")


def is_ours(reference: str) -> bool:
    """Say whether an import of this reference runs no code but Interlock's, or none at all."""
    target = reference.rpartition(":")[0]
    return not target.endswith((".py", ".json")) and (target.partition(".")[0] == "interlock" or target in sys.modules)


MADE_HERE = "made_here"
"""In place of a module's name: the agent is an object of this process."""


def find(reference: str) -> None:
    """Look whether there is something to import, without running any of its code."""
    target, _, attribute = reference.rpartition(":")
    if target.endswith(".json"):
        place = _place(Path(target), attribute).rpartition(":")[0]
        if place.endswith(".py"):  # a module may be in the file's dependencies, which are not on the path yet
            _must_exist(Path(place), reference)
    elif target.endswith(".py"):
        _must_exist(Path(target), reference)
    elif target == MADE_HERE:
        raise InvalidAgent(
            f"The agent {attribute} is an object of the process that made it: register it there, or here, under this "
            "name (`interlock.connect(agents=…)`)."
        )
    elif not _is_importable(target):
        raise InvalidAgent(f"There is no module {target}, so the agent {reference} cannot be loaded.")


def _must_exist(path: Path, reference: str) -> None:
    if not path.is_file():
        raise InvalidAgent(f"There is no file {path}, so the agent {reference} cannot be loaded.")


def _is_importable(module: str) -> bool:
    """Say whether a module may be found; its packages are not imported for that."""
    parts = module.split(".")
    path: Any = None
    try:
        for number in range(1, len(parts) + 1):
            name = ".".join(parts[:number])
            spec = next(filter(None, (finder.find_spec(name, path, None) for finder in sys.meta_path)), None)
            if name not in sys.modules and spec is None:
                return False
            path = sys.modules[name].__path__ if name in sys.modules and number < len(parts) else None
            path = path or (spec.submodule_search_locations if spec is not None else None)
    except Exception:  # noqa: BLE001 - whoever imports it hears what is wrong
        return True
    return True


def _place(file: Path, name: str) -> str:
    places = graph_references(file)
    if name not in places:
        raise InvalidAgent(f"{file} has no graph {name!r}; it has {', '.join(sorted(places))}.")
    return places[name]


def import_agent(reference: str) -> Agent:
    """Return the agent that a reference names, imported in this thread; raise InvalidAgent with the reason why not."""
    from interlock.runtime.agent import as_agent  # noqa: PLC0415 - see `preload`
    from interlock.runtime.error_text import told  # noqa: PLC0415
    from interlock.runtime.loading.child_processes import only_here  # noqa: PLC0415

    target, _, attribute = reference.rpartition(":")
    try:
        with only_here():
            found = _named(Path(target), attribute) if target.endswith(".json") else _found(reference)
            return as_agent(found, reference)
    except InvalidAgent:
        raise
    except BaseException as error:  # whatever an import raises, an exit too, says that there is no agent
        raise InvalidAgent(f"The agent {reference} cannot be loaded here: {told(error)}.") from error


def _named(file: Path, name: str) -> Any:
    place = _place(file, name)
    prepare(file)
    found = _found(place)
    if not callable(found) or isinstance(found, type) or hasattr(found, "invoke") or hasattr(found, "compile"):
        return found
    from interlock.runtime.loading.factories import made_by  # noqa: PLC0415 - see `preload`

    return made_by(found, place, name)


def _found(reference: str) -> Any:
    target, _, attribute = reference.rpartition(":")
    is_file = target.endswith(".py")
    module = _import_file(Path(target), reference) if is_file else importlib.import_module(target)
    try:
        found: Any = module
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise InvalidAgent(f"{target} has no {attribute!r}, so the agent {reference} cannot be loaded.") from None
    return found


def _import_file(path: Path, reference: str) -> ModuleType:
    _must_exist(path, reference)
    name = f"{FILE_MODULE}{digest(str(path)).removeprefix('sha256:')[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _files[name]:
        sys.modules[name] = module
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))  # its neighbours, as when Python runs the file
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module

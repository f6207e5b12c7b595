"""Agents by reference: `module:attribute`, `/absolute/file.py:attribute`, or `/absolute/langgraph.json:name`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from interlock.config.paths import expanded
from interlock.domain.canonical import digest
from interlock.errors import InvalidAgent, InvalidConfig
from interlock.runtime.identity import code_of
from interlock.runtime.langgraph_json import called, graph_references, prepare

if TYPE_CHECKING:
    from interlock.runtime.agent import Agent

__all__ = ["Registry"]


class Registry:
    """Finds agents by the names that are configured, and loads them once.

    Args:
        names: agent name to reference.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)
        self._loaded: dict[str, Agent] = {}
        self._lock = threading.Lock()

    def reference(self, name: str) -> tuple[str, str]:
        """Return the name and the importable reference of an agent, given its name or a reference.

        A reference to a known agent's code is that agent, however it is spelled: policies know it by its name. Where
        several names have the same code, the last one holds. What has no name is called after its attribute, unless
        that is the name of another agent: then it goes by its whole reference.

        Raises:
            InvalidAgent: if it is neither.
        """
        if name in self.names:
            return name, self.names[name]
        if ":" not in name:
            known = ", ".join(sorted(self.names)) or "none"
            raise InvalidAgent(
                f"There is no agent {name!r}. Known agents: {known}. Or give one as module:attribute, "
                "file.py:attribute or langgraph.json:name."
            )
        target, _, attribute = name.rpartition(":")
        is_file = target.endswith((".py", ".json"))
        reference = f"{_resolved(target)}:{attribute}" if is_file else name
        code = code_of(reference)
        known_as = next((known for known in reversed(self.names) if code_of(self.names[known]) == code), None)
        if known_as is not None:
            return known_as, self.names[known_as]
        return (attribute if is_file and attribute not in self.names else reference), reference

    def load(self, reference: str) -> Agent:
        """Return the agent that a reference names.

        Raises:
            InvalidAgent: if it cannot be imported, or is not a graph; with the reason.
        """
        with self._lock:
            if reference not in self._loaded:
                self._loaded[reference] = _load(reference)
            return self._loaded[reference]


def _resolved(path: str) -> Path:
    try:
        return expanded(path).resolve()
    except InvalidConfig as error:
        raise InvalidAgent(f"{path} is no path: {error.message}") from None
    except (OSError, ValueError, RuntimeError) as error:  # such as a NUL, or links in a circle
        raise InvalidAgent(f"{path} is no path: {error}.") from None


def _load(reference: str) -> Agent:
    # LangGraph takes a second or more to load, and whoever only votes needs no agent.
    from langgraph.graph import StateGraph  # noqa: PLC0415
    from langgraph.pregel import Pregel  # noqa: PLC0415

    from interlock.runtime.agent import Agent  # noqa: PLC0415

    target, _, attribute = reference.rpartition(":")
    found = _named(Path(target), attribute) if target.endswith(".json") else _found(reference)
    if isinstance(found, Agent):
        return found
    if isinstance(found, StateGraph | Pregel):
        return Agent(found)
    raise InvalidAgent(
        f"{reference} is {type(found).__name__}, not an agent: it must be a LangGraph graph or an interlock.Agent."
    )


def _named(file: Path, name: str) -> Any:
    """Return the graph that a langgraph.json names."""
    places = graph_references(file)
    if name not in places:
        raise InvalidAgent(f"{file} has no graph {name!r}; it has {', '.join(sorted(places))}.")
    prepare(file)
    found = _found(places[name])
    if not callable(found) or isinstance(found, type) or hasattr(found, "invoke") or hasattr(found, "compile"):
        return found
    try:
        return called(found, places[name])
    except InvalidAgent:
        raise
    except (Exception, SystemExit) as error:
        raise _unloadable(places[name], error) from error


def _found(reference: str) -> Any:
    target, _, attribute = reference.rpartition(":")
    module = _import_file(Path(target), reference) if target.endswith(".py") else _import_module(target, reference)
    try:
        found: Any = module
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise InvalidAgent(f"{target} has no {attribute!r}, so the agent {reference} cannot be loaded.") from None
    return found


def _import_module(name: str, reference: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except InvalidAgent:
        raise
    except (Exception, SystemExit) as error:
        raise _unloadable(reference, error) from error


def _import_file(path: Path, reference: str) -> ModuleType:
    if not path.is_file():
        raise InvalidAgent(f"There is no file {path}, so the agent {reference} cannot be loaded.")
    name = f"interlock_agent_{digest(str(path)).removeprefix('sha256:')[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))  # its neighbours, as when Python runs the file
    try:
        spec.loader.exec_module(module)
    except InvalidAgent:
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _unloadable(reference, error) from error
    return module


def _unloadable(reference: str, error: BaseException) -> InvalidAgent:
    return InvalidAgent(f"The agent {reference} cannot be loaded here: {type(error).__name__}: {error}.")

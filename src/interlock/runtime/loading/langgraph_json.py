"""`langgraph.json`: the graphs that a LangGraph project names, as agents.

Read are `graphs` (a `path:attribute`, or an object with a `path`), `dependencies` (folders, which go on Python's path),
and `env` (variables, or a file of them as python-dotenv reads it; what is set already stays). The rest is for
LangGraph's own server. A graph may be made by a function: see `factories.py`.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interlock.domain.canonical import parse_json
from interlock.errors import InvalidAgent, InvalidValue

FILE = "langgraph.json"
LARGEST = 256_000


def project_agents(folder: Path) -> dict[str, str]:
    """Return the agents that a folder's `langgraph.json` names, name to reference; none if it has no such file."""
    file = folder.absolute() / FILE
    return {name: f"{file}:{name}" for name in graph_references(file)} if file.is_file() else {}


def graph_references(file: Path) -> dict[str, str]:
    """Return the graphs that a file names, by name: `module:attribute`, or an absolute `file.py:attribute`.

    Raises:
        InvalidAgent: if the file cannot be read, or a graph's place makes no sense.
    """
    graphs = _read(file).get("graphs")
    if not isinstance(graphs, dict) or not graphs:
        raise _wrong(file, 'has no graphs: it needs "graphs": {"name": "./file.py:attribute"}')
    return {name: _place(file, name, value) for name, value in graphs.items()}


def prepare(file: Path) -> None:
    """Let this process import what a file's graphs need: put its dependencies on the path, and set its variables."""
    content = _read(file)
    dependencies = content.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(one, str) for one in dependencies):
        raise _wrong(file, "dependencies must be a list of texts")
    for dependency in dependencies:
        if not dependency.startswith("."):
            continue  # a package, which has to be installed
        folder = (file.parent / dependency).resolve()
        if not folder.is_dir():
            raise _wrong(file, f"the dependency {dependency} is no folder")
        for path in (folder, folder / "src"):
            if path.is_dir() and str(path) not in sys.path:
                sys.path.insert(0, str(path))
    for key, value in _variables(file, content.get("env", {})).items():
        if not key or "=" in key or not _is_text(key + value):
            raise _wrong(file, f"env sets {key!r}, which is no variable, or not to a text that one can hold")
        os.environ.setdefault(key, value)


def _read(file: Path) -> dict[str, Any]:
    try:
        raw = file.read_bytes()[: LARGEST + 1]
    except OSError as error:
        raise _wrong(file, f"cannot be read ({error.strerror or error})") from None
    if len(raw) > LARGEST:
        raise _wrong(file, f"is larger than {LARGEST:,} bytes")
    try:
        content = parse_json(raw)
    except InvalidValue as error:
        raise _wrong(file, error.reason) from None
    if not isinstance(content, dict):
        raise _wrong(file, "must be a JSON object")
    return content


def _place(file: Path, name: str, value: object) -> str:
    path = value.get("path") if isinstance(value, dict) else value
    target, colon, attribute = path.rpartition(":") if isinstance(path, str) else ("", "", "")
    if not colon or not target or not attribute:
        raise _wrong(file, f'graphs.{name} must be "./file.py:attribute", or an object with such a "path"')
    if target.endswith(".py"):
        try:
            return f"{(file.parent / target).resolve()}:{attribute}"
        except (OSError, ValueError, RuntimeError) as error:  # such as a NUL, or links in a circle
            raise _wrong(file, f"graphs.{name} names {target!r}, which is no path ({error})") from None
    if "/" in target or target.startswith("."):
        raise _wrong(file, f"graphs.{name} is {target}, which is no Python file")
    return f"{target}:{attribute}"


def _variables(file: Path, env: object) -> Mapping[str, str]:
    if isinstance(env, dict):
        return {str(key): str(value) for key, value in env.items()}
    if not isinstance(env, str):
        raise _wrong(file, "env must be an object, or the name of a file of KEY=VALUE lines")
    path = file.parent / env
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        logging.getLogger(__name__).warning("%s: env names %s, which does not exist: nothing is set by it.", file, env)
        return {}
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise _wrong(
            file, f"env names {env}, which cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None
    from dotenv import dotenv_values  # noqa: PLC0415 - only where there is such a file

    return {key: value for key, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}


def _is_text(text: str) -> bool:
    """Say whether the system can take a text: as a variable, or its value."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _wrong(file: Path, what: str) -> InvalidAgent:
    return InvalidAgent(f"{file}: {what}.")

"""Does an agent gate anything? Read from its code, as far as that shows it; for `interlock doctor` to tell people."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from interlock.runtime.breakpoints import Graph, subgraphs
from interlock.runtime.gate import Decision, ask

NAMES = frozenset({"ask", "gated"})
GATE = "_gate.<locals>.gate"  # what `@gated` makes of a function
MIDDLEWARE = "interlock.langchain"
MOST = 20_000
FRAMEWORKS = frozenset({*sys.stdlib_module_names, "langchain", "langchain_core", "langgraph", "langsmith", "pydantic"})
LEAVES = (str, bytes, int, float, bool, type(None), ModuleType, CodeType)


def gates(graph: Graph) -> bool:
    """Say whether a graph's nodes, or what can be seen of what they call, use `ask`, `@gated` or `GatedTools`.

    False does not prove that they do not: code may be found at run time in ways that nobody sees.
    """
    found: list[Any] = [node.bound for _, subgraph in subgraphs(graph) for node in subgraph.nodes.values()]
    seen: set[int] = set()
    for one in found:
        if id(one) in seen or isinstance(one, LEAVES):
            continue
        seen.add(id(one))
        if _is_gate(one):
            return True
        if len(found) < MOST:
            found.extend(_reached(one))
    return False


def _is_gate(one: Any) -> bool:
    if one is ask or one is Decision:
        return True
    if isinstance(one, FunctionType):
        codes = [*_codes(one.__code__)]
        names = [{*code.co_names} for code in codes]
        return codes[0].co_qualname == GATE or any("interlock" in used and used & NAMES for used in names)
    return type(one).__module__ == MIDDLEWARE


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


def _reached(one: Any) -> Iterator[Any]:
    """Yield what can be reached from a function or an object in one step."""
    match one:
        case MethodType():
            yield from (one.__func__, one.__self__)
        case functools.partial():
            yield from (one.func, *one.args, *one.keywords.values())
        case FunctionType():
            yield from _reached_from_function(one)
        case dict():
            yield from one.values()
        case list() | tuple() | set() | frozenset():
            yield from one
        case type():
            yield from _methods(one)
        case _:
            yield from [*getattr(one, "__dict__", {}).values()]
            yield from _methods(type(one))


def _reached_from_function(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue  # not bound yet
    if not _is_framework(function):
        names = {name for code in _codes(function.__code__) for name in code.co_names}
        yield from [value for name, value in function.__globals__.items() if name in names]


def _methods(kind: type) -> list[Any]:
    return [] if _is_framework(kind) else [it for it in vars(kind).values() if isinstance(it, FunctionType)]


def _is_framework(one: FunctionType | type) -> bool:
    return (one.__module__ or "").partition(".")[0] in FRAMEWORKS

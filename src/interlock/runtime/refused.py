"""An answer that the graph's own code does not take, such as "two" where it makes a number of it.

People are asked again only if it is certain that nothing happened between the answer and the error: the function that
asked has raised itself, or by a builtin that only reads a value, and calls nothing else in between. Anything less
certain is left to a person, as every advance that broke off with an answer.
"""

from __future__ import annotations

import builtins
import dis
from types import FrameType
from typing import Any

__all__ = ["refuses"]

READING = frozenset(
    {"int", "float", "complex", "str", "bool", "len", "list", "dict", "set", "tuple", "sorted", "min", "max"}
)
READERS = frozenset({"json", "decimal", "datetime", "_strptime", "uuid", "enum", "fractions", "ast", "re"})
METHODS = frozenset(
    {"strip", "lower", "upper", "casefold", "split", "isdigit", "loads", "fromisoformat", "literal_eval"}
)


def refuses(error: BaseException, asked: dict[FrameType, int]) -> FrameType | None:
    """Return the function that has asked and raised without doing anything in between; None if that is not certain.

    Args:
        asked: the functions that were given an answer, and at which instruction.
    """
    frames = [(step, last) for step, last in _steps(error)]
    place = next((index for index in reversed(range(len(frames))) if frames[index][0] in asked), None)
    if place is None or any(not _reads(frame) for frame, _ in frames[place + 1 :]):
        return None
    frame, raised = frames[place]
    return frame if _nothing_between(frame, asked[frame], raised) else None


def _steps(error: BaseException) -> list[tuple[FrameType, int]]:
    steps, trace = [], error.__traceback__
    while trace is not None:
        steps.append((trace.tb_frame, trace.tb_lasti))
        trace = trace.tb_next
    return steps


def _reads(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in READERS


def _nothing_between(frame: FrameType, asked: int, raised: int) -> bool:
    """Say whether a function's code, from one instruction to a later one, calls nothing but what reads a value."""
    if raised <= asked:
        return False
    between = [one for one in dis.get_instructions(frame.f_code) if asked < one.offset <= raised]
    return all(_is_harmless(one, frame) for one in between)


def _is_harmless(one: dis.Instruction, frame: FrameType) -> bool:
    match one.opname:
        case "PUSH_NULL" | "LOAD_DEREF" | "LOAD_CLASSDEREF":  # a local variable is called, or one of another function
            return False
        case "LOAD_GLOBAL" | "LOAD_NAME":
            return _is_reader(one.argval, frame)
        case "LOAD_METHOD" | "LOAD_ATTR":
            return one.argval in METHODS
        case name:
            return not name.startswith(("STORE_ATTR", "STORE_GLOBAL", "STORE_DEREF", "STORE_SUBSCR", "JUMP_BACKWARD",
                                        "IMPORT", "YIELD", "SEND", "GET_AWAITABLE", "BEFORE_", "DELETE_"))  # fmt: skip


def _is_reader(name: str, frame: FrameType) -> bool:
    found: Any = frame.f_globals.get(name, vars(builtins).get(name))
    if isinstance(found, type) and issubclass(found, BaseException):
        return True
    module = getattr(found, "__name__", "") if type(found).__name__ == "module" else getattr(found, "__module__", "")
    if module == "builtins":
        return name in READING and found is vars(builtins).get(name)
    return module in READERS

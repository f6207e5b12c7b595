"""Whether a function's code only reads values, between two of its instructions or while an error leaves it.

The ways that its control may take are followed, loops and the handlers of `try` among them. What is not known to read
is taken to act.
"""

from __future__ import annotations

import builtins
import dis
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import CodeType, FrameType
from typing import Any

__all__ = ["READERS", "leaves_quietly", "only_reads_between"]

READING = frozenset(
    {"int", "float", "complex", "str", "bool", "len", "list", "dict", "set", "tuple", "sorted", "min", "max"}
)
READERS = frozenset({"json", "decimal", "datetime", "_strptime", "uuid", "enum", "fractions", "ast", "re"})
METHODS = frozenset(
    {"strip", "lower", "upper", "casefold", "split", "isdigit", "loads", "fromisoformat", "literal_eval"}
)
READS = (
    "BINARY_SUBSCR", "BUILD_LIST", "BUILD_MAP", "BUILD_STRING", "BUILD_TUPLE", "CACHE", "CHECK_EXC_MATCH",
    "COMPARE_OP", "CONTAINS_OP", "CONVERT_VALUE", "COPY", "DELETE_FAST", "EXTENDED_ARG", "FORMAT_", "IS_OP",
    "JUMP_", "KW_NAMES", "LOAD_ASSERTION_ERROR", "LOAD_COMMON_CONSTANT", "LOAD_CONST",
    "LOAD_SMALL_INT", "NOP", "NOT_TAKEN", "POP_EXCEPT", "POP_JUMP", "POP_TOP", "PRECALL", "PUSH_EXC_INFO",
    "RAISE_VARARGS", "RERAISE", "RETURN_", "STORE_FAST", "SWAP", "TO_BOOL", "UNARY_NOT",
)  # fmt: skip
"""How the names of instructions begin that act on nothing."""

DATA = frozenset(
    {
        type(None), bool, int, float, complex, str, bytes, list, dict, set, frozenset, tuple, type(...),
        Decimal, date, datetime, time, timedelta,
    }
)  # fmt: skip
"""The types of values that do nothing when they are compared, called with, looked into or shown."""

ENDS = ("RAISE_VARARGS", "RERAISE", "RETURN_")
JUMPS = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE")
"""How the names of instructions begin that are followed by another than the next."""


def only_reads_between(frame: FrameType, asked: int, raised: int) -> bool:
    """Say whether whatever may have run after one instruction, up to another, only reads.

    Args:
        asked: the instruction that has returned the answer, and did not run again since.
        raised: the one at which the function stands.
    """
    flow = _Flow(frame.f_code)
    start = flow.at(asked)
    ran = flow.between(start, flow.at(raised))
    return bool(ran) and _only_reads(flow, sorted(ran), frame, start)


def leaves_quietly(frame: FrameType, raised: int) -> bool:
    """Say whether a function only reads while an error leaves it: in `finally`, `except` or `with`."""
    flow = _Flow(frame.f_code)
    return _only_reads(flow, sorted(flow.on_the_way_out(flow.at(raised))), frame, None)


class _Flow:
    """Which instruction of a function may follow which. Instructions are known by their place in the list of all."""

    def __init__(self, code: CodeType) -> None:
        found = dis.Bytecode(code)
        self.code = list(found)
        self._places = {one.offset: place for place, one in enumerate(self.code)}
        self._handlers = [
            (entry.start, entry.end, entry.target)
            for entry in found.exception_entries  # type: ignore[attr-defined]  # since 3.11, missing in its stubs
        ]

    def at(self, offset: int) -> int:
        """Return the place of the instruction that stands at an offset, or around it."""
        return max(place for known, place in self._places.items() if known <= max(offset, 0))

    def between(self, start: int, end: int) -> set[int]:
        """Return what may run after one instruction and up to another, the former not passed again."""
        after = self._reached({*self._next(start)}, self._follows, {start})
        if end not in after:
            return set()
        before: dict[int, set[int]] = {}
        for place in after:
            for following in self._follows(place):
                before.setdefault(following, set()).add(place)
        return self._reached({end}, lambda place: before.get(place, set()), {start}) & after

    def on_the_way_out(self, raised: int) -> set[int]:
        """Return what may run while an error that was raised somewhere leaves the function."""
        return self._reached({*self._handler(raised)}, self._goes_out, set())

    def _reached(self, first: set[int], follow: Callable[[int], Iterable[int]], without: set[int]) -> set[int]:
        reached = first - without
        left = list(reached)
        while left:
            new = {*follow(left.pop())} - reached - without
            reached |= new
            left += new
        return reached

    def _follows(self, place: int) -> Iterator[int]:
        yield from self._next(place)
        yield from self._handler(place)

    def _goes_out(self, place: int) -> Iterator[int]:
        """Yield what follows while an error goes on: where a handler is done with it, it stays."""
        yield from self._handler(place)
        following = [*self._next(place)]
        if self.code[place].opname == "POP_EXCEPT":
            following = [one for one in following if self.code[one].opname == "RERAISE"]
        yield from following

    def _next(self, place: int) -> Iterator[int]:
        one = self.code[place]
        if one.opcode in dis.hasjrel or one.opcode in dis.hasjabs:
            yield self._places[one.argval]
        if not one.opname.startswith((*ENDS, *JUMPS)) and place + 1 < len(self.code):
            yield place + 1

    def _handler(self, place: int) -> Iterator[int]:
        offset = self.code[place].offset
        for start, end, target in self._handlers:
            if start <= offset < end:
                yield self._places[target]


def _only_reads(flow: _Flow, places: Iterable[int], frame: FrameType, asked: int | None) -> bool:
    """Say whether instructions do nothing but read.

    What they call is a builtin or a function of a module that reads, or a method of the answer, or of what came of it.
    What they use beside the answer is plain data.
    """
    answer = None if asked is None else _stored_in(flow.code[asked + 1])
    plain, last = answer is None and asked is not None, asked  # whether what was loaded last came of the answer
    for place in places:
        one = flow.code[place]
        plain = plain and last is not None and place == last + 1
        last = place
        loaded = _loaded(one)
        match one.opname:
            case "LOAD_GLOBAL" | "LOAD_NAME":
                plain = _is_reader(one.argval, frame)
                if not plain:
                    return False
            case "LOAD_METHOD" | "LOAD_ATTR":
                if not plain or one.argval not in METHODS:
                    return False
            case "CALL" | "CALL_KW":
                plain = True
            case _ if loaded:
                plain = loaded[-1] == answer
                if not all(name == answer or _is_data(name, frame) for name in loaded):
                    return False
            case name if not name.startswith(READS) and not _passes_on(one):
                return False
    return True


def _stored_in(one: dis.Instruction) -> str | None:
    """Return in which variable an instruction puts the answer."""
    if not one.opname.startswith("STORE_FAST"):
        return None
    return one.argval[0] if isinstance(one.argval, tuple) else str(one.argval)


def _loaded(one: dis.Instruction) -> tuple[str, ...]:
    """Return which variables an instruction loads; since Python 3.13 one may load two, or store one and load one."""
    match one.opname:
        case "LOAD_FAST_LOAD_FAST" | "LOAD_FAST_BORROW_LOAD_FAST_BORROW":
            return tuple(one.argval)
        case "STORE_FAST_LOAD_FAST":
            return (one.argval[1],)
        case name if name.startswith("LOAD_FAST"):
            return (one.argval,)
    return ()


def _passes_on(one: dis.Instruction) -> bool:
    """Say whether an instruction is what Python 3.12 and later put around a whole generator or coroutine."""
    return one.opname == "CALL_INTRINSIC_1" and one.argrepr == "INTRINSIC_STOPITERATION_ERROR"


def _is_data(name: str, frame: FrameType) -> bool:
    return name not in frame.f_locals or type(frame.f_locals[name]) in DATA


def _is_reader(name: str, frame: FrameType) -> bool:
    found: Any = frame.f_globals.get(name, vars(builtins).get(name))
    if isinstance(found, type) and issubclass(found, BaseException):
        return True
    module = getattr(found, "__name__", "") if type(found).__name__ == "module" else getattr(found, "__module__", "")
    if module == "builtins":
        return name in READING and found is vars(builtins).get(name)
    return module in READERS

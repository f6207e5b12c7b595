"""Whether a function's code only reads values, between two of its instructions or while an error leaves it.

The ways that its control may take are followed, loops and the handlers of `try` among them. What is not known to read
is taken to act.
"""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, EnumType, auto
from fractions import Fraction
from types import CodeType, FrameType
from typing import Any
from uuid import UUID

READING = frozenset(
    {
        "abs", "bool", "complex", "dict", "float", "int", "isinstance", "len", "list", "max", "min", "round", "set",
        "sorted", "str", "sum", "tuple",
    }
)  # fmt: skip
READERS = frozenset({"json", "decimal", "datetime", "_strptime", "uuid", "enum", "fractions", "ast", "re"})
METHODS = frozenset(
    {
        "strip", "lstrip", "rstrip", "lower", "upper", "casefold", "title", "split", "replace", "startswith",
        "endswith", "isdigit", "isdecimal", "isnumeric", "isalpha", "get", "loads", "fromisoformat", "literal_eval",
    }
)  # fmt: skip
READS = (
    "BINARY_", "BUILD_LIST", "BUILD_MAP", "BUILD_SLICE", "BUILD_STRING", "BUILD_TUPLE", "CACHE", "CHECK_EXC_MATCH",
    "COMPARE_OP", "CONTAINS_OP", "CONVERT_VALUE", "COPY", "DELETE_FAST", "EXTENDED_ARG", "FORMAT_", "GET_LEN", "IS_OP",
    "JUMP_", "KW_NAMES", "LOAD_ASSERTION_ERROR", "LOAD_COMMON_CONSTANT", "LOAD_CONST", "LOAD_SMALL_INT", "MATCH_",
    "NOP", "NOT_TAKEN", "POP_EXCEPT", "POP_JUMP", "POP_TOP", "PRECALL", "PUSH_EXC_INFO", "RAISE_VARARGS", "RERAISE",
    "RETURN_", "STORE_FAST", "SWAP", "TO_BOOL", "UNARY_", "UNPACK_SEQUENCE",
)  # fmt: skip
"""How the names of instructions begin that act on nothing."""

FOLLOWED = ("CALL", "LOAD_ATTR", "LOAD_FAST", "LOAD_GLOBAL", "LOAD_METHOD", "LOAD_NAME", "PUSH_NULL")
"""Those of which it depends on the values whether they act."""

MISSING: Any = vars(Enum)["_missing_"]
"""What an enumeration does with a value that is none of its members', if it does nothing of its own."""

DATA = frozenset(
    {
        type(None), bool, int, float, complex, str, bytes, list, dict, set, frozenset, tuple, type(...),
        Decimal, Fraction, UUID, date, datetime, time, timedelta,
    }
)  # fmt: skip
"""The types of values that do nothing when they are compared, called with, looked into or shown."""

ENDS = ("RAISE_VARARGS", "RERAISE", "RETURN_")
JUMPS = ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE")
"""How the names of instructions begin that are followed by another than the next."""


def only_reads_between(frame: FrameType, asked: int, raised: int) -> bool:
    """Say whether whatever may have run after an instruction that has not run again, up to another, only reads."""
    flow = _Flow(frame.f_code)
    start = flow.at(asked)
    ran = flow.between(start, flow.at(raised))
    reading = _Reading(flow, frame)
    reading.answered(start)
    return bool(ran) and reading.only(sorted(ran, key=lambda place: (place < start, place)))


def leaves_quietly(frame: FrameType, raised: int) -> bool:
    """Say whether a function only reads while an error leaves it: in `finally`, `except` or `with`."""
    flow = _Flow(frame.f_code)
    return _Reading(flow, frame).only(sorted(flow.on_the_way_out(flow.at(raised))))


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
        self.joins = {self._places[target] for _, _, target in self._handlers}
        for place in range(len(self.code)):
            self.joins |= {*self.following(place)} - {place + 1}

    def at(self, offset: int) -> int:
        """Return the place of the instruction that stands at an offset, or around it."""
        return max(place for known, place in self._places.items() if known <= max(offset, 0))

    def between(self, start: int, end: int) -> set[int]:
        """Return what may run after one instruction and up to another, the former not passed again."""
        after = self._reached({*self.following(start)}, self._follows, {start})
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
        yield from self.following(place)
        yield from self._handler(place)

    def _goes_out(self, place: int) -> Iterator[int]:
        """Yield what follows while an error goes on: where a handler is done with it, it stays."""
        yield from self._handler(place)
        following = [*self.following(place)]
        if self.code[place].opname == "POP_EXCEPT":
            following = [one for one in following if self.code[one].opname == "RERAISE"]
        yield from following

    def following(self, place: int) -> Iterator[int]:
        """Yield what may follow an instruction that raises nothing."""
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


class _Is(Enum):
    """What is known of a value on the stack."""

    nothing = auto()
    """Python's own mark for a call that is none of a method."""
    reader = auto()
    """A function or a module that reads, and does nothing else."""
    answer = auto()
    """The answer, or what was read from it."""
    data = auto()
    """Other plain data."""
    other = auto()
    """Anything: what it does when it is called or looked into is not known."""


class _Reading:
    """Follows values through instructions, to know what is called with the answer, and on what."""

    def __init__(self, flow: _Flow, frame: FrameType) -> None:
        self._flow = flow
        self._frame = frame
        self._stack: list[_Is] = []
        self._answers: set[str] = set()  # the variables that hold it
        self._last: int | None = None

    def answered(self, asked: int) -> None:
        """Begin where the answer is given, with what was put on the stack in the same expression before."""
        first = asked
        while first not in self._flow.joins and first > 0 and first in {*self._flow.following(first - 1)}:
            first -= 1
        for place in range(first, asked + 1):
            self._step(self._flow.code[place])
        self._pop()
        self._stack.append(_Is.answer)
        self._last = asked

    def only(self, places: Iterable[int]) -> bool:
        """Say whether instructions do nothing but read.

        What they call is a builtin or a function of a module that reads, or a method of the answer, or of what came of
        it. What they use beside the answer is plain data.
        """
        for place in places:
            if self._last is None or place != self._last + 1 or place in self._flow.joins:
                self._stack.clear()  # what stands on it depends on the way
            self._last = place
            one = self._flow.code[place]
            if not one.opname.startswith((*READS, *FOLLOWED)) and not _passes_on(one):
                return False
            if not self._step(one):
                return False
        return True

    def _step(self, one: dis.Instruction) -> bool:
        """Do to the stack what an instruction does; say whether it uses only values of which is known what they do."""
        match one.opname:
            case "LOAD_GLOBAL" | "LOAD_NAME":
                found = _Is.reader if _is_reader(one.argval, self._frame) else _Is.other
                self._stack += [_Is.nothing, found] if one.opname == "LOAD_GLOBAL" and (one.arg or 0) & 1 else [found]
                return found is _Is.reader
            case "LOAD_METHOD" | "LOAD_ATTR":
                reads = self._pop() in {_Is.answer, _Is.reader} and one.argval in METHODS
                method = one.opname == "LOAD_METHOD" or (sys.version_info >= (3, 12) and bool((one.arg or 0) & 1))
                self._stack += [_Is.reader if reads else _Is.other] * (2 if method else 1)
                return reads
            case "CALL" | "CALL_KW":
                given = {self._pop() for _ in range((one.arg or 0) + (one.opname == "CALL_KW"))}
                behind, before = self._pop(), self._pop()  # a function and its object, or `nothing` on either side
                function, given = (behind, given) if before is _Is.nothing else (before, given | {behind})
                reads = function is _Is.reader and _Is.other not in given
                self._stack.append(_Is.answer if reads else _Is.other)
                return reads
            case name if name.startswith(("LOAD_FAST", "STORE_FAST")):
                known = [self._variable(*part) for part in _variables(one)]
                return all(known)
            case "BINARY_OP":
                used = {self._pop(), self._pop()}
                self._stack.append(_Is.answer)
                changes = one.argrepr.endswith("=")  # `+=` may change a list that others hold
                return _Is.other not in used and not changes
            case _:
                self._other(one)
                return True

    def _variable(self, stores: bool, name: str) -> bool:  # noqa: FBT001 - a pair of `_variables`
        if stores:
            (self._answers.add if self._pop() is _Is.answer else self._answers.discard)(name)
            return True
        known = name not in self._frame.f_locals or type(self._frame.f_locals[name]) in DATA
        self._stack.append(_Is.other if not known else _Is.answer if name in self._answers else _Is.data)
        return known

    def _other(self, one: dis.Instruction) -> None:
        match one.opname:
            case "PRECALL" | "KW_NAMES":
                pass  # their effect is that of the call
            case "LOAD_ASSERTION_ERROR" | "LOAD_COMMON_CONSTANT":
                self._stack.append(_Is.reader)
            case "PUSH_NULL":
                self._stack.append(_Is.nothing)
            case "COPY" if one.arg and one.arg <= len(self._stack):
                self._stack.append(self._stack[-one.arg])
            case "BINARY_SUBSCR":
                self._pop()
                self._stack.append(_Is.answer if self._pop() is _Is.answer else _Is.other)
            case "SWAP":
                self._stack.clear()
            case _:
                made = _Is.other if self._last is None else _Is.data
                change = dis.stack_effect(one.opcode, one.arg, jump=False)
                for _ in range(-change):
                    self._pop()
                if change <= 0 and self._stack and one.opname != "POP_TOP":
                    self._stack[-1] = made
                self._stack += [made] * change

    def _pop(self) -> _Is:
        return self._stack.pop() if self._stack else _Is.other


def _variables(one: dis.Instruction) -> Iterator[tuple[bool, str]]:
    """Yield which variables an instruction stores (true) and loads; since Python 3.13 one may do two of these."""
    names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
    if one.opname == "STORE_FAST_LOAD_FAST":
        yield from zip((True, False), names, strict=True)
    else:
        yield from ((one.opname.startswith("STORE_FAST"), name) for name in names)


def _passes_on(one: dis.Instruction) -> bool:
    """Say whether an instruction is what Python 3.12 and later put around a whole generator or coroutine."""
    return one.opname == "CALL_INTRINSIC_1" and one.argrepr == "INTRINSIC_STOPITERATION_ERROR"


def _is_reader(name: str, frame: FrameType) -> bool:
    found: Any = frame.f_globals.get(name, vars(builtins).get(name))
    if isinstance(found, type) and issubclass(found, BaseException):
        return True
    if isinstance(found, EnumType):  # its members are looked up by their values
        return all(vars(kind).get("_missing_", MISSING) is MISSING for kind in found.__mro__)
    module = getattr(found, "__name__", "") if type(found).__name__ == "module" else getattr(found, "__module__", "")
    if module == "builtins":
        return name in READING and found is vars(builtins).get(name)
    return module in READERS

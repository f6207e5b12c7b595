"""What code may have done between an answer and an error, told by its instructions: forms of code, quiet and acting."""

import asyncio
import inspect
import json
import sys
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest

from interlock.runtime.answers.instructions import leaves_quietly, only_reads_between

ASKED = {}
DONE = []


def ask(text):
    """Stand for `interrupt`: the answer is a text that is no number."""
    frame = sys._getframe(1)
    ASKED.update(frame=frame, at=frame.f_lasti)
    return "two"


class Account:
    def split(self, *given):
        DONE.append(given)
        return [1]


# ── what only reads ──


def number():
    return {"out": [int(ask("How many?"))]}


def checked():
    said = ask("How many?")
    if not said.strip().isdigit():
        raise RuntimeError("no number")


def from_json():
    return int(json.loads(ask("How many?")))


def decimal():
    return Decimal(ask("How much?"))


async def in_a_coroutine():
    return int(ask("How many?"))


def walrus():
    return int(said := ask("How many?")), said


def part_of_it():
    return int(ask("How many?").strip().lower().split()[0])


def by_keyword():
    return int(ask("How many?"), base=10)


def acting_behind_the_error():
    number = int(ask("How many?"))
    DONE.append(number)


def acting_in_each_turn():
    for _ in range(2):
        number = int(ask("How many?"))
        DONE.append(number)


def acting_behind_a_handler_that_does_not_fit():
    try:
        number = int(ask("How many?"))
    except TypeError:
        number = 0
    DONE.append(number)


def one_of_some():
    said, options = ask("Which?"), ["one"]
    if said not in options:
        raise ValueError(f"{said} is none of {options}")


def shorter_than(state={"least": 5}):  # noqa: B006 - it is only read
    if len(ask("Which?")) < state["least"]:
        raise ValueError("too short")


class Colour(Enum):
    red = "red"


def member():
    return Colour(ask("Which colour?")).value


def added():
    return ask("How many?") + 1


def of_a_type():
    said = ask("How many?")
    if not isinstance(said, int):
        raise TypeError("no number")


def matched():
    match ask("How many?"):
        case {"number": int(found)}:
            return found
        case _:
            raise ValueError("no number")


QUIET = [
    member, added, of_a_type, matched,
    number, checked, from_json, decimal, in_a_coroutine, walrus, part_of_it, by_keyword,
    acting_behind_the_error, acting_in_each_turn, acting_behind_a_handler_that_does_not_fit, one_of_some, shorter_than,
]  # fmt: skip


# ── what may act ──


def method():
    said = ask("How many?")
    DONE.append(said)
    return int(said)


def called_with_the_answer():
    DONE.append(ask("How many?"))
    raise ValueError


def local_called_with_the_answer(keep=DONE.append):
    keep(ask("How many?"))
    return int("two")


def local_around_a_reader(keep=DONE.append):
    return int(keep(str(ask("How many?"))) or "two")


def called_with_one_of_two(keep=DONE.append, *, first=True):
    return int(keep(ask("How many?") if first else ask("How much?")) or "two")


def of_a_dictionary(known={"keep": DONE.append}):  # noqa: B006 - it is only read
    known["keep"](ask("How many?"))
    int("two")


def lambda_called_with_the_answer():
    (lambda said: DONE.append(said))(ask("How many?"))  # noqa: PLC3002, PLW0108 - the form matters
    int("two")


def method_by_the_name_of_one_that_reads(account=Account()):  # noqa: B008 - one for all
    return int(account.split(ask("How many?"))[5])


def written_to_a_file():
    with Path("/dev/null").open("w") as file:
        file.write(ask("How many?"))
        int("two")


def printed():
    print(ask("How many?"), end="")  # noqa: T201 - it acts
    int("two")


def key(keep=DONE.append):
    said = ask("How many?")
    sorted(said, key=keep)
    return int(said)


def later_clause():
    try:
        return int(ask("How many?"))
    except KeyError:
        raise
    except ValueError:
        DONE.append("told")
        raise


def outer_finally():
    try:
        try:
            return int(ask("How many?"))
        except KeyError:
            pass
    finally:
        DONE.append("closed")


def other_turn_of_a_loop():
    said = None
    for turn in range(2):
        if turn:
            DONE.append("turned")
        if said is None:
            said = ask("How many?")
        if turn:
            int(said)


def resumed_generator():
    def each():
        said = ask("How many?")
        yield said
        int(said)

    for said in each():
        DONE.append(said)  # noqa: PERF402 - not all at once


class Opening(Enum):
    door = "door"

    @classmethod
    def _missing_(cls, value):
        DONE.append(value)


def member_that_acts():
    return Opening(ask("Which?"))


def operator_that_acts():
    class Log:
        def __lshift__(self, said):
            DONE.append(said)

    log = Log()
    said = ask("How many?")
    log << said
    int(said)


def added_to_a_list_of_others(shared=[]):  # noqa: B006 - the form matters
    said = ask("How many?")
    shared += [said]
    int("two")


def of_a_model():
    class Basket:
        def split(self):
            DONE.append("split")

    basket = ask("How many?") and Basket()
    basket.split()
    int("two")


ACTING = [
    member_that_acts, operator_that_acts, added_to_a_list_of_others, of_a_model,
    method, called_with_the_answer, local_called_with_the_answer, local_around_a_reader, called_with_one_of_two,
    of_a_dictionary, lambda_called_with_the_answer, method_by_the_name_of_one_that_reads, written_to_a_file, printed,
    key, later_clause, outer_finally, other_turn_of_a_loop, resumed_generator,
]  # fmt: skip


def is_quiet(function):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it raises
        asyncio.run(function()) if inspect.iscoroutinefunction(function) else function()
    trace, frame = raised.value.__traceback__, ASKED["frame"]
    steps = []
    while trace is not None:
        steps.append((trace.tb_frame, trace.tb_lasti))
        trace = trace.tb_next
    at = next(last for step, last in steps if step is frame)
    return only_reads_between(frame, ASKED["at"], at) and leaves_quietly(frame, at)


@pytest.mark.parametrize("function", QUIET)
def test_what_only_reads_is_known_to(function):
    assert is_quiet(function)


@pytest.mark.parametrize("function", ACTING)
def test_what_may_act_is_not_taken_for_reading(function):
    assert not is_quiet(function)

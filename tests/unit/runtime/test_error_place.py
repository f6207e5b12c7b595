"""Where an error arose, also where it is made of others or was raised by a library for them."""

import asyncio
import json

import pytest

from interlock.runtime.error_text import place_of, told

HERE = "test_error_place.py, line"


def line_of(function, number):
    return f"{__file__}, line {function.__code__.co_firstlineno + number}"


def breaks():
    raise ValueError("inside")


async def breaks_later():
    breaks()


async def in_a_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(breaks_later())


def raised(function):
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - whatever it raises
        asyncio.run(function()) if asyncio.iscoroutinefunction(function) else function()
    return caught.value


def test_a_group_tells_its_errors_and_where_each_arose():
    text = told(raised(in_a_group))
    assert text == (
        f"ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): ValueError: inside ({line_of(breaks, 1)})"
    )


def test_a_group_of_many_is_cut():
    nested = ExceptionGroup("inner", [ValueError(f"inner {number}") for number in range(3)])
    text = told(ExceptionGroup("outer", [KeyError("first"), nested, *(OSError(str(n)) for n in range(9))]))
    assert "KeyError: 'first'; ValueError: inner 0; ValueError: inner 1; ValueError: inner 2; OSError: 0" in text
    assert text.endswith("; and more")


def test_a_group_in_groups_without_end_is_told():
    group = ExceptionGroup("one", [ValueError("at the bottom")])
    for _ in range(5_000):
        group = ExceptionGroup("one", [group])
    assert "ValueError: at the bottom" in told(group)


def test_what_a_library_raises_for_another_error_arose_where_that_did():
    error = raised(breaks)
    wrapped = json.JSONDecodeError("wrapped", "", 0)
    wrapped.__cause__ = error
    assert place_of(wrapped) == line_of(breaks, 1)


def test_an_error_that_says_nothing_is_told_by_its_name():
    async def waits():
        async with asyncio.timeout(0):
            await asyncio.sleep(1)

    text = told(raised(waits))
    assert text.startswith("TimeoutError (")
    assert HERE in text


def test_what_was_raised_by_ones_own_code_for_another_error_arose_there():
    def reads():
        try:
            json.loads("{")
        except ValueError as error:
            raise RuntimeError("no JSON") from error

    assert place_of(raised(reads)) == line_of(reads, 4)


def test_errors_that_caused_each_other_in_a_circle_are_told():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert told(one) == "ValueError: one"

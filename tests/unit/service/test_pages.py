"""Every list is read by one pager: pages join, cursors belong to one list, and a count says where it stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InvalidValue
from interlock.service.pages import Count, count, cursor_key, page, walk


def listing(keys, asked=None):
    """Return what reads pages of a list of keys, and notes what it was asked for."""

    async def read(after, limit):
        if asked is not None:
            asked.append((after, limit))
        begin = 0 if after is None else keys.index(after) + 1
        return keys[begin : begin + limit]

    return read


@given(st.integers(0, 40), st.integers(1, 15), st.integers(1, 15))
async def test_pages_join_whatever_is_read_at_once(length, limit, at_once):
    keys = [f"req_{number}:{number}" for number in range(length)]
    joined, cursor, pages = [], None, 0
    while True:
        rows = walk(listing(keys), str, after=cursor_key("requests", cursor), at_once=at_once)
        found = await page("requests", rows, str, limit)
        joined += found.rows
        pages += 1
        cursor = found.next
        if cursor is None:
            break
        assert len(found.rows) == limit
    assert (joined, pages) == (keys, max(1, -(-length // limit)))


async def test_no_more_is_read_than_is_wanted():
    asked = []
    assert [row async for row in walk(listing(list("abcdef"), asked), str, after="a", limit=3, at_once=2)] == list(
        "bcd"
    )
    assert asked == [("a", 2), ("c", 1)]


@pytest.mark.parametrize("cursor", ["", "x", "é", "cmVx", "=", "runs:a"])
def test_what_is_no_cursor_of_a_list_is_refused(cursor):
    with pytest.raises(InvalidValue, match="is not a cursor of the list requests"):
        cursor_key("requests", cursor)


async def test_a_cursor_of_another_list_is_refused():
    found = await page("runs", walk(listing(list("abc")), str), str, 1)
    assert cursor_key("runs", found.next) == "a"
    with pytest.raises(InvalidValue):
        cursor_key("requests", found.next)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "0"),
        ([None, 1, None, 1], "2"),
        ([1] * 3, "3"),
        ([1] * 3 + [None] * 2, "3"),
        ([1] * 4, "3 or more"),
        ([None] * 6, "0"),
        ([1] + [None] * 6, "1 or more"),
    ],
)
async def test_a_count_is_exact_until_it_stops(rows, said):
    async def read():
        for row in rows:
            yield row

    assert str(await count(read(), most=3, looked_at=6)) == said


def test_a_large_count_is_read_at_once():
    assert str(Count(1_000, more=True)) == "1,000 or more"

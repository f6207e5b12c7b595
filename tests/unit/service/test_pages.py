"""Every list is read by one pager: pages join, cursors belong to one list, and a count says where it stops."""

import base64
import json
from dataclasses import replace
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.engine.ports.store import SortKey
from interlock.errors import InvalidValue
from interlock.service.pages import Count, Listing, Tally, page, sort_key, text_key, walk


def listing(keys, asked=None):
    """Return what reads pages of a list of keys, and notes what it was asked for."""

    async def read(after, limit):
        if asked is not None:
            asked.append((after, limit))
        begin = 0 if after is None else keys.index(after) + 1
        return keys[begin : begin + limit]

    return read


REQUESTS = Listing("requests", text_key, ("default", None))


async def keyed(rows):
    async for row in rows:
        yield row, row


@given(st.integers(0, 40), st.integers(1, 15), st.integers(1, 15))
async def test_pages_join_whatever_is_read_at_once(length, limit, at_once):
    keys = [f"req_{number}:{number}" for number in range(length)]
    joined, cursor, pages = [], None, 0

    def read(after, limit):
        return keyed(walk(listing(keys), str, after=after, at_once=at_once))

    while True:
        found = await page(REQUESTS, read, after=cursor, limit=limit)
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


async def test_whoever_moves_each_row_behind_all_others_reads_each_once():
    places = dict(enumerate("abcde"))

    async def read(after, limit):
        return [(place, row) for place, row in sorted(places.items()) if after is None or place > after][:limit]

    seen = []
    async for place, row in walk(read, itemgetter(0), at_once=2, id_of=itemgetter(1)):
        seen.append(row)
        del places[place]
        places[max(places, default=place) + 1] = row
        assert len(seen) < 100
    assert seen == list("abcde")


def made(*parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def forged(key, listing=REQUESTS):
    """Return a cursor of a list with any key."""
    return made(*json.loads(base64.urlsafe_b64decode(listing.cursor("a")))[:2], key)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "cmVx", "=", "runs:a", "[", 7, made(), made("requests", "a"), made("requests", "", "a")]
    + [forged(key) for key in ("a\0b", "\ud800", 7, None, ["a"])],
)
def test_what_is_no_cursor_of_a_list_is_refused(cursor):
    with pytest.raises(InvalidValue, match="is not a cursor of the list requests"):
        REQUESTS.key(cursor)


@pytest.mark.parametrize(
    "key", ["a", [1], ["1", "a"], [1.5, "a"], [2**63, "a"], [-(2**63) - 1, "a"], [1, "\0"], [1, 2]]
)
def test_a_key_that_no_store_can_compare_is_refused(key):
    listing = Listing("requests", sort_key)
    assert listing.key(forged([-5, "a"], listing)) == SortKey(-5, "a")
    with pytest.raises(InvalidValue, match="is not a cursor of the list requests"):
        listing.key(forged(key, listing))


def test_a_cursor_of_another_list_is_refused():
    cursor = REQUESTS.cursor("a")
    assert REQUESTS.key(cursor) == "a"
    for other in (replace(REQUESTS, name="runs"), replace(REQUESTS, of=("default", "payer")), replace(REQUESTS, of=())):
        with pytest.raises(InvalidValue):
            other.key(cursor)


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
def test_a_count_is_exact_until_it_stops(rows, said):
    tally = Tally(3, looked_at=6)
    for row in rows:
        tally.add(is_listed=row is not None)
    assert str(tally.count) == said


@pytest.mark.parametrize(("counted", "said"), [(Count(2), "2"), (Count(3), "3"), (Count(4), "3 or more")])
def test_a_count_says_less_when_less_is_asked(counted, said):
    assert str(counted.to(3)) == said
    assert str(Count(counted.number, more=True).to(3)) == f"{min(counted.number, 3)} or more"


def test_a_large_count_is_read_at_once():
    assert str(Count(1_000, more=True)) == "1,000 or more"

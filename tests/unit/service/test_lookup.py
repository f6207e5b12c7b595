"""Credentials are read once for all who ask at the same time, and always after they were asked for."""

import asyncio

import pytest

from interlock.errors import StoreUnavailable
from interlock.service.lookup import Lookup


class Kept:
    def __init__(self):
        self.rows = {"a": 1, "b": 2}
        self.reads = []

    async def presented(self, digests):
        self.reads.append(set(digests))
        await asyncio.sleep(0)
        if "broken" in digests:
            raise StoreUnavailable("The database does not answer.")
        return {one: self.rows[one] for one in digests if one in self.rows}


async def test_who_asks_at_once_is_answered_by_one_read_and_who_asks_later_by_another():
    kept = Kept()
    lookup = Lookup(kept)
    asked = ["a", "b", "none", "a"]
    tasks = [asyncio.create_task(lookup.presented(digest)) for digest in asked]
    while not kept.reads:
        await asyncio.sleep(0)
    kept.rows["a"] = 3  # the first read is under way, and may not have seen it
    assert await lookup.presented("a") == 3
    assert (await asyncio.gather(*tasks))[1:3] == [2, None]
    assert kept.reads == [set(asked), {"a"}]


async def test_who_gives_up_keeps_nobody_else_from_the_answer_and_a_failure_is_told_to_all():
    lookup = Lookup(Kept())
    given_up, others = (asyncio.create_task(lookup.presented("a")) for _ in range(2))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await others == 1
    failing = [asyncio.create_task(lookup.presented("broken")) for _ in range(2)]
    for one in failing:
        with pytest.raises(StoreUnavailable):
            await one
    assert await lookup.presented("b") == 2

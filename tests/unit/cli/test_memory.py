"""What a server and a worker have loaded is left alone by the garbage collector, what comes later is not."""

import asyncio
import gc
import sys
import types
import weakref

import pytest

from interlock.cli.work import freeze_loaded


@pytest.fixture
async def freezing():
    stop = asyncio.Event()
    task = asyncio.create_task(freeze_loaded(stop, every=0.001))
    yield
    stop.set()
    await task
    gc.unfreeze()


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_what_is_loaded_is_frozen_also_where_it_is_loaded_later(freezing, monkeypatch):
    await until(lambda: gc.get_freeze_count() > 10_000)
    loaded = types.ModuleType("loaded_later")
    loaded.table = [[one] for one in range(1_000)]
    before = gc.get_freeze_count()
    monkeypatch.setitem(sys.modules, "loaded_later", loaded)
    await until(lambda: gc.get_freeze_count() >= before + 1_000)


async def test_what_is_made_afterwards_and_dropped_is_collected(freezing):
    class Link:
        pass

    await until(lambda: gc.get_freeze_count() > 10_000)
    link = Link()
    link.itself, seen = link, weakref.ref(link)
    del link
    gc.collect()
    assert seen() is None

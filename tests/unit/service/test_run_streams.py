"""Who watches a run is told how much was left out for them."""

import asyncio

from interlock.service import run_streams


async def test_who_is_too_slow_is_told_how_much_was_dropped_and_where(monkeypatch):
    monkeypatch.setattr(run_streams, "MOST_WAITING", 3)
    streams = run_streams.RunStreams()
    with streams.watch("run_1") as watching:
        for number in range(5):
            streams.said("run_1", str(number))
        await asyncio.sleep(0)
        first = await watching.next()
        streams.said("run_1", "5")
        await asyncio.sleep(0)
        found = [first, *[await watching.next() for _ in range(4)]]
        streams.said("run_1", "6")
        assert (await watching.next())["text"] == "6"
    told = [(one["event"], one.get("text") or one.get("number")) for one in found]
    assert told == [("progress", "0"), ("progress", "1"), ("progress", "2"), ("dropped", 2), ("dropped", 1)]

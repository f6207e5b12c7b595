"""Loading, deciding and committing again: a few times for a request, many for a window that a crowd counts."""

import pytest

from interlock.engine.retry import until_committed
from interlock.errors import Conflict


def losing(times, kind):
    lost = iter(range(times))

    async def attempt():
        if next(lost, None) is not None:
            raise Conflict("somebody was faster", kind=kind)
        return "committed"

    return attempt


@pytest.mark.parametrize(("times", "kind"), [(0, "request"), (19, "request"), (19, "run"), (300, "window")])
async def test_who_loses_a_race_decides_again(times, kind):
    assert await until_committed(losing(times, kind), "req_1") == "committed"


@pytest.mark.parametrize(("times", "kind"), [(20, "request"), (500, "window")])
async def test_who_always_loses_is_told_how_often(times, kind):
    with pytest.raises(Conflict, match=f"req_1 was changed by others {times} times in a row"):
        await until_committed(losing(times, kind), "req_1")

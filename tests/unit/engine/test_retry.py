"""Loading, deciding and committing again: a few times for a request, many for a window that a crowd counts."""

import pytest

from interlock.engine.retry import until_committed
from interlock.errors import Conflict, WindowMoved


def losing(times, error):
    lost = iter(range(times))

    async def attempt():
        if next(lost, None) is not None:
            raise error("somebody was faster")
        return "committed"

    return attempt


@pytest.mark.parametrize(("times", "error"), [(0, Conflict), (19, Conflict), (300, WindowMoved)])
async def test_who_loses_a_race_decides_again(times, error):
    assert await until_committed(losing(times, error), "req_1") == "committed"


@pytest.mark.parametrize(("times", "error"), [(20, Conflict), (500, WindowMoved)])
async def test_who_always_loses_is_told_how_often(times, error):
    with pytest.raises(Conflict, match=f"req_1 was changed by others {times} times in a row"):
        await until_committed(losing(times, error), "req_1")

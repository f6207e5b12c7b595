"""What the system refuses while an agent is loaded is no fault of the agent's."""

import asyncio
import errno
from types import SimpleNamespace

import pytest

from interlock.engine.loading import Loading, NotLoadedNow
from interlock.errors import InvalidAgent

RUN = SimpleNamespace(reference="shop:agent", agent="agent")


def loading(failure):
    async def load(_run, *, alone):
        raise failure

    return Loading(SimpleNamespace(load=load), alone=False)


async def test_an_error_of_the_system_is_not_counted_as_the_agents():
    refused = loading(OSError(errno.EMFILE, "Too many open files"))
    with pytest.raises(NotLoadedNow, match=r"shop:agent could not be loaded here for now: .*Too many open files"):
        await refused.load(RUN, None, asyncio.Event())
    assert not refused.has(RUN)


async def test_an_agent_that_cannot_be_loaded_is_told_as_that():
    with pytest.raises(InvalidAgent):
        await loading(InvalidAgent("no graph")).load(RUN, None, asyncio.Event())

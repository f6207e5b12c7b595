"""The record is one: a decision by any way shows on all others at once, and says who decided by which way.

Two processes stand on one database. Nobody looks again within this test: what shows, shows because the commit was told.
"""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest
from tests.channels.slack_room import POLICY, Room, words
from tests.server.conftest import REPLY_KEY, Server
from tests.server.sockets import Events

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.authority import Principal
from interlock.domain.delivery import DeliveryState
from interlock.engine import deliverer
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.service.delivering import Delivering
from interlock.service.following import Follower
from interlock.service.log_reader import CutShort, Reader, unless
from interlock.service.queue_replies import QueueReplies
from interlock.service.token_replies import ReplyTokens
from interlock.service.votes_cast import WAYS
from interlock.testing.slack import press

MIA, NOAH = "mia@example.com", "noah@example.com"
NEVER, PATIENCE = 3600.0, 30
BY = ("web", "slack", "callback", "rabbitmq", "terminal")


class Now:
    """This machine's clock."""

    def __call__(self):
        return self.at

    @property
    def at(self):
        return datetime.now(UTC)


class Told:
    """What `requests follow` tells."""

    name = "on-call"

    def __init__(self):
        self.entries = asyncio.Queue()

    async def deliver(self, notices):
        for notice in notices:
            self.entries.put_nowait(notice.entry)


@pytest.fixture(autouse=True)
def nobody_looks_again(monkeypatch):
    async def rest(self, since, seconds=NEVER):
        try:
            await unless(self.waker.wait(since, NEVER), self.stop.wait())
        except CutShort:
            return

    monkeypatch.setattr(Reader, "rest", rest)
    monkeypatch.setattr(deliverer, "LOOK_AGAIN", NEVER)


@pytest.fixture
async def two(tmp_path, new_database):
    """Return a process with a room of Slack, which is told, and another one with a server and `requests follow`."""
    (tmp_path / "interlock.yaml").write_text(POLICY)
    settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": new_database()})
    here, there, stop, heard = build(settings, {}), build(settings, {}), asyncio.Event(), Told()
    room, server = Room(here, Now()), Server(there, Now())
    await room.knows("UMIA", MIA)
    reader = Reader(there.store, there.waker, "default", stop)
    follower = Follower(reader, heard, complain=room.said.append)
    await follower.begin(None)
    delivering = Delivering(here, [room.sender], room.said.append)
    running = [asyncio.create_task(one) for one in (delivering.run(stop), follower.run())]
    yield room, server, heard
    stop.set()
    await asyncio.gather(*running)
    await server.close()
    await here.close()


async def vote(way, room, server, request):
    """Approve in one way; in the process with the room: on the page and in Slack; in the other one: else."""
    token = ReplyTokens(REPLY_KEY, [MIA]).of(request)[MIA]["approve"]
    if way == "web":
        async with await room.signed_in(MIA) as page:
            form = {"verdict": "approve", "digest": request.digest}
            assert (await page.post(f"/requests/{request.id}/decide", data=form)).status_code == 303
    elif way == "slack":
        assert (await room.call(press(room.card_of(request), "approve", "UMIA"))).status_code == 200
    elif way == "callback":
        called = await server.client().post(f"../../api/approval/{request.id}", json={"approved": True, "token": token})
        assert called.status_code == 200
    elif way == "rabbitmq":
        replies = QueueReplies(server.system, REPLY_KEY, tenant="default", channel="bus", via="rabbitmq")
        await replies.take(json.dumps({"token": token}).encode())
    else:
        client = server.system.client(Principal(MIA, "person", "default", "terminal"))
        await client.approve(request.id, digest=request.digest)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def stream_of(server, person):
    """Return the stream that keeps an open page as things stand."""
    cookie, host = await server.cookie(person), server.context.origin.removeprefix("http://")
    async with Events(
        server.app, {"Origin": server.context.origin, "Cookie": cookie}, query="brief=true", host=host
    ) as stream:
        yield stream


async def settled(room, request):
    """Wait until Slack was told of all that the opening says."""
    waiting = DeliveryFilter(about=[request.id], state=DeliveryState.waiting)
    card = lambda: any(one.content["metadata"]["event_payload"]["request"] == request.id for one in room.slack.cards())  # noqa: E731
    await until(card)
    while await room.system.store.deliveries("default", waiting):
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", BY)
async def test_a_decision_by_one_way_shows_on_every_other(two, way):
    room, server, heard = two
    async with AsyncExitStack() as open_, asyncio.timeout(PATIENCE):
        stream = await open_.enter_async_context(stream_of(server, NOAH))
        request = await room.ask()
        await settled(room, request)
        await vote(way, room, server, request)
        while "decided" not in (await stream.hear()).get("data", ""):
            continue
        while (entry := await heard.entries.get()).event.type != "decided":
            continue
        await until(lambda: "Approved." in words(room.card_of(request).content["blocks"]))
        page = (await (await server.person(NOAH)).get(f"../../requests/{request.id}")).text
    assert (entry.stream, entry.via) == (request.id, way)
    assert f"{MIA} approved {WAYS[way]}" in words(room.card_of(request).content["blocks"])
    assert f"It was approved by {MIA}" in page
    assert way == "web" or WAYS[way] in page
    assert room.said == []

"""The record is one: a decision by any way shows on all others within a second, and says who decided by which way.

Two processes stand on one database. Nobody looks again within this test: what shows, shows because the commit was told.
"""

import asyncio
import json
import logging
import re
import statistics
import time
import uuid
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import aio_pika
import pytest
from tests.channels.outlets import OLGA, Calls, Cards, Mails, Messages, Pages, Told, plain_text
from tests.channels.post_office import mail_of, post_office
from tests.channels.slack_room import ORIGIN, POLICY, Room
from tests.server.conftest import REPLY_KEY, Server
from tests.server.sockets import Socket
from tests.unit.channels.test_webhook import HERE, KEYS, receiving

from interlock.bootstrap import build
from interlock.channels.event_channel import EventChannel, Replies
from interlock.channels.mail import MailSender, MailServer
from interlock.channels.rabbitmq import RabbitMQReplies, RabbitMQSender
from interlock.channels.sqs import Queue, SqsReplies, SqsSender
from interlock.channels.webhook import WebhookSender
from interlock.config import load_settings
from interlock.domain.authority import Principal
from interlock.domain.delivery import DeliveryState
from interlock.domain.notice_choice import NoticeChoice
from interlock.engine import deliverer
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.service.delivering import Delivering
from interlock.service.following import Follower
from interlock.service.log_reader import CutShort, Reader, unless
from interlock.service.notices import Notices, mail_address_of
from interlock.service.people import People
from interlock.service.queue_replies import QueueReplies
from interlock.service.token_replies import ReplyTokens
from interlock.service.ways import WAYS
from interlock.testing.slack import press

LOG = logging.getLogger(__name__)
"""Says how long it took: `-o log_cli=true -o log_cli_level=INFO` shows it."""

MIA = "mia@example.com"
NEVER, PATIENCE = 3600.0, 60
WITHIN, ON_A_BUSY_MACHINE = 1.0, 5.0
"""Seconds within which a decision shows elsewhere: the quickest of those that a test makes; and half of them."""

EVERYBODY = 8
"""How many messages say that something is asked: two to the room, one to each of three people and three programs."""


class Now:
    """This machine's clock."""

    def __call__(self):
        return self.at

    @property
    def at(self):
        return datetime.now(UTC)


@pytest.fixture(autouse=True)
def nobody_looks_again(monkeypatch):
    async def rest(self, since, seconds=NEVER):
        try:
            await unless(self.waker.wait(since, NEVER), self.stop.wait())
        except CutShort:
            return

    monkeypatch.setattr(Reader, "rest", rest)
    monkeypatch.setattr(deliverer, "LOOK_AGAIN", NEVER)


class Installation:
    """A process that tells everybody by every channel, and one that answers and hears; and all who look on.

    Attributes:
        outlets: by name, what waits until a decision shows there, and returns what it says.
    """

    def __init__(self, settings, rabbitmq):
        self.here, self.there, self.stop = build(settings, {}), build(settings, {}), asyncio.Event()
        self.room, self.server = Room(self.here, Now()), Server(self.there, Now())
        self.broker, self.running, self.outlets = rabbitmq.url, [], {}
        self.heard, self.rabbitmq, self.sqs = Told(), Messages(), Messages()
        self.queue = f"one-{uuid.uuid4().hex[:8]}"

    async def begin(self, stack):
        self.box, port = await stack.enter_async_context(post_office())
        receiver = await stack.enter_async_context(receiving())
        await self.room.knows("UMIA", MIA)
        people = People(self.here.directories, Principal(OLGA, "person", "default", "web"))
        await people.choose_notices(NoticeChoice(outcomes=True), OLGA)
        reader = Reader(self.there.store, self.there.waker, "default", self.stop)
        follower = Follower(reader, self.heard, complain=self.room.said.append)
        await follower.begin(None)
        delivering = Delivering(self.here, [*self.senders(port, receiver.port)], self.room.said.append)
        self.goes_on(delivering.run(self.stop), follower.run(), *(one.run(self.stop) for one in self.listeners()))
        self.reads = [self.rabbitmq.of_rabbitmq(self.broker, self.queue), self.sqs.of_sqs(Queue("requests", None))]
        self.reads = [asyncio.create_task(one) for one in self.reads]
        pages = await stack.enter_async_context(Pages(self.server))
        self.outlets = {"page": pages.page, "API": pages.api, "WebSocket": pages.websocket}
        self.outlets |= {"follow": self.heard.shown, "Slack": Cards(self.room).shown, "mail": Mails(self.box).shown}
        self.outlets |= {"webhook": Calls(receiver).shown, "RabbitMQ": self.rabbitmq.shown, "SQS": self.sqs.shown}

    def senders(self, mails, calls):
        def channel(name, queue=None):
            return EventChannel(name, "default", frozenset({"opened", "decided"}), ORIGIN, Replies(self.tokens, queue))

        notices = Notices(self.here, "default", "mail", mail_address_of("mail"))
        smtp = MailServer("127.0.0.1", mails, "none")
        more = {"tenant": "default", "sender": ("Approvals", "approvals@example.com"), "origin": ORIGIN, "now": Now()}
        yield self.room.sender
        yield MailSender("mail", notices, smtp, **more, most_an_hour=None, links=REPLY_KEY)
        yield WebhookSender(channel("hook"), f"http://127.0.0.1:{calls}/", KEYS, now=Now(), networks=HERE)
        yield RabbitMQSender(channel("bus", self.replies), self.broker, exchange=f"{self.queue}.all", queue=self.queue)
        yield SqsSender(channel("aws", "replies"), Queue("requests", None))

    def listeners(self):
        def replies(via):
            return QueueReplies(self.there, REPLY_KEY, tenant="default", channel=via, via=via)

        said = self.room.said.append
        yield RabbitMQReplies(self.broker, self.replies, replies("rabbitmq"), said)
        yield SqsReplies(Queue("replies", None), Queue("replies-dead", None), replies("sqs"), said)

    @property
    def replies(self):
        return f"{self.queue}.replies"

    @property
    def tokens(self):
        return ReplyTokens(REPLY_KEY, [MIA])

    def goes_on(self, *work):
        self.running += [asyncio.create_task(one) for one in work]

    async def ask(self):
        """Ask, and wait until everybody has been told."""
        request = await self.room.ask()
        about = DeliveryFilter(about=[request.id])
        while True:
            states = [one.state for one in await self.here.store.deliveries("default", about)]
            if len(states) >= EVERYBODY and DeliveryState.waiting not in states:
                return request
            await asyncio.sleep(0.02)

    async def end(self):
        self.stop.set()
        for task in self.reads:
            task.cancel()
        await asyncio.gather(*self.running)
        await asyncio.wait(self.reads)
        await self.server.close()
        await self.here.close()


@pytest.fixture
async def house(tmp_path, new_database, rabbitmq, queues):
    (tmp_path / "interlock.yaml").write_text(POLICY)
    settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": new_database()})
    found = Installation(settings, rabbitmq)
    async with AsyncExitStack() as stack:
        await found.begin(stack)
        yield found
        await found.end()


# ── the ways ──


async def web(house, request):
    async with await house.room.signed_in(MIA) as page:
        form = {"verdict": "approve", "digest": request.digest}
        assert (await page.post(f"/requests/{request.id}/decide", data=form)).status_code == 303


async def api(house, request):
    client = await house.server.person(MIA)
    body = {"verdict": "approve", "digest": request.digest}
    assert (await client.post(f"requests/{request.id}/votes", json=body)).status_code == 200


async def websocket(house, request):
    headers = {"Origin": house.server.context.origin, "Cookie": await house.server.cookie(MIA)}
    async with Socket(house.server.app, headers) as socket:
        told = await socket.answer_to({"request_id": request.id, "verdict": "approve", "digest": request.digest})
    assert told["type"] == "voted"


async def terminal(house, request):
    client = house.there.client(Principal(MIA, "person", "default", "terminal"))
    await client.approve(request.id, digest=request.digest)


async def slack(house, request):
    assert (await house.room.call(press(house.room.card_of(request), "approve", "UMIA"))).status_code == 200


async def link(house, request):
    """Press the button to which the link in the mail leads."""
    texts = [plain_text(mail_of(one)) for one in house.box.taken if one.rcpt_tos == [MIA]]
    (mail,) = (one for one in texts if request.id in one)
    token = re.search(r"Approve.*?token=(\S+)", mail, re.DOTALL)[1]
    assert (await house.server.client().post("../../decide", data={"token": token})).status_code == 303


def reply_of(house, request):
    return {"token": house.tokens.of(request)[MIA]["approve"]}


async def callback(house, request):
    answer = await house.server.client().post(f"../../api/approval/{request.id}", json=reply_of(house, request))
    assert answer.status_code == 200


async def rabbitmq(house, request):
    connection = await aio_pika.connect(house.broker)
    async with connection:
        channel = await connection.channel()
        message = aio_pika.Message(json.dumps(reply_of(house, request)).encode())
        await channel.default_exchange.publish(message, house.replies)


async def sqs(house, request):
    queue = Queue("replies", None)
    await queue.put(json.dumps(reply_of(house, request)), group="mia")
    queue.close()


WAYS_TO_DECIDE = (web, api, websocket, terminal, slack, link, callback, rabbitmq, sqs)
LOGGED = {"websocket": "api"}
"""What the log calls a way, if otherwise."""


async def shown(outlet, request, begin):
    """Return what an outlet says of a decision, and after how many seconds it does."""
    said = await outlet(request)
    return said, time.monotonic() - begin


async def test_a_decision_by_any_way_shows_on_every_other_within_a_second_and_says_who_decided_how(house):
    seconds = defaultdict(list)
    for way in WAYS_TO_DECIDE:
        via = LOGGED.get(way.__name__, way.__name__)
        async with asyncio.timeout(PATIENCE):
            request = await house.ask()
            begin = time.monotonic()
            looks = {name: shown(outlet, request, begin) for name, outlet in house.outlets.items()}
            _, *found = await asyncio.gather(way(house, request), *looks.values())
        for name, (said, after) in zip(looks, found, strict=True):
            seconds[name].append(after)
            if isinstance(said, str):
                assert MIA in said, (via, name)
                assert WAYS[via] in said, (via, name)
            else:
                assert said == (MIA, via), name
    assert house.room.said == []
    assert len(seconds) == len(house.outlets) == 9
    for name, after in seconds.items():
        LOG.info("%s: %.0f ms (%.0f to %.0f)", name, *(1000 * of(after) for of in (statistics.median, min, max)))
    assert {name: after for name, after in seconds.items() if min(after) >= WITHIN} == {}
    assert {name: after for name, after in seconds.items() if statistics.median(after) >= ON_A_BUSY_MACHINE} == {}

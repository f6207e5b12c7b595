"""Where a decision shows: each outlet waits for it in its own way, and returns what it says of who decided how."""

import asyncio
import json
from html import unescape

import aio_pika
from tests.channels.post_office import mail_of
from tests.channels.slack_room import words
from tests.server.sockets import Events, Socket

from interlock.channels.rabbitmq import declare_queue
from interlock.terminal.lines import notice_line

NOAH, OLGA = "noah@example.com", "olga@example.com"
"""Who looks on, and who is told by mail how it ended."""


async def until(condition):
    while not (found := condition()):
        await asyncio.sleep(0.005)
    return found


class Told:
    """What `requests follow` tells, as a line of its own."""

    name = "on-call"

    def __init__(self):
        self.entries = asyncio.Queue()

    async def deliver(self, notices):
        for notice in notices:
            self.entries.put_nowait(notice)

    async def shown(self, request):
        while (notice := await self.entries.get()).entry.stream != request.id or notice.entry.event.type != "decided":
            continue
        return notice_line(notice).text


class Cards:
    """The card in a room of Slack."""

    def __init__(self, room):
        self.room = room

    async def shown(self, request):
        def text():
            return words(self.room.card_of(request).content["blocks"])

        await until(lambda: "Approved." in text())
        return text()


class Mails:
    """A mail to who wants to know how it ended."""

    def __init__(self, box):
        self.box = box

    async def shown(self, request):
        read = 0
        while True:
            for envelope in self.box.taken[read:]:
                text = plain_text(mail_of(envelope))
                if envelope.rcpt_tos == [OLGA] and request.id in text and "Nothing is left to do" in text:
                    return text
                read += 1
            await asyncio.sleep(0.005)


class Calls:
    """A webhook."""

    def __init__(self, receiver):
        self.receiver = receiver

    async def shown(self, request):
        return await until(lambda: decided_in((json.loads(body) for _, _, body in self.receiver.heard), request))


class Messages:
    """A queue of a broker: what came on it so far."""

    def __init__(self):
        self.came = []

    async def shown(self, request):
        return await until(lambda: decided_in(self.came, request))

    async def of_rabbitmq(self, url, queue):
        """Take from a queue of RabbitMQ for as long as this runs."""
        connection = await aio_pika.connect(url)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=10)
            source = await declare_queue(channel, queue)
            async with source.iterator() as messages:
                async for message in messages:
                    self.came.append(json.loads(message.body))
                    await message.ack()

    async def of_sqs(self, queue):
        """Take from a queue of SQS for as long as this runs."""
        while True:
            for message in await queue.take():
                self.came.append(json.loads(message["Body"]))
                await queue.delete(message)


class Pages:
    """An open page, which a stream keeps as things stand; and what the API says then."""

    def __init__(self, server):
        self.server = server

    async def __aenter__(self):
        cookie, origin = await self.server.cookie(NOAH), self.server.context.origin
        sent, host = {"Origin": origin, "Cookie": cookie}, origin.removeprefix("http://")
        self.person = await self.server.person(NOAH)
        self.stream = await Events(self.server.app, sent, query="brief=true", host=host).__aenter__()
        self.socket = await Socket(self.server.app, sent, host=host).__aenter__()
        return self

    async def __aexit__(self, *_):
        await self.stream.__aexit__()
        await self.socket.__aexit__()

    async def page(self, request):
        told = {}
        while told != {"stream": request.id, "type": "decided"}:
            told = json.loads((await self.stream.hear()).get("data") or "{}")
        return unescape((await self.person.get(f"../../requests/{request.id}")).text)

    async def api(self, request):
        while True:
            history = (await self.person.get(f"requests/{request.id}/history")).json()["entries"]
            if found := [(one["by"], one["via"]) for one in history if one["event"]["type"] == "decided"]:
                return found[0]
            await asyncio.sleep(0.05)

    async def websocket(self, request):
        while (told := await self.socket.hear())["type"] != "decided" or told["entry"]["stream"] != request.id:
            continue
        return told["entry"]["by"], told["entry"]["via"]


def decided_in(events, request):
    """Return who decided a request by which way, if CloudEvents say so."""
    entries = [event["data"]["entry"] for event in events if event["type"] == "interlock.decided"]
    return next(((one["by"], one["via"]) for one in entries if one["stream"] == request.id), None)


def plain_text(mail):
    """Return what a mail says."""
    return mail.get_body(("plain",)).get_content()

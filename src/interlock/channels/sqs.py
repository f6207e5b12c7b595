"""Amazon SQS: each entry goes to a queue as a CloudEvent; replies are polled for, and kept while they are taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import boto3  # type: ignore[import-untyped]  # it brings no types
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError  # type: ignore[import-untyped]

from interlock.channels.cloud_events import CONTENT_TYPE
from interlock.channels.event_channel import EventChannel, EventSender
from interlock.domain.delivery import BROKER, Failure
from interlock.engine.ports.sender import Message, NotTaken
from interlock.errors import BadInput
from interlock.service.log_reader import CutShort, unless
from interlock.service.queue_replies import QueueReplies, taken

T = TypeVar("T")

BROKEN = (BotoCoreError, ClientError)
MOST_BYTES = 256 * 1024
"""What any queue takes; since 2025 those of AWS take four times as much."""

ATTRIBUTES = 100
"""What names and types of a dead letter's attributes have at most, in bytes: they count as well."""

CALLS_AT_ONCE = 16
LONG_POLL = 20
VISIBILITY = 30
"""For how many seconds a reply is ours: short, as what is fetched when a process is killed is hidden for so long."""

RETRY = 2.0


def connected(region: str | None) -> Any:
    """Return a client of SQS, with credentials by AWS's usual chain.

    Raises:
        BadInput: if no region is given, here or by that chain.
    """
    config = Config(
        connect_timeout=5,
        read_timeout=LONG_POLL + 10,
        retries={"total_max_attempts": 2},
        max_pool_connections=CALLS_AT_ONCE,
    )
    try:
        return boto3.client("sqs", region_name=region, config=config)
    except NoRegionError:
        raise BadInput("A queue of SQS needs a region: give `region`, or set AWS_DEFAULT_REGION.") from None


class SqsSender(EventSender):
    """Implements the port `Sender`. The queue is there already: whoever runs the account makes it."""

    schedule = BROKER
    at_once = CALLS_AT_ONCE

    def __init__(self, channel: EventChannel, queue: Queue) -> None:
        super().__init__(channel)
        self._queue = queue

    async def send(self, message: Message) -> str:
        """Put a message on the queue; return its id there."""
        body = self.channel.body(message)
        if len(body) > MOST_BYTES:
            raise NotTaken(Failure(f"It has {len(body):,} bytes, and a queue takes {MOST_BYTES:,}.", final=True))
        try:
            return await self._queue.put(
                body.decode(),
                group=self.tenant,
                contentType=CONTENT_TYPE,
                type=f"interlock.{message.entry.event.type}",
                delivery=message.delivery.id,
            )
        except BROKEN as error:
            raise NotTaken(Failure(f"The queue cannot be reached: {error}.")) from None

    async def close(self) -> None:
        """Let go of connections."""
        self._queue.close()


class Queue:
    """A queue, spoken to in threads.

    Args:
        given: its address, or its name.
    """

    def __init__(self, given: str, region: str | None) -> None:
        self.given = given
        self._client = connected(region)
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, f"interlock-sqs-{given}")
        self._url = given if given.startswith(("https://", "http://")) else ""

    async def put(self, body: str, *, group: str, **attributes: str) -> str:
        """Put a message on it; return its id. Messages of one group do not hold up those of others."""
        texts = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        given = {"MessageBody": body, "MessageGroupId": group, "MessageAttributes": texts}
        done = await self._call("send_message", **given)
        return str(done["MessageId"])

    async def take(self) -> list[dict[str, Any]]:
        """Wait for messages, and return what has come: each is hidden from others for a while."""
        wanted = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": LONG_POLL, "VisibilityTimeout": VISIBILITY}
        return list((await self._call("receive_message", **wanted)).get("Messages", ()))

    async def keep(self, message: dict[str, Any], seconds: int) -> None:
        """Hide a message for so many seconds from now; 0 gives it back at once."""
        handle = message["ReceiptHandle"]
        await self._call("change_message_visibility", ReceiptHandle=handle, VisibilityTimeout=seconds)

    async def delete(self, message: dict[str, Any]) -> None:
        """Delete a message that was taken."""
        await self._call("delete_message", ReceiptHandle=message["ReceiptHandle"])

    def close(self) -> None:
        """Let go of connections; nobody waits for a call that waits for messages."""
        self._client.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def find(self) -> None:
        """Look whether it is there, if that is not known."""
        await self._in_thread(self._find)

    async def _call(self, method: str, **given: Any) -> dict[str, Any]:
        return await self._in_thread(self._called, method, given)

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        """Do work in a thread of its own: for those of the event loop a process waits when it ends."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)

    def _find(self) -> None:
        if not self._url:
            self._url = self._client.get_queue_url(QueueName=self.given)["QueueUrl"]

    def _called(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        self._find()
        done: dict[str, Any] = getattr(self._client, method)(QueueUrl=self._url, **given)
        return done


class SqsReplies:
    """Takes the replies of a queue, one vote each.

    What is no reply, or is refused, goes to the queue `NAME-dead` with the reason; what cannot be decided now, because
    the database does not answer, waits. What can neither be taken nor go there comes again, and holds no other up.
    """

    def __init__(self, queue: Queue, dead: Queue, replies: QueueReplies, complain: Callable[[str], None]) -> None:
        self._queue = queue
        self._dead = dead
        self._replies = replies
        self._complain = complain

    async def run(self, stop: asyncio.Event) -> None:
        """Take replies until it is stopped; a queue that does not answer is tried again."""
        with contextlib.suppress(CutShort):
            await unless(self._find_dead(), stop.wait())
        while not stop.is_set():
            try:
                messages = await unless(self._queue.take(), stop.wait())
                await unless(self._all(messages), stop.wait())  # what is not taken by then comes again
            except CutShort:
                break
            except BROKEN as error:
                self._complain(f"Replies cannot be read from {self._queue.given}: {error}.")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY)
        self._queue.close()
        self._dead.close()

    async def _find_dead(self) -> None:
        try:
            await self._dead.find()
        except BROKEN as error:
            self._complain(f"Replies that are refused cannot go to {self._dead.given}: {error}.")

    async def _all(self, messages: Sequence[dict[str, Any]]) -> None:
        keeping = asyncio.create_task(self._keep(messages))
        try:
            for message in messages:
                try:
                    await self._one(message)
                except BROKEN as error:
                    self._complain(f"A reply of {self._queue.given} could not be settled, and comes again: {error}.")
        finally:
            keeping.cancel()

    async def _keep(self, messages: Sequence[dict[str, Any]]) -> None:
        """Keep messages hidden while they are taken, however long that is."""
        while True:
            await asyncio.sleep(VISIBILITY / 3)
            for message in messages:
                with contextlib.suppress(*BROKEN):  # it is deleted by now
                    await self._queue.keep(message, VISIBILITY)

    async def _one(self, message: dict[str, Any]) -> None:
        body: str = message["Body"]
        dead = await taken(self._replies, body.encode(errors="replace"), self._complain)
        if dead is not None:
            reason = "".join(one if one.isprintable() else " " for one in dead.reason)  # a queue refuses some others
            room = MOST_BYTES - len(f"{reason}{dead.code}".encode()) - ATTRIBUTES
            kept = body.encode(errors="replace")[:room].decode(errors="ignore")
            await self._dead.put(kept, group="dead", reason=reason, code=dead.code)
        await self._queue.delete(message)

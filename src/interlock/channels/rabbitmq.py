"""RabbitMQ: each entry goes to an exchange as a CloudEvent, and is taken when the broker has confirmed it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, DeliveryError

from interlock.channels.cloud_events import CONTENT_TYPE
from interlock.channels.event_channel import EventChannel, EventSender
from interlock.domain.delivery import BROKER, Failure
from interlock.engine.ports.sender import Message, NotTaken
from interlock.service.log_reader import CutShort, unless
from interlock.service.queue_replies import QueueReplies, taken
from interlock.waking.quorum_queues import arguments_of, dead_arguments, dead_letters_of

SECONDS = 10.0
LAST_SECONDS = 3.0
"""How long a connection may take to close when the process is to end: a broker that hangs answers nothing."""

RECONNECT = 2.0
PREFETCH = 20
BROKEN = (AMQPError, ChannelInvalidStateError, ConnectionError, OSError, TimeoutError, asyncio.InvalidStateError)


class RabbitMQSender(EventSender):
    """Implements the port `Sender`.

    It declares a durable topic exchange, a quorum queue that has all of it, and a quorum queue for the dead letters.
    Nothing is declared that a broker of version 4.3 refuses: no transient queue, no global prefetch.

    Args:
        url: `amqp://` or `amqps://`, with user and password.
        exchange: where it publishes; the routing key is the name of what has happened, such as `decided`.
        queue: what has all of it; its dead letters go to `QUEUE.dead`.
    """

    schedule = BROKER
    at_once = 64

    def __init__(self, channel: EventChannel, url: str, *, exchange: str, queue: str) -> None:
        super().__init__(channel)
        self._url = url
        self._exchange = exchange
        self._queue = queue
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._target: AbstractExchange | None = None

    async def send(self, message: Message) -> str:
        """Publish a message, and wait until the broker has it on its disk, in a queue at least."""
        body = aio_pika.Message(
            self.channel.body(message),
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=message.delivery.id,
            correlation_id=message.entry.stream,
            timestamp=message.entry.at,
            type=f"interlock.{message.entry.event.type}",
            reply_to=None if self.channel.replies is None else self.channel.replies.queue,
        )
        try:
            target = await self._open()
            await target.publish(body, message.entry.event.type, mandatory=True, timeout=SECONDS)
        except DeliveryError as error:
            raise NotTaken(Failure(f"The broker has not taken it into a queue: {error}.")) from None
        except BROKEN as error:
            await self._let_go()
            raise NotTaken(Failure(f"The broker cannot be reached: {str(error) or type(error).__name__}.")) from None
        return message.delivery.id

    async def close(self) -> None:
        """Let go of the connection."""
        await self._let_go()

    async def _open(self) -> AbstractExchange:
        async with self._opening:
            if self._target is None or self._connection is None or self._connection.is_closed:
                self._connection = await aio_pika.connect(self._url, timeout=SECONDS)
                channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                self._target = await declare(channel, self._exchange, self._queue)
            return self._target

    async def _let_go(self) -> None:
        connection, self._connection, self._target = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(*BROKEN):
                await connection.close()


class RabbitMQReplies:
    """Takes the replies of a queue, one vote each.

    What is no reply, or is refused, goes to `QUEUE.dead` with the reason; what cannot be decided now, because the
    database does not answer, waits. A broker that lost patience meanwhile sends it again: it counts once.
    """

    def __init__(self, url: str, queue: str, replies: QueueReplies, complain: Callable[[str], None]) -> None:
        self._url = url
        self._queue = queue
        self._replies = replies
        self._complain = complain

    async def run(self, stop: asyncio.Event) -> None:
        """Take replies until it is stopped; a broker that is down is tried again."""
        while not stop.is_set():
            taking = asyncio.ensure_future(self._take())
            try:
                await unless(_result_of(taking), stop.wait())
            except CutShort:
                return
            except BROKEN as error:
                self._complain(f"Replies cannot be read from {self._queue}: {str(error) or type(error).__name__}.")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RECONNECT)
            finally:
                taking.cancel()
                await asyncio.wait({taking}, timeout=LAST_SECONDS)

    async def _take(self) -> None:
        connection = await aio_pika.connect(self._url, timeout=SECONDS)
        async with connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await declare_queue(channel, self._queue)
            async with queue.iterator() as messages:
                async for message in messages:
                    await self._one(channel, message)

    async def _one(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        dead = await taken(self._replies, message.body, self._complain)
        if dead is not None:
            letter = aio_pika.Message(
                message.body,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                headers={"interlock-reason": dead.reason, "interlock-code": dead.code},
            )
            await channel.default_exchange.publish(letter, dead_letters_of(self._queue), timeout=SECONDS)
        await message.ack()


async def _result_of(task: asyncio.Future[None]) -> None:
    """Wait for a task, which goes on if whoever waits is cancelled."""
    await asyncio.shield(task)


async def declare(channel: AbstractChannel, exchange: str, queue: str) -> AbstractExchange:
    """Declare an exchange, the queue that has all of it, and the queue of its dead letters; return the exchange."""
    target = await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)
    found = await declare_queue(channel, queue)
    await found.bind(target, "#")
    return target


async def declare_queue(channel: AbstractChannel, queue: str) -> AbstractQueue:
    """Declare a durable queue and that of its dead letters; return it."""
    await channel.declare_queue(dead_letters_of(queue), durable=True, arguments={**dead_arguments()})
    return await channel.declare_queue(queue, durable=True, arguments={**arguments_of(queue)})

"""Processes tell each other by RabbitMQ that there is work: to an exchange that passes it to all who listen.

A message says nothing but that. It is a hint: what gets lost costs a sweep, so nothing is confirmed, and nothing kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Callable

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from interlock.waking.failures import Failures

AT_MOST_EVERY = 0.002
"""Seconds between two messages of one process: what happens in between is told by one."""

BACK_OFF = (0.1, 5.0)
CONNECT_SECONDS = 5.0
FLUSH_SECONDS = 2.0
MOST_WAITING = 10
"""How many hints wait for a process that does not read: one would do."""

BROKEN = (AMQPError, ChannelInvalidStateError, ConnectionError, OSError, TimeoutError, asyncio.InvalidStateError)


class RabbitMQHints:
    """Implements the port `WorkHints`, in a thread of its own with one connection.

    Args:
        exchange: a durable fanout exchange, which it declares; each process that listens has a queue of its own there,
            which ends with its connection.
    """

    def __init__(self, url: str, exchange: str) -> None:
        self._url = url
        self._exchange = exchange
        self._failures = Failures("RabbitMQ")
        self._name = uuid.uuid4().hex
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._closed = False
        self._news = False
        self._heard: Callable[[], None] | None = None

    def tell(self) -> None:
        """Say that there is work. Returns at once."""
        self._news = True
        self._change()

    def listen(self, heard: Callable[[], None]) -> None:
        """Let a function be called whenever another process says that there is work, or may have."""
        self._heard = heard
        self._change()

    def close(self) -> None:
        """Say what is still to be said, and let go of the connection."""
        self._closed = True
        if self._thread is None:
            self._loop.close()
            return
        self._change()
        self._thread.join(FLUSH_SECONDS)

    def _change(self) -> None:
        with self._starting:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="interlock-hints", daemon=True)
                self._thread.start()
        with contextlib.suppress(RuntimeError):  # it is closed: nobody is told any more
            self._loop.call_soon_threadsafe(self._changed.set)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._always())
        finally:
            self._loop.close()

    async def _always(self) -> None:
        wait, longest = BACK_OFF
        while not self._closed or self._news:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    connection = await aio_pika.connect(self._url)
                wait = BACK_OFF[0]
                self._failures.worked()
                async with connection:
                    await self._serve(connection)
            except BROKEN as error:
                if self._closed:
                    return
                self._failures.failed(error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._until_closed(), wait)
                wait = min(2 * wait, longest)

    async def _until_closed(self) -> None:
        while not self._closed:
            self._changed.clear()
            await self._changed.wait()

    async def _serve(self, connection: AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=False)
        exchange = await channel.declare_exchange(self._exchange, aio_pika.ExchangeType.FANOUT, durable=True)
        lost, listening = asyncio.Event(), False

        def lose(*_: object) -> None:
            lost.set()
            self._changed.set()

        connection.close_callbacks.add(lose)
        channel.close_callbacks.add(lose)
        while not lost.is_set():
            if self._heard is not None and not listening:
                await self._consume(channel, exchange)
                listening = True
            self._changed.clear()
            if self._news:
                self._news = False
                await exchange.publish(aio_pika.Message(b"", app_id=self._name), "", mandatory=False)
                await asyncio.sleep(AT_MOST_EVERY)
            if self._news:
                continue
            if self._closed:
                return
            await self._changed.wait()

    async def _consume(self, channel: AbstractChannel, exchange: AbstractExchange) -> None:
        queue = await channel.declare_queue(exclusive=True, auto_delete=True, arguments={"x-max-length": MOST_WAITING})
        await queue.bind(exchange)
        await queue.consume(self._take, no_ack=True)
        self._tell()  # of what was missed before

    async def _take(self, message: AbstractIncomingMessage) -> None:
        if message.app_id != self._name:
            self._tell()

    def _tell(self) -> None:
        if self._heard is not None:
            self._heard()

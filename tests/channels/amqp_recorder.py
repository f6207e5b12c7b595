"""Stands between a client and RabbitMQ, and writes down what the client declares and asks for."""

import asyncio
import threading

from pamqp import commands, frame
from pamqp.exceptions import UnmarshalingException

KEPT = (
    commands.Exchange.Declare,
    commands.Queue.Declare,
    commands.Queue.Bind,
    commands.Basic.Qos,
    commands.Basic.Consume,
    commands.Basic.Publish,
    commands.Confirm.Select,
)


class Recorder:
    """A proxy in a thread of its own.

    Attributes:
        sent: what clients have declared and asked for, in order.
        unconfirmed: what they have published on a channel on which they did not ask the broker to confirm it.
    """

    def __init__(self, port: int) -> None:
        self._to, self.sent, self.unconfirmed = port, [], []
        self._loop, ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self):
        self._server.close()
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def of(self, kind):
        return [one for one in self.sent if isinstance(one, kind)]

    async def _serve(self, reader, writer):
        inside, outside = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            await asyncio.gather(self._pass(reader, outside, self._write_down()), self._pass(inside, writer, None))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, outside):
                one.close()

    async def _pass(self, reader, writer, heard):
        if heard is not None:
            next(heard)
        while data := await reader.read(65_536):
            if heard is not None:
                heard.send(data)
            writer.write(data)
            await writer.drain()
        writer.close()

    def _write_down(self):
        waiting, confirming = b"", set()
        while True:
            waiting += yield
            while waiting:
                try:
                    used, channel, found = frame.unmarshal(waiting)
                except (UnmarshalingException, ValueError):
                    break  # the rest of it comes
                waiting = waiting[used:]
                if isinstance(found, KEPT):
                    self.sent.append(found)
                if isinstance(found, commands.Confirm.Select):
                    confirming.add(channel)
                elif isinstance(found, commands.Basic.Publish) and channel not in confirming:
                    self.unconfirmed.append(found)


def refused_by_4_3(sent):
    """Return what RabbitMQ 4.3 refuses of what was sent: transient queues that others may use, a global prefetch."""
    wrong = []
    for one in sent:
        transient = isinstance(one, commands.Queue.Declare) and not (one.passive or one.durable or one.exclusive)
        if transient or (isinstance(one, commands.Basic.Qos) and one.global_):
            wrong.append(one)
    return wrong

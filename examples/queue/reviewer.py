"""A program by which Mia decides: it takes requests from a queue, shows them, and sends back what she says.

python reviewer.py callback     # answers by a call of the server
python reviewer.py queue        # answers on the queue of replies: this program reaches the broker alone
"""

import asyncio
import json
import os
import sys
import urllib.request
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractQueue
from aio_pika.exceptions import ChannelNotFoundEntity

ME = "mia@example.com"


async def review(how: str) -> None:
    """Decide on one request after the other."""
    connection = await aio_pika.connect(os.environ["BROKER"])
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        queue = await found(connection, "interlock.requests")
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process(requeue=True):  # it comes again if this program ends before it has answered
                    await decide(json.loads(message.body)["data"], channel, how)
                print("Sent.", flush=True)


async def found(connection: Any, name: str) -> AbstractQueue:
    """Return a queue as soon as Interlock has made it, which it does with its first message."""
    while True:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        try:
            return await channel.get_queue(name)
        except ChannelNotFoundEntity:
            await asyncio.sleep(0.2)


async def decide(data: dict[str, Any], channel: AbstractChannel, how: str) -> None:
    """Show a request, ask, and send the answer."""
    request, reply = data["request"], data["reply"]
    if ME not in reply["tokens"]:
        return  # it was decided elsewhere meanwhile
    print(f"\n{request['id']}\n{request['stands']['args']['plan']}")
    answer = await asyncio.to_thread(input, "Approve? (yes, or why not) ")
    approved = answer.strip().lower() == "yes"
    body = {"token": reply["tokens"][ME]["approve" if approved else "reject"], "comment": "" if approved else answer}
    if how == "callback":
        await asyncio.to_thread(call, reply["callback_url"], {"approved": approved, **body})
    else:
        message = aio_pika.Message(json.dumps(body).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, reply["queue"])


def call(address: str, body: dict[str, Any]) -> None:
    """Send an answer to the server."""
    headers = {"Content-Type": "application/json"}
    made = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310 - where Interlock says
    with urllib.request.urlopen(made) as answered:  # noqa: S310
        print(json.load(answered))


if __name__ == "__main__":
    asyncio.run(review(*sys.argv[1:]))

"""A mail server that takes what comes, or not, as it is told."""

import asyncio
from contextlib import asynccontextmanager
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP


class Postbox:
    """A mail server that answers as it is told, by what comes; and keeps what it takes."""

    def __init__(self):
        self.taken, self.answers, self.connections = [], {}, 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):
        answer = self.answers.get("DATA", "250 OK")
        if answer == "drop":
            server.transport.abort()
        if answer == "slow":
            await asyncio.sleep(60)
        if answer.startswith("250"):
            self.taken.append(envelope)
        return answer

    def take(self):
        taken, self.taken = self.taken, []
        return {one.rcpt_tos[0]: mail_of(one) for one in taken}

    async def listen(self, port=0):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: SMTP(self, hostname="test"), "127.0.0.1", port)
        return self.server.sockets[0].getsockname()[1]


@asynccontextmanager
async def post_office():
    box = Postbox()
    yield box, await box.listen()
    box.server.close()


def mail_of(envelope):
    """Return what came in an envelope."""
    return message_from_bytes(envelope.content, policy=policy.default)

"""Rooms and feeds by Apprise: a short text and a link, nothing that an agent has written, and nothing comes back."""

import asyncio
import json

import pytest
from tests.channels.house import MIA

from interlock.channels.apprise import AppriseSender
from interlock.channels.table import Surroundings, senders_of
from interlock.config.channels import AppriseSettings
from interlock.domain.action import Action, Question
from interlock.errors import BadInput, InvalidConfig
from interlock.testing.fakes import SettableClock

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # a plugin of Apprise's
ORIGIN = "https://approvals.example.com"
EVENTS = frozenset(AppriseSettings.model_fields["events"].default)


class Service:
    """A service that takes messages as JSON; down, it answers 503."""

    def __init__(self):
        self.taken, self.status = [], 200

    async def answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        if self.status == 200:
            self.taken.append((body["title"], body["message"]))
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    def take(self):
        taken, self.taken = self.taken, []
        return taken


@pytest.fixture
async def room(open_house):
    """Yield a house that tells a service."""
    service = Service()
    server = await asyncio.start_server(service.answer, "127.0.0.1", 0)
    address = f"json://127.0.0.1:{server.sockets[0].getsockname()[1]}/secret"

    def sender(system):
        more = {"tenant": "default", "events": EVENTS, "origin": ORIGIN, "most_an_hour": 3}
        return AppriseSender("team", system, address, **more)

    house = open_house(sender)
    house.service = service
    yield house
    server.close()


async def test_a_room_hears_what_waits_with_a_link_and_nothing_of_what_an_agent_wrote(room):
    hostile = Action("@everyone [click](https://evil.example)", {"to": "@here"})
    asked = [await room.ask(Action("send_email", {"to": "x"})), await room.ask(hostile, description="<!channel>")]
    asked.append(await room.ask(Question("Is **this** fine? @everyone")))
    await room.goes()
    told = sorted(room.service.take())
    until = f"Until {room.clock.at.replace(hour=17):%Y-%m-%d %H:%M} UTC."
    links = [f"{ORIGIN}/requests/{one.id}" for one in asked]
    assert told == sorted(
        [
            (
                "An action waits for a decision",
                f"An action waits for a decision. Action: send_email. {until} {links[0]}",
            ),
            ("An action waits for a decision", f"An action waits for a decision. {until} {links[1]}"),
            ("A question waits for an answer", f"A question waits for an answer. {until} {links[2]}"),
        ]
    )


async def test_what_is_decided_meanwhile_is_not_said_and_a_flood_is_one_message(room):
    room.service.status = 503
    asked = [await room.ask() for _ in range(9)]
    await room.goes()
    rows = await room.system.store.deliveries("default")
    assert next(one.last[0].error for one in rows if one.last).startswith("The service has not taken it")
    await room.by(MIA).reject(asked[0].id, digest=None, comment="no")
    room.service.status = 200
    await room.goes(minutes=15)
    assert len(room.service.take()) == 2, "one of the three is decided; the others are one, later"
    await room.goes(minutes=45)
    assert ("More requests wait", f"More requests wait than are told one by one: {ORIGIN}/") in room.service.take()


async def test_a_flood_in_which_nothing_waits_any_more_says_that_something_has_happened(room):
    asked = [await room.ask() for _ in range(9)]
    await room.goes()
    room.service.take()
    for one in asked:
        await room.by(MIA).reject(one.id, digest=None, comment="no")
    await room.goes(hours=1)
    said = "More has happened", f"More has happened than is told one by one: {ORIGIN}/attention"
    assert room.service.take() == [said], "perhaps a run needs somebody"


def test_an_address_is_a_secret_that_apprise_knows(tmp_path):
    def made(environ, origin=ORIGIN):
        around = Surroundings(tmp_path, environ, SettableClock(), origin)
        given = AppriseSettings.model_validate({"type": "apprise", "address": {"env": "ROOM"}})
        return senders_of({"team": given}, around, None)

    assert made({"ROOM": "ntfys://ntfy.example/topic"})[0].name == "team"
    with pytest.raises(BadInput, match="does not know") as refused:
        made({"ROOM": "secret-nonsense"})
    assert "secret-nonsense" not in refused.value.message
    with pytest.raises(InvalidConfig, match="no secret"):
        made({})
    with pytest.raises(InvalidConfig, match="origin"):
        made({"ROOM": "ntfys://ntfy.example/topic"}, None)

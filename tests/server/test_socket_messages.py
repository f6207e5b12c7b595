"""What is said on a WebSocket is what docs/reference-socket.md says, in both directions."""

import importlib
import sys
from pathlib import Path

import jsonschema_rs
import pytest
from tests.server.conftest import CONFIG
from tests.server.sockets import Socket
from tests.server.test_agents_api import MAIL, ask, vote
from tests.server.test_live import of

from interlock.web.socket_messages import ENTRY, TOLD, schema

DOCS = Path(__file__).parents[2] / "docs"
MIA, NOAH = "mia@example.com", "noah@example.com"
HELD = CONFIG.replace("default: {", "default: {hold: 10m, ")
QUESTION = {"asked": {"kind": "input", "text": "Which airline?"}}
DRAFT = {"asked": {"kind": "review", "title": "report", "body": "one"}}
SAID, HEARD = (jsonschema_rs.validator_for({**schema(), "$ref": f"#/$defs/{which}"}) for which in ("said", "told"))


@pytest.fixture
def page(monkeypatch):
    """Return the module that draws the page."""
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    return importlib.import_module("socket_page")


async def prepared(server, example, key):
    """Return a request about which an example can be said by mia."""
    verdict, agent, noah = example.says.get("verdict"), await server.agent(), await server.person(NOAH)
    body = {"respond": QUESTION, "revise": DRAFT}.get(verdict, MAIL)
    asked = await ask(agent, body | ({"initiator": MIA} if "clarify" in example.says else {}), key=key)
    if "take_back" in example.says:
        assert (await vote(await server.person(MIA), asked)).json()["status"] == "open"
    if "clarify" in example.says:
        await noah.post(f"/requests/{asked['id']}/clarifications", json={"text": "Why?"})
    return asked


def valid(told):
    HEARD.validate(told)
    return told


async def answer_of(socket, heard, said):
    """Say something; return the answer, and note all that is heard up to it."""
    SAID.validate(said)
    await socket.say(said)
    while not heard or heard[-1].get("id") != said["id"]:
        heard.append(valid(await socket.hear()))
    return heard[-1]


async def test_every_message_of_the_page_is_heard_and_fits_its_schema(open_server, page, monkeypatch):
    server, heard = open_server(config=HELD), []
    socket = Socket(server.app, of(await server.person(MIA)))
    await socket.__aenter__()
    heard.append(valid(await socket.hear()))
    for number, example in enumerate(page.EXAMPLES):
        asked = await prepared(server, example, f"order-{number}")
        named = {"digest": asked["digest"]} if "digest" in example.says else {}
        said = page.said(example) | named | {"request_id": asked["id"], "id": str(number)}
        while heard[-1].get("request_id") != asked["id"]:
            heard.append(valid(await socket.hear()))
        assert (await answer_of(socket, heard, said))["type"] in example.answered.types, example.what
    refused = await answer_of(socket, heard, {"request_id": "req_nothing", "approved": True, "id": "wrong"})
    assert refused["type"] == "problem"
    monkeypatch.setattr("interlock.web.broadcast.HEARTBEAT", 0.02)
    while heard[-1]["type"] != "alive":
        heard.append(valid(await socket.hear()))
    await (await server.person(MIA)).delete("/sessions")
    server.context.stop.set()
    while heard[-1]["type"] != "end":
        heard.append(valid(await socket.hear()))
    await socket.__aexit__()
    types = {one["type"] for one in heard}
    assert types >= {message.types[0] for message in TOLD if message is not ENTRY}, (
        "a message of the page was not heard"
    )
    assert types & set(ENTRY.types) >= {"step_reached", "vote_cast", "step_held", "asked_back", "clarified", "reserved"}


async def test_a_change_of_what_a_socket_has_shown_names_the_request_and_its_new_digest(server):
    async with Socket(server.app, of(await server.person(MIA))) as socket:
        asked = await ask(await server.agent())
        after = (await vote(await server.person(NOAH), asked, "edit", value={"to": "bob"})).json()
        while (told := valid(await socket.hear()))["type"] != "edited":
            pass
        assert (told["request_id"], told["digest"]) == (asked["id"], after["digest"])


async def test_each_kind_of_message_stands_on_the_page(page):
    text = (DOCS / "reference-socket.md").read_text()
    for message in TOLD:
        assert page.heading(message) in text
        assert all(f"`{one}`" in text for one in (*message.types, *message.fields))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "ready"},
        {"type": "nothing", "position": "1"},
        {"type": "alive", "more": 1},
        {"type": "voted", "request": {}},
        {"type": "end", "reason": "x", "after": 7},
    ],
)
def test_the_schema_refuses_what_the_server_does_not_say(message):
    with pytest.raises(jsonschema_rs.ValidationError):
        HEARD.validate(message)


@pytest.mark.parametrize("message", [{"approved": True}, {"request_id": "r", "approve": True}, {"request_id": 7}])
def test_the_schema_refuses_what_a_client_cannot_say(message):
    with pytest.raises(jsonschema_rs.ValidationError):
        SAID.validate(message)

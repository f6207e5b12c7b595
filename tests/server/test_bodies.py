"""What calls carry is read in one way: by one strict parser, in time, or not at all."""

import asyncio
import json

import pytest
from tests.server.sockets import Socket

from interlock.domain.credentials import Scope
from interlock.web import body_reader

JSON = {"Content-Type": "application/json"}
ASK = {"asked": {"kind": "approval", "name": "mail", "args": {"to": "ann"}}}


async def asked(server):
    agent = await server.agent("agent:bot", Scope.ask, Scope.read)
    return (await agent.post("/requests", json=ASK, headers={"Idempotency-Key": "one"})).json()


async def test_a_verdict_that_stands_twice_is_no_vote(server):
    request = await asked(server)
    mia = await server.person("mia@example.com")
    body = f'{{"verdict": "reject", "digest": "{request["digest"]}", "verdict": "approve"}}'
    answer = await mia.post(f"/requests/{request['id']}/votes", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["details"]["path"] == "$"
    assert answer.json()["detail"] == '$: the name "verdict" stands twice in one object'
    assert (await mia.get(f"/requests/{request['id']}")).json()["status"] == "open"


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        (
            b'{"asked": {"kind": "approval", "name": "mail", "args": {"to": 1, "to": 2}}}',
            "$.asked.args",
            "stands twice",
        ),
        (b'{"votes": [{}, {"verdict": "reject", "verdict": "approve"}]}', "$.votes[1]", "stands twice"),
        (b'{"a": "x", "\\u0061": "y"}', "$", "stands twice"),
        (b'{"a": NaN}', "$", "NaN"),
        (b'{"a": -Infinity}', "$", "Infinity"),
        ('{"a": 1}'.encode("utf-16"), "$", "UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "$", "not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "$", "byte order mark"),
        (b'{"a": ', "$", "it ends too early"),
        (b"[" * 100_000, "$", "nested deeper"),
    ],
)
async def test_a_body_that_has_no_one_meaning_is_refused_with_its_path(server, body, path, reason):
    agent = await server.agent("agent:bot", Scope.ask)
    for kind in ("application/json", "application/merge-patch+json; charset=utf-16", "Application/JSON"):
        answer = await agent.post("/requests", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400, answer.text
        assert answer.json()["details"]["path"] == path
        assert reason in answer.json()["detail"]


async def test_a_batch_in_which_a_verdict_stands_twice_casts_no_vote(server):
    request = await asked(server)
    mia = await server.person("mia@example.com")
    vote = f'"request_id": "{request["id"]}", "digest": "{request["digest"]}"'
    body = f'{{"votes": [{{{vote}, "verdict": "reject", "verdict": "approve"}}]}}'
    answer = await mia.post("/requests/votes", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["details"].get("path")) == (400, "$.votes[0]")


async def test_a_socket_takes_no_name_that_stands_twice(server):
    request = await asked(server)
    headers = {"Cookie": await server.cookie("mia@example.com"), "Origin": server.context.origin}
    async with Socket(server.app, headers) as socket:
        await socket.hear()
        text = (
            f'{{"request_id": "{request["id"]}", "digest": "{request["digest"]}", "approved": false, "approved": true}}'
        )
        await socket.say_text(text)
        problem = (await socket.hear())["problem"]
        assert problem["detail"] == '$: the name "approved" stands twice in one object'
        await socket.say_text('{"value": NaN}')
        assert "NaN" in (await socket.hear())["problem"]["detail"]
    mia = await server.person("mia@example.com")
    assert (await mia.get(f"/requests/{request['id']}")).json()["status"] == "open"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", ""])
@pytest.mark.parametrize("body", ["[]", '"x"', "3", ""])
async def test_what_is_no_object_is_said_in_plain_words(server, body, kind):
    agent = await server.agent("agent:bot", Scope.ask)
    answer = await agent.post("/requests", content=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 400
    assert not {"dictionary", "Field", "decode"} & set(answer.json()["detail"].split())


async def test_a_digest_that_is_none_is_refused_without_words_of_the_command_line(server):
    request = await asked(server)
    mia = await server.person("mia@example.com")
    vote = {"verdict": "approve", "digest": "sha256:aaaa"}
    answer = await mia.post(f"/requests/{request['id']}/votes", json=vote)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("'sha256:aaaa' is no digest: give sha256:")


async def sent(server, *pieces):
    """Send half a call to a server on a port; return what it answers until it closes the connection."""
    host, port = server.context.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST /api/v1/requests HTTP/1.1\r\nHost: {host}:{port}\r\n".encode())
    for piece in pieces:
        writer.write(piece)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_a_body_that_does_not_arrive_is_not_waited_for(server, monkeypatch):
    monkeypatch.setattr(body_reader, "SECONDS", 0.3)
    await server.listen()
    answers = await asyncio.gather(
        *(sent(server, b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{") for _ in range(20)),
        sent(server, b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
    )
    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 "), head
        assert b"connection: close" in head.lower()
        assert json.loads(body)["code"] == "too_slow"


async def test_a_body_that_says_it_is_too_large_is_not_read(server):
    await server.listen()
    answer = await sent(server, b"Content-Length: 1500001\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")

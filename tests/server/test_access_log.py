"""The access log: `interlock serve` writes a line of JSON for each call, and no secret in any of them."""

import json
import logging
import time

import httpx2
import pytest
from tests.server import served
from tests.server.sockets import Denied, Socket

LINE = {"time", "id", "method", "path", "status", "ms", "address", "principal"}
SECRET = "hidden-4711"
SENT = {"Cookie": f"interlock=ils_{SECRET}", "User-Agent": SECRET, "X-Forwarded-For": SECRET, "Referer": SECRET}


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "interlock.access")
    return lambda: [json.loads(one.getMessage()) for one in caplog.records if one.name == "interlock.access"]


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*also):
        words = ("--database", str(tmp_path / "one.db"))
        started.append(served.Served(tmp_path, *words, name=str(len(started)), also=also))
        return started[-1]

    yield start
    for one in started:
        one.end()


def test_serve_writes_a_line_for_each_call_and_no_secret(serve):
    server = serve()
    with httpx2.Client(base_url=server.origin(), headers=SENT) as nobody:
        nobody.get("/livez", params={"code": SECRET})
        nobody.post("/api/v1/session", json={"name": SECRET, "password": SECRET, "code": SECRET})
        nobody.post("/api/v1/session", content=SECRET)
        nobody.get("/api/v1/requests", headers={"Authorization": f"Bearer ilk_{SECRET}"})
        nobody.get(f"/join/ili_{SECRET}")
        last = nobody.get(f"/sign-in%0Aili_{SECRET}%3Fcode=1")
        nobody.post("/join", data={"link": f"ili_{SECRET}", "new": SECRET, "again": SECRET})
    for _ in range(200):  # a line is written when its answer has gone out
        if (told := server.errors()).count('"path"') == 7:
            break
        time.sleep(0.05)
    assert SECRET not in told
    written = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert [(line["method"], line["path"]) for line in written[:2]] == [("GET", "/livez"), ("POST", "/api/v1/session")]
    assert len(written) == 7
    assert all(set(line) == LINE and line["address"] == "127.0.0.1" for line in written)
    assert written[5]["id"] == last.headers["x-request-id"]
    assert written[5]["status"] == last.status_code


def test_no_access_log_turns_it_off(serve):
    server = serve("--no-access-log")
    assert httpx2.get(f"{server.origin()}/livez").status_code == 200
    assert "{" not in server.errors()


async def test_it_says_who_called(server, lines):
    mia, bot, nobody = await server.person("mia@example.com"), await server.agent(), server.client()
    for client in (mia, bot, nobody):
        await client.get("/requests")
    link = await server.context.authenticator.link("default", "noah@example.com", by="test")
    await nobody.post("/session", json={"link": link.secret})
    called = [(line["principal"], line["status"]) for line in lines()]
    assert called == [("mia@example.com", 200), ("agent:bot", 200), (None, 401), ("noah@example.com", 200)]


async def test_a_socket_has_its_line(server, lines):
    cookie = await server.cookie("mia@example.com")
    async with Socket(server.app, {"Cookie": cookie, "Origin": server.context.origin}):
        pass
    with pytest.raises(Denied):
        async with Socket(server.app, {"Origin": server.context.origin}):
            pass
    called = [(line["method"], line["path"], line["status"], line["principal"]) for line in lines()]
    known = ("WEBSOCKET", "/api/v1/socket", 101, "mia@example.com")
    assert called == [known, ("WEBSOCKET", "/api/v1/socket", 401, None)]

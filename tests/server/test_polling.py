"""Who polls sees `pending` become what it came to, and stay so: in the database, and by GET with an ETag (S11)."""

import contextlib
import sqlite3

import psycopg
import pytest
from tests.server.test_agents_api import MAIL, ask, claim, vote


def polled(address, columns="id, plan, status", where=""):
    """Return columns of requests, as a program reads them that knows the view alone."""
    query = f"SELECT {columns} FROM approval_requests {where} ORDER BY opened_at, id"
    if address.startswith("postgresql"):
        with psycopg.connect(address) as connection:
            return connection.execute(query).fetchall()
    with contextlib.closing(sqlite3.connect(address)) as database:
        return database.execute(query).fetchall()


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_the_view_says_pending_and_then_what_it_came_to(open_server, store):
    server = open_server(store)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    address = server.system.settings.database_url.removeprefix("sqlite:///")
    first = await ask(agent, MAIL | {"description": "Write to Ann"}, key="a")
    server.clock.advance(seconds=1)
    second = await ask(agent, MAIL, key="b")
    server.clock.advance(seconds=1)
    third = await ask(agent, MAIL, key="c")
    assert polled(address) == [
        (first["id"], "Write to Ann", "pending"),
        (second["id"], "send", "pending"),
        (third["id"], "send", "pending"),
    ]
    about = await ask(agent, MAIL | {"reference": "order 17"}, key="d")
    assert polled(address, "id", "WHERE reference = 'order 17'") == [(about["id"],)]
    await vote(mia, first)
    await vote(mia, second, "reject", comment="no")
    server.clock.advance(days=2)
    await server.drain()
    assert [status for *_, status in polled(address)] == ["approved", "rejected", "expired", "expired"]


async def test_a_get_with_the_tag_of_before_brings_nothing_new(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    for path in (f"/requests/{asked['id']}", "/requests?status=open&status=approved"):
        first = await agent.get(path)
        again = await agent.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        weak = await agent.get(path, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
        assert weak.status_code == 304
    await vote(mia, asked)
    after = await agent.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (after.status_code, after.json()["requests"][0]["status"]) == (200, "approved")


async def test_whatever_is_polled_has_a_tag_that_changes_with_it(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    asked = await ask(agent)
    lists = [f"/requests/inbox/{which}{end}" for which in ("mine", "others", "decided") for end in ("", "/count")]
    polled = {
        agent: [f"/requests/{asked['id']}/outcome", f"/requests/{asked['id']}/outcome?wait=0"],
        mia: [*lists, "/requests/inbox/mine/bundles", "/requests/unsettled", "/runs"],
    }
    tags = {}
    for who, paths in polled.items():
        for path in paths:
            tags[who, path] = {"If-None-Match": (await who.get(path)).headers["etag"]}
            assert (await who.get(path, headers=tags[who, path])).status_code == 304, path
    await vote(mia, asked)
    await claim(agent, asked)
    await mia.post("/runs", json={"agent": "approval", "input": "Send email to team about meeting"})
    same = {path for (who, path), tag in tags.items() if (await who.get(path, headers=tag)).status_code == 304}
    assert same == {"/requests/inbox/others", "/requests/inbox/others/count"}, "nothing waits for others, as before"


async def test_who_reads_the_log_is_told_where_to_go_on(server):
    agent, noah = await server.agent(), await server.person("noah@example.com")
    empty = (await noah.get("/log")).json()
    assert (empty["more"], "next" in empty) == (False, False)
    await ask(agent)
    page = (await noah.get("/log", params={"after": empty["position"], "limit": 1})).json()
    assert (page["more"], page["next"]) == (True, page["position"])
    rest = (await noah.get("/log", params={"after": page["position"]})).json()
    assert (len(rest["entries"]), rest["more"], rest["position"]) == (1, False, rest["entries"][-1]["position"])
    last = (await noah.get("/log", params={"after": rest["position"]})).json()
    assert (last["entries"], last["more"], last["position"]) == ([], False, rest["position"])
    await ask(agent, key="order-2")
    entries = (await noah.get("/log", params={"after": last["position"]})).json()["entries"]
    assert entries[0]["event"]["type"] == "opened"

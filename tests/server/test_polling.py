"""Who polls sees `pending` become what it came to, and stay so: in the database, and by GET with an ETag (S11)."""

import asyncio
import contextlib
import importlib.util
import json
import os
import sqlite3
from pathlib import Path

import psycopg
import pytest
from tests.server.test_agents_api import MAIL, ask, claim, vote

EXAMPLES = Path(__file__).parents[2] / "examples" / "polling"


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


def address_of(server):
    return server.system.settings.database_url.removeprefix("sqlite:///")


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_the_view_is_for_reading_alone(open_server, store):
    server = open_server(store)
    asked = await ask(await server.agent())
    address = address_of(server)
    for statement in (
        "DELETE FROM approval_requests",
        "DELETE FROM approval_requests WHERE id = 'nothing'",
        "UPDATE approval_requests SET agent = 'another'",
        "INSERT INTO approval_requests (id, tenant) VALUES ('req_made_up', 'default')",
    ):
        if store == "sqlite":
            with (
                contextlib.closing(sqlite3.connect(address)) as database,
                pytest.raises(sqlite3.OperationalError, match="it is a view"),
            ):
                database.execute(statement)
        else:
            with psycopg.connect(address) as connection, pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                connection.execute(statement)
    assert [row[0] for row in polled(address)] == [asked["id"]]


async def test_a_role_that_may_read_the_view_reads_nothing_else(open_server):
    server = open_server("postgres")
    asked = await ask(await server.agent())
    with psycopg.connect(address_of(server)) as connection:
        connection.execute("CREATE ROLE interlock_reader NOLOGIN")  # taken back with the transaction
        (schema,) = connection.execute("SELECT current_schema()").fetchone()
        connection.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO interlock_reader')  # which everybody has on `public`
        connection.execute("GRANT SELECT ON approval_requests TO interlock_reader")
        connection.execute("SET LOCAL ROLE interlock_reader")
        assert connection.execute("SELECT id FROM approval_requests").fetchall() == [(asked["id"],)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT id FROM requests")
        connection.rollback()


async def test_the_view_finds_a_reference_by_its_index(open_server):
    server = open_server("postgres")
    with psycopg.connect(address_of(server)) as connection:
        connection.execute("SET LOCAL enable_seqscan = off")
        query = "SELECT id FROM approval_requests WHERE tenant = 'default' AND reference = 'order 17'"
        plan = connection.execute(f"EXPLAIN {query}").fetchall()
    assert "requests_of_reference" in str(plan)


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_the_example_that_knows_the_database_alone(open_server, store):
    spec = importlib.util.spec_from_file_location("poll_the_database", EXAMPLES / "poll_the_database.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    server = open_server(store)
    agent, mia = await server.agent(), await server.person("mia@example.com")
    about = {"reference": "order 17", "description": "Write to Ann"}
    asked = await ask(agent, MAIL | about, key="a")
    await ask(agent, MAIL | {"reference": "order 18"}, key="b")
    assert example.polled(address_of(server), "order 17") == [(asked["id"], "pending", "Write to Ann")]
    await vote(mia, asked)
    assert example.polled(address_of(server), "order 17") == [(asked["id"], "approved", "Write to Ann")]


async def test_the_example_that_asks_the_server_gets_nothing_for_what_has_not_changed(server, tmp_path):
    at = await server.listen()
    agent, mia = await server.agent(), await server.person("mia@example.com")
    token = agent.headers["authorization"].removeprefix("Bearer ")
    environ = {**os.environ, "INTERLOCK_SERVER": f"http://{at}", "INTERLOCK_TOKEN": token}
    asked = await ask(agent, MAIL | {"reference": "order 17"})

    async def poll():
        command = "sh", EXAMPLES / "poll_the_server.sh", "17", tmp_path / "kept.json"
        child = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.PIPE)
        said, _ = await child.communicate()
        (kept,) = json.loads((tmp_path / "kept.json").read_text())["requests"]
        return said.decode(), kept["id"], kept["status"]

    assert await poll() == ("changed\n", asked["id"], "open")
    assert await poll() == ("unchanged\n", asked["id"], "open")
    await vote(mia, asked)
    assert await poll() == ("changed\n", asked["id"], "approved")

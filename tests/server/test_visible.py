"""What an agent's token sees: its own requests, runs and threads, through every route that names one."""

import re

import pytest
from tests.server.sockets import Events, Socket
from tests.server.test_access import ROUTES as NEEDS
from tests.server.test_agents_api import ask
from tests.server.test_live import entries, opened

from interlock.domain.access import Permission
from interlock.domain.credentials import Scope

SECRET = "SECRET-PROJECT"
NAMED = {"{run_id}", "{request_id}", "{name}"}
SEEN = {Permission.read, Permission.start, Permission.operate}
ROUTES = sorted(
    (method, path)
    for (method, path), need in NEEDS.items()
    if need in SEEN and NAMED & set(re.findall(r"{[a-z_]+}", path)) and "directory" not in path
)


@pytest.fixture
async def house(server):
    """Return a server, and the run that waits in a thread, with its request."""
    mia = await server.person("mia@example.com")
    body = {"agent": "approval", "input": f"Send email to team about {SECRET}", "thread": "t"}
    run = (await mia.post("/runs", json=body)).json()
    await server.drain()
    (request,) = (await mia.get("/requests")).json()["requests"]
    server.ids = {"{run_id}": run["id"], "{request_id}": request["id"], "{name}": "t"}
    return server


def named(server, path):
    return re.sub(r"{[a-z_]+}", lambda found: server.ids.get(found[0], found[0]), path)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_what_is_another_agents_is_not_there(house, method, path):
    other = await house.agent("agent:other")
    body = {"json": {}} if method == "POST" else {}
    answer = await other.request(method, named(house, path), **body)
    assert answer.status_code in {403, 404}, answer.text
    assert answer.status_code == 404 or NEEDS[method, path] is Permission.operate  # agents change no runs
    assert SECRET not in answer.text


async def test_lists_leave_out_what_is_another_agents(house):
    other, own, service = [await house.agent(name) for name in ("agent:other", "agent:approval", "service:cron")]
    for path, rows in (
        ("/runs", "runs"),
        ("/threads", "threads"),
        (f"/runs/pauses?run={house.ids['{run_id}']}", "pauses"),
    ):
        assert not (await other.get(path)).json()[rows]
        assert (await own.get(path)).json()[rows]
        assert (await service.get(path)).json()[rows]


@pytest.mark.parametrize(
    "path", [*(f"/runs/{{run_id}}{part}" for part in ("", "/history", "/timeline", "/state")), "/threads/{name}"]
)
async def test_an_agent_sees_runs_of_its_own_name_and_those_that_it_has_started(house, path):
    own = await house.agent("agent:approval", Scope.read)
    assert (await own.get(named(house, path))).status_code == 200
    starter = await house.agent("agent:starter", Scope.read, Scope.run)
    body = {"agent": "approval", "input": "Send email to all", "thread": "u"}
    house.ids = {"{run_id}": (await starter.post("/runs", json=body)).json()["id"], "{name}": "u"}
    await house.drain()
    assert (await starter.get(named(house, path))).status_code == 200
    assert [one["name"] for one in (await starter.get("/threads")).json()["threads"]] == ["u"]


async def test_an_agent_does_not_continue_another_agents_thread(house):
    other = await house.agent("agent:other")
    body = {"agent": "approval", "input": "What was said before?", "thread": "t"}
    assert (await other.post("/runs", json=body)).status_code == 403
    assert (await other.post("/runs", json=body | {"thread": "other"})).status_code == 201


async def test_a_page_of_an_agents_runs_goes_on_behind_those_of_others(house):
    starter, mia = await house.agent("agent:starter"), await house.person("mia@example.com")
    started = []
    for number in range(3):
        for client in (mia, starter):
            run = (await client.post("/runs", json={"agent": "approval", "input": f"Send email to {number}"})).json()[
                "id"
            ]
        started.append(run)
    found, after = [], None
    while after is not None or not found:
        page = (await starter.get("/runs", params={"limit": 2} | ({"after": after} if after else {}))).json()
        found, after = found + [run["id"] for run in page["runs"]], page.get("next")
    assert sorted(found) == sorted(started)


async def told(house, stream, client, last, after=""):
    """Return the streams of the log that somebody is told of after a position, up to an entry of a type."""
    if stream == "/log":
        page = (await client.get("/log", params={"after": after})).json()
        return {entry["stream"] for entry in page["entries"]}
    connection = await opened(stream, house, client, query=f"after={after}")
    found = await entries(connection, last)
    await connection.__aexit__()
    return {entry["stream"] for entry in found}


@pytest.mark.parametrize("stream", [Events, Socket, "/log"])
async def test_streams_and_the_log_tell_an_agent_of_its_own_alone(house, stream):
    run, request = house.ids["{run_id}"], house.ids["{request_id}"]
    other, own = await house.agent("agent:other"), await house.agent("agent:approval")
    position = (await other.get("/log/position")).json()["position"]
    asked = await ask(other)
    assert await told(house, stream, other, "step_reached") == {asked["id"]}
    assert await told(house, stream, own, "step_reached") == {run, request}
    mia = await house.person("mia@example.com")
    assert (await mia.post(f"/requests/{request}/comments", json={"text": "Soon"})).status_code == 200
    await mia.post(f"/requests/{asked['id']}/comments", json={"text": "Soon"})
    house.context._owners.clear()  # as in a process that has just begun
    assert await told(house, stream, own, "commented", position) == {request}
    assert await told(house, stream, other, "commented", position) == {asked["id"]}


async def test_a_service_is_told_of_all_and_of_people_and_tokens_if_it_may_read_the_log(house):
    asked = await ask(await house.agent("agent:other"))
    everything = {house.ids["{run_id}"], house.ids["{request_id}"], asked["id"]}
    last = "step_reached"
    for scope, more in ((Scope.log, {"directory"}), (Scope.read, set())):
        service = await house.agent("service:cron", scope)
        connection = await opened(Events, house, service, query="after=")
        found = await entries(connection, last) + await entries(connection, last)
        assert {entry["stream"] for entry in found} == everything | more
        await connection.__aexit__()

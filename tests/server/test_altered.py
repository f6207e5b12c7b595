"""An altered record decides nothing, at any door: S13's untampered request (I1, I11)."""

import json

import pytest
from tests.server.test_agents_api import MAIL, ask, claim
from tests.server.test_guarantees import by_rest, in_a_batch, on_a_websocket
from tests.server.test_runs_api import act, put, started

from interlock.engine.codec import leaf_hash

MIA = "mia@example.com"


def forged_row(door, request):
    """Let the row ask for another mail than its log says."""
    body = json.loads(bytes(door.sql("SELECT body FROM requests WHERE id = ?", request["id"])[0][0]))
    body["ask"]["subject"]["args"] = {"to": "eve"}
    door.sql("UPDATE requests SET body = ? WHERE id = ?", json.dumps(body).encode(), request["id"])


def forged_entry(door, request):
    """Let the log say that another mail was asked for, with the hash that fits."""
    position, body = door.sql("SELECT position, body FROM log WHERE stream = ? AND seq = 1", request["id"])[0]
    forged = bytes(body).replace(b'"ann"', b'"eve"')
    assert forged != bytes(body)
    door.sql("UPDATE log SET body = ?, leaf = ? WHERE position = ?", forged, leaf_hash(forged), position)


def forged_name(door, request):
    """Let the row hold the request of another id: then it cannot even be read together with others."""
    body = json.loads(bytes(door.sql("SELECT body FROM requests WHERE id = ?", request["id"])[0][0]))
    door.sql("UPDATE requests SET body = ? WHERE id = ?", json.dumps(body | {"id": "req_x"}).encode(), request["id"])


def stored(door):
    """Return all that stands in the database about requests."""
    rows = door.sql("SELECT id, status, effect, version, body FROM requests ORDER BY id")
    return rows, door.sql("SELECT stream, seq, body, leaf FROM log ORDER BY position")


@pytest.mark.parametrize("forge", [forged_row, forged_entry])
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_S13_no_vote_and_no_claim_of_an_altered_request_is_taken_at_any_door(open_server, backdoor, store, forge):
    server = open_server(store)
    agent, mia = await server.agent(), {"Cookie": await server.cookie(MIA), "Origin": server.context.origin}
    waiting, approved = await ask(agent), await ask(agent, key="order-2")
    body = {"verdict": "approve", "digest": waiting["digest"]}
    assert (await by_rest(server, mia, approved, body)).json()["status"] == "approved"
    door = backdoor(server.address)
    door.open_the_log()
    for request in (waiting, approved):
        forge(door, request)
    before = stored(door)
    told = [
        (await by_rest(server, mia, waiting, body)).json(),
        (await in_a_batch(server, mia, waiting, body)).json()["results"][0]["problem"],
        (await on_a_websocket(server, mia, waiting, body))["problem"],
        (await claim(agent, approved)).json(),
    ]
    assert [(one["status"], one["code"]) for one in told] == [(500, "record_altered")] * len(told)
    assert stored(door) == before
    untouched = await ask(agent, MAIL, key="order-3")  # and nobody else is stopped by it
    assert (await by_rest(server, mia, untouched, body)).json()["status"] == "approved"


async def test_pages_show_the_others_and_say_which_entry_cannot_be_read(open_server, backdoor):
    """An auditor needs the log most when somebody has altered it."""
    server = open_server("sqlite")
    agent, auditor = await server.agent(), await server.person("noah@example.com")
    before, broken, after = [await ask(agent, MAIL, key=f"order-{n}") for n in range(3)]
    door = backdoor(server.address)
    door.open_the_log()
    door.sql("UPDATE log SET body = ? WHERE stream = ? AND seq = 1", b"\xff", broken["id"])
    for query in ({}, {"since": f"{server.clock.at:%Y-%m-%d}"}):
        page = await auditor.get("../../log", params=query)
        assert page.status_code == 200
        assert f"Entry 1 of <code><bdi>{broken['id']}</bdi></code> cannot be read" in page.text
        for one in (before, after):
            assert f"/log/{one['id']}/1" in page.text
        assert f"/log/{broken['id']}/1" not in page.text


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_lists_show_the_others_where_a_row_cannot_be_read(open_server, backdoor, store, caplog):
    """One row out of a thousand must not take the inbox away from everybody. What is broken is told of once."""
    server = open_server(store)
    agent, mia = await server.agent(), await server.person(MIA)
    put(server, act)
    runs = [await started(mia, agent="payer", input=str(n)) for n in range(3)]
    asked = [await ask(agent, MAIL, key=f"order-{n}") for n in range(3)]
    door = backdoor(server.address)
    door.sql("UPDATE requests SET body = ? WHERE id = ?", b"\xff" + store.encode(), asked[1]["id"])
    door.sql("UPDATE runs SET body = ? WHERE id = ?", b"\xff", runs[1]["id"])
    for path in (
        "../../",
        "/requests",
        f"../../requests/{asked[0]['id']}",
        "/runs",
        "../../runs",
        "../../?list=others",
    ):
        page = await mia.get(path)
        assert page.status_code == 200, path
        assert not any(broken["id"] in page.text for broken in (asked[1], runs[1]))
        shown = runs if path.endswith("runs") else asked
        assert path.endswith("others") or shown[0]["id"] in page.text, path
    found = [(await mia.get("/runs", params={"limit": 1})).json()]
    found.append((await mia.get("/runs", params={"limit": 1, "after": found[0]["next"]})).json())
    assert {one["id"] for page in found for one in page["runs"]} == {runs[0]["id"], runs[2]["id"]}
    assert [text for text in caplog.messages if "cannot be read, and lists leave it out" in text]
    assert (await mia.get(f"/requests/{asked[1]['id']}")).status_code == 500


@pytest.mark.parametrize("forge", [forged_row, forged_entry, forged_name])
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_one_altered_request_among_many_is_the_only_one_that_is_refused(open_server, backdoor, store, forge):
    """A batch reads its requests together, and one of them must not hide the others."""
    server = open_server(store)
    agent, mia = await server.agent(), await server.person(MIA)
    first, altered, last = [await ask(agent, key=f"order-{number}") for number in range(3)]
    door = backdoor(server.address)
    door.open_the_log()
    forge(door, altered)
    votes = [{"request_id": one["id"], "verdict": "approve", "digest": one["digest"]} for one in (first, altered, last)]
    found = (await mia.post("/requests/votes", json={"votes": votes})).json()["results"]
    assert [one["status"] for one in found] == [200, 500, 200]
    assert found[1]["problem"]["code"] == "record_altered"

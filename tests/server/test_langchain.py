"""LangChain's `create_agent` with its own middleware, unchanged, registered and decided through the API (S7, S8)."""

import sys

from tests.server.conftest import CONFIG

CONFIGURED = CONFIG.replace('"pay"', '"transfer"') + "agents: {bookkeeper: 'tests.server.bookkeeper:agent'}\n"


async def test_each_call_of_a_turn_is_decided_through_the_api(open_server):
    server = open_server(config=CONFIGURED)
    olga, mia, noah = [await server.person(f"{name}@example.com") for name in ("olga", "mia", "noah")]
    started = await olga.post("/runs", json={"agent": "bookkeeper", "input": "pay the bills"})
    assert started.status_code == 201, started.text
    run = started.json()["id"]
    await server.drain()
    waiting = (await mia.get("/requests", params={"run": run})).json()["requests"]
    by = {one["asked"].get("args", {}).get("vendor", "?"): one for one in waiting}
    assert (sorted(by), len(waiting)) == (["?", "ACME", "Bolt", "Cord", "Evil"], 5)

    async def vote(person, which, verdict, **said):
        body = {"verdict": verdict, "digest": by[which]["digest"], **said}
        answer = await person.post(f"/requests/{by[which]['id']}/votes", json=body)
        return answer.json().get("status"), answer.json().get("code")

    assert await vote(olga, "ACME", "approve") == (403, "forbidden")  # who has started the run
    assert await vote(mia, "?", "approve") == (422, "not_offered")
    assert await vote(mia, "Bolt", "edit", value={"vendor": "Bolt", "amount": "much"}) == (422, "invalid_answer")
    assert await vote(mia, "ACME", "approve") == ("approved", None)
    await server.drain()
    assert (await mia.get(f"/runs/{run}")).json()["status"] == "paused"  # until all calls of the turn are decided
    assert await vote(mia, "Cord", "respond", value="it is paid already") == ("answered", None)
    assert await vote(mia, "?", "respond", value="Marketing") == ("answered", None)
    assert await vote(noah, "Evil", "reject", comment="not a vendor of ours") == ("rejected", None)
    assert await vote(noah, "Bolt", "edit", value={"vendor": "Bolt", "amount": 90}) == ("approved", None)
    await server.drain()
    done = (await mia.get(f"/runs/{run}")).json()
    assert done["status"] == "done", done
    told = [message["content"] for message in done["output"]["messages"] if message["type"] == "tool"]
    assert {"paid 500 to ACME", "it is paid already", "Marketing", "rate: found"} <= set(told)
    assert any("not a vendor of ours" in each for each in told)
    assert any("human reviewer replaced" in each and "paid 90 to Bolt" in each for each in told)
    assert len(told) == 6
    assert sorted(sys.modules["tests.server.bookkeeper"].PAID) == [("ACME", 500), ("Bolt", 90)]
    assert await vote(noah, "ACME", "reject", comment="late") == (409, "closed")
    assert await vote(mia, "Cord", "approve") == (409, "closed")
    history = (await mia.get(f"/runs/{run}/history")).json()["entries"]
    assert [entry["event"]["type"] for entry in history].count("run_done") == 1

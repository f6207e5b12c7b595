"""S20: several agents ask through one inbox, also from a sub-graph and by a gated tool, and are decided there."""

import sys

from tests.server.conftest import CONFIG

AGENTS = "agents: {publisher: 'tests.server.offices:publisher', cashier: 'tests.server.offices:cashier'}\n"


async def test_S20_what_a_sub_graph_and_a_gated_tool_of_two_agents_ask_is_decided_from_one_inbox(open_server):
    server = open_server(config=CONFIG + AGENTS)
    olga, mia = await server.person("olga@example.com"), await server.person("mia@example.com")
    started = [("publisher", "the fair"), ("cashier", "order 17")]
    runs = {
        name: (await olga.post("/runs", json={"agent": name, "input": said})).json()["id"] for name, said in started
    }
    await server.drain()
    inbox = (await mia.get("/requests/inbox/mine")).json()["requests"]
    by_agent = {one["agent"]: one for one in inbox}
    assert {name: one["run"] for name, one in by_agent.items()} == runs
    assert {one["kind"] for one in by_agent.values()} == {"approval", "input"}
    said = {"publisher": {"verdict": "respond", "value": "We are there."}, "cashier": {"verdict": "approve"}}
    votes = [{"request_id": one["id"], "digest": one["digest"], **said[name]} for name, one in by_agent.items()]
    assert [one["status"] for one in (await mia.post("/requests/votes", json={"votes": votes})).json()["results"]] == [
        200
    ] * 2
    await server.drain()
    ended = {name: (await mia.get(f"/runs/{run}")).json() for name, run in runs.items()}
    assert {name: one["status"] for name, one in ended.items()} == dict.fromkeys(runs, "done")
    assert ended["publisher"]["output"]["text"] == "We are there."
    assert ended["cashier"]["output"]["receipt"] == "paid 40 back"
    assert sys.modules["tests.server.offices"].PAID == [("order 17", 40)]
    assert (await mia.get("/requests/inbox/mine")).json()["requests"] == []

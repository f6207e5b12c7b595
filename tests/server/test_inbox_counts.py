"""Floor 7: every count equals its rows: title, tab, badge and API, over random histories, for each person."""

import html
import re

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.server.conftest import Server
from tests.server.test_agents_api import MAIL, PAY, ask, vote
from tests.server.test_inbox_page import MIA, NOAH, OLGA, opened, rows, tab

PEOPLE = (MIA, NOAH, OLGA)
TABS = {"mine": "Waits for you", "others": "Waits for others", "decided": "Decided by you", "snoozed": "Put aside"}
PHASES = (Phase.explicit, Phase.generate)
"""Without shrinking: each history takes a second."""

who, which = st.sampled_from(PEOPLE), st.integers(0, 9)
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from([MAIL, PAY])),
    st.tuples(st.sampled_from(["approve", "reject", "snooze", "wake", "edit", "take-back"]), who, which),
    st.tuples(st.just("wait"), st.sampled_from([60, 3600, 90_000])),
)


async def everybody(server):
    return {person: await server.person(person) for person in PEOPLE} | {"bot": await server.agent()}


async def act(server, clients, asked, number, step):
    """Do one thing; what is refused is as good."""
    match step:
        case ("ask", body):
            asked.append(await ask(clients["bot"], body, key=f"{number}"))
        case ("wait", seconds):
            server.clock.advance(seconds=seconds)
            await server.drain()
            clients.update(await everybody(server))  # sessions and tokens end by the clock
        case (act, person, at) if asked:
            one, client = asked[at % len(asked)], clients[person]
            now = (await client.get(f"/requests/{one['id']}")).json()
            match act:
                case "snooze":
                    await client.post(f"/requests/{one['id']}/snooze", json={"lasts": "1h"})
                case "wake":
                    await client.delete(f"/requests/{one['id']}/snooze")
                case "take-back":
                    await client.post(f"/requests/{one['id']}/take-back")
                case "edit":
                    await vote(client, now, "edit", value={**now["stands"]["args"], "note": f"{number}"})
                case _:
                    await vote(client, now, act)


async def hold(client):
    """Compare what is counted with what is listed, everywhere."""
    for name, words in TABS.items():
        page = await opened(client, list=name)
        listed = rows(page)
        counted = (await client.get(f"/requests/inbox/{name}/count")).json()
        assert counted == {"number": len(listed), "more": False}, name
        told = (await client.get(f"/requests/inbox/{name}")).json()["requests"]
        assert sorted(one["id"] for one in told) == sorted(listed)  # like ones are one line
        if name != "snoozed" or listed:
            assert tab(page, words) == str(len(listed))
        waiting = (await client.get("/requests/inbox/mine/count", params={"most": 99})).json()["number"]
        badges = re.findall(r"data-waiting[^>]*>([^<]*)<", page)
        assert set(badges) == {str(waiting)}
        title = html.unescape(re.search("<title>(.*?)</title>", page).group(1))
        assert title.startswith(f"({waiting}) ") is (waiting > 0)
        assert title.startswith("(") is (waiting > 0)


@settings(max_examples=6, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=3, max_size=12))
async def test_every_count_equals_its_rows_after_any_history(open_server, steps):
    server: Server = open_server()
    clients = await everybody(server)
    asked = []
    for number, step in enumerate([("ask", PAY), ("ask", MAIL), *steps]):
        await act(server, clients, asked, number, step)
    for person in PEOPLE:
        await hold(clients[person])
    await server.close()


async def test_counting_stops_at_a_thousand_and_the_badge_at_ninety_nine(server):
    agent, mia = await server.agent(), await server.person(MIA)
    for number in range(101):
        await ask(agent, MAIL, key=f"{number}")
    page = await opened(mia)
    assert set(re.findall(r"data-waiting[^>]*>([^<]*)<", page)) == {"99+"}
    assert "<title>(99+) " in page
    assert tab(page, "Waits for you") == "101"
    assert (await mia.get("/requests/inbox/mine/count", params={"most": 100})).json() == {"number": 100, "more": True}

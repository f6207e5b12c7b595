"""What goes on only when somebody has looked has a place of its own, and its badge counts its rows."""

import re
from http import HTTPStatus

from tests.server.test_agents_api import ask, claim, result, vote
from tests.server.test_runs_api import MIA, act, decide, put, started

from interlock import Action
from interlock import ask as ask_people
from interlock.domain.delivery import Delivery, left_out, switched_off

NOAH, RUTH, OLGA = "noah@example.com", "ruth@example.com", "olga@example.com"
BADGE = re.compile(r'id="count-attention"( hidden)?>(\d+)(\+?)<')


async def looked_at(person, path="/attention"):
    """Return the page, what its badge counts, and its rows."""
    page = (await person.get(f"../..{path}")).text
    hidden, number, more = BADGE.search(page).groups()
    assert bool(hidden) is (number == "0")
    rows = page.partition('id="matters"')[2].partition("</section>")[0].count("<h2")
    return page, f"{number}{more}", rows


async def unknown(server, key="order-1", **more):
    """Return a request of an agent that does not know what became of what it did."""
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, key=key)
    await vote(mia, asked)
    await claim(agent, asked, **more)
    return agent, asked


async def test_a_run_goes_on_from_there(server):
    mia, noah, mended = await server.person(MIA), await server.person(NOAH), []

    def buy(state):
        return act(state) if mended else ask_people(Action("buy", {1: 2}))

    put(server, buy)
    run = (await started(mia, agent="payer", input="chairs"))["id"]
    await server.drain()
    page, badge, rows = await looked_at(mia)
    assert (badge, rows) == ("1", 1)
    assert "It asks in a way that is not understood" in page
    assert f'action="/runs/{run}/retry"' in page
    page, badge, rows = await looked_at(noah)
    assert (badge, rows, "/retry" in page) == ("1", 1, False)
    refused = await noah.post(f"../../runs/{run}/retry", data={"key": "k"})
    assert refused.status_code == HTTPStatus.FORBIDDEN
    mended.append(True)
    assert (await mia.post(f"../../runs/{run}/retry", data={"key": "k"})).status_code == HTTPStatus.SEE_OTHER
    await server.drain()
    assert (await looked_at(mia))[1:] == ("0", 0)
    late = await mia.post(f"../../runs/{run}/retry", data={"key": "other"})
    assert (late.status_code, "Nothing was changed" in late.text) == (HTTPStatus.CONFLICT, True)


async def test_another_version_is_accepted_where_a_run_waits_for_that(server):
    mia, ruth = await server.person(MIA), await server.person(RUTH)
    put(server, act)
    run = await started(ruth, agent="payer", input="chairs")
    await server.drain()
    put(server, act, lambda state: {"said": state["said"]})
    await decide(mia, run)
    await server.drain()
    page, _, _ = await looked_at(ruth)
    assert "The agent has changed since the run paused" in page
    assert "/retry" not in page
    done = await ruth.post(f"../../runs/{run['id']}/accept-version", data={"key": "k"})
    assert done.status_code == HTTPStatus.SEE_OTHER
    assert (await looked_at(ruth))[1] == "0"


async def test_effects_of_which_nobody_knows_stand_there_until_somebody_says_what_became_of_them(server):
    agent, asked = await unknown(server)
    _, late = await unknown(server, "order-2", lasts=60)
    olga = await server.person(OLGA)
    assert (await looked_at(olga))[1:] == ("0", 0)
    await result(agent, asked, state="unknown", reason="<b>the bank did not answer</b>")
    page, badge, rows = await looked_at(olga)
    assert (badge, rows) == ("1", 1)
    assert f"/requests/{asked['id']}#settle-{asked['id']}" in page
    assert "&lt;b&gt;the bank" in page
    server.clock.advance(seconds=120)  # the other agent has not reported in its time
    page, badge, rows = await looked_at(olga)
    assert (badge, rows) == ("2", 2)
    assert late["id"] in page
    assert (await looked_at(await server.person(OLGA, "other")))[1:] == ("0", 0)
    assert (await looked_at(await server.person("stranger@example.com")))[1:] == ("0", 0)
    settled = await (await server.person(MIA)).post(f"/requests/{asked['id']}/settlement", json={"became": "did_not"})
    assert settled.status_code == HTTPStatus.OK
    assert (await looked_at(olga))[1:] == ("1", 1)


async def test_the_badge_says_that_there_are_more_than_it_counts(server, monkeypatch):
    monkeypatch.setattr("interlock.service.attention.MOST", 1)
    for key in ("a", "b"):
        agent, asked = await unknown(server, key)
        await result(agent, asked, state="unknown", reason="no answer")
    page, badge, rows = await looked_at(await server.person(OLGA), "/attention")
    assert (badge, rows) == ("1+", 1)
    assert "There is more" in page


async def test_what_went_wrong_is_said_in_words_and_where_in_the_code_to_those_alone_who_may_mend_it(server):

    def breaks(state):
        raise ValueError("no flight goes to <i>Atlantis</i>")

    put(server, breaks)
    run = (await started(await server.person(MIA), agent="payer", input="a flight"))["id"]
    for _ in range(12):
        await server.drain()
        server.clock.advance(hours=1)
    mia, noah = await server.person(MIA), await server.person(NOAH)
    for path in ("/attention", f"/runs/{run}", f"/runs/{run}?all=1"):
        read = (await noah.get(f"../..{path}")).text
        assert "no flight goes to &lt;i&gt;Atlantis" in read
        assert all(word not in read for word in ("test_attention.py", "ValueError"))
        mended = (await mia.get(f"../..{path}")).text
        assert "ValueError: no flight" in mended.partition("For whoever mends the agent")[2].partition("</details>")[0]


async def test_what_channels_could_not_be_told_stands_there_for_who_may_know_it_and_is_tried_at_once(server):
    at, store = server.clock.at, server.system.store
    about = Delivery("default", "", "room", "", "req_1", 3, "decided", at, at)
    await store.add_deliveries([left_out(about, "It <b>cannot</b> be read.")])
    (kept,) = await store.deliveries("default")
    for who, rows, button in ((MIA, "0", False), (NOAH, "1", False), (OLGA, "1", True)):
        page, badge, found = await looked_at(await server.person(who))
        assert (badge, str(found), f"/deliveries/{kept.id}/again" in page) == (rows, rows, button)
    assert "room was not told of this" in page
    assert "It &lt;b&gt;cannot&lt;/b&gt; be read." in page
    server.clock.advance(minutes=1)
    olga = await server.person(OLGA)
    done = await olga.post(f"../../deliveries/{kept.id}/again", data={"back": "/attention"})
    assert (done.status_code, done.headers["location"]) == (HTTPStatus.SEE_OTHER, "/attention")
    assert (await store.delivery("default", kept.id)).due_at == server.clock.at


async def test_a_channel_that_wants_no_more_calls_stands_there_until_somebody_has_it_used_again(server):
    at, store = server.clock.at, server.system.store
    about = Delivery("default", "dlv_1", "crm", "", "req_1", 3, "decided", at, at)
    await store.add_deliveries([switched_off(about, "It answered <b>410</b>.", at)])
    (kept,) = await store.deliveries("default")
    for who, rows, button in ((MIA, "0", False), (NOAH, "1", False), (OLGA, "1", True)):
        page, badge, found = await looked_at(await server.person(who))
        assert (badge, str(found), f"/deliveries/{kept.id}/again" in page) == (rows, rows, button)
    assert "crm is switched off" in page
    assert "It answered &lt;b&gt;410&lt;/b&gt;." in page
    olga = await server.person(OLGA)
    done = await olga.post(f"../../deliveries/{kept.id}/again", data={"back": "/attention"})
    assert (done.status_code, done.headers["location"]) == (HTTPStatus.SEE_OTHER, "/attention")
    assert (await looked_at(olga))[1:] == ("0", 0)

"""What waiting costs, by the API, the page and the command: the same figures, for those who may have them (S17)."""

import json
from decimal import Decimal

import pytest
from tests.server.conftest import CONFIG
from tests.server.test_statistics import ask, vote
from tests.server.test_statistics_page import EVIL, rows, words_of

from interlock import Action
from interlock.client import connect
from interlock.domain.credentials import Scope
from interlock.errors import InvalidConfig
from interlock.service.cost import load_prices

MIA, NOAH, OLGA = (f"{name}@example.com" for name in ("mia", "noah", "olga"))
OWN = """
listed: 2026-11-02
currency: EUR
held:
  server: {label: "<b>Our server</b>", per_hour: 3.60, longest: 20m}
put_aside:
  interlock:
    label: Ours
    each: [{what: messages, number: 2, price: 1.00, per: 1000}, {what: work, number: work_seconds, price: 0.01}]
    monthly: 3
work_seconds: 0.1
"""


@pytest.fixture
async def world(open_server, tmp_path):
    (tmp_path / "prices.yaml").write_text(OWN)
    server = open_server(config=CONFIG + "cost: {prices: prices.yaml}\n")
    agent, mia = await server.agent(), await server.person(MIA)
    requests = [await ask(agent, f"k{number}") for number in range(3)]
    server.clock.advance(minutes=30)
    await vote(mia, requests[0])
    await vote(mia, requests[1], "reject", comment="no")
    return server


async def test_S17_what_was_measured_is_reckoned_by_the_configured_prices(world):
    noah = await world.person(NOAH)
    found = (await noah.get("/cost", params={"every": "day"})).json()
    total = found["total"]
    assert (total["requests"], total["waited_seconds"], total["work_seconds"]) == (2, 3600.0, 0.1)
    server, ours = total["ways"]
    assert (server["total"], server["each"], server["held"], server["too_long"]) == ("3.6", "1.8", True, True)
    # two requests of 0.002 and 0.1 seconds of work at 0.01, and 3 for the month
    assert (ours["total"], ours["each"]) == ("3.006", "1.503")
    assert server["saved"] == pytest.approx(1 - 3.006 / 3.6)
    assert [one["agent"] for one in found["agents"]] == ["bot"]
    (day,) = found["periods"]
    assert (day["begins"], day["ways"][0]["total"]) == ("2026-11-02", "3.6")
    assert (found["currency"], found["prices"], found["sampled_runs"]) == (
        "EUR", {"listed": "2026-11-02", "region": ""}, 0,
    )  # fmt: skip


async def test_the_page_has_the_figures_of_the_api_and_how_they_are_reckoned(world):
    noah = await world.person(NOAH)
    page = (await noah.get("../../cost")).text
    assert rows(page, "ways") == [
        ["&lt;b&gt;Our server&lt;/b&gt;", "€3.60", "€1.80", "€3.60", "16.50 %"],
        ["Ours", "€3.01", "€1.50", "€3.01", "—"],
    ]
    assert rows(page, "agents") == [["bot", "2", "1.0 hours", "€3.60", "€3.01"]]
    for said in (
        "cannot be held for as long as these requests waited",
        "€3.60 an hour",
        "2 messages at €1.00 for 1,000",
        "0.10 work , as measured, at €0.01",
    ):
        assert said in " ".join(words_of(page).split()), said
    assert "<b>Our" not in page
    assert 'role="img"' in page
    nothing = (await (await world.person(OLGA, "other")).get("../../cost", params={"since": "7d"})).text
    assert "Nothing has ended in that time that waited for people" in nothing
    assert (await (await world.person(MIA)).get("../../cost")).status_code == 403


async def test_names_that_agents_choose_are_only_read(server):
    agent, mia = await server.agent("agent:<i>x</i>"), await server.person(MIA)
    asked = await ask(agent, "k", asked={"kind": "approval", "name": EVIL, "args": {}})
    await vote(mia, asked)
    page = (await (await server.person(NOAH)).get("../../cost")).text
    assert "<i>x</i>" not in page
    assert len(rows(page, "ways")) == 6


async def test_a_client_has_the_same_values(world):
    at = await world.listen()
    token = await world.agent("service:grafana", Scope.metrics)
    async with connect(f"http://{at}", token=token.headers["authorization"].partition(" ")[2]) as service:
        found = await service.cost(every=None)
    assert found.total.of("server").total == Decimal("3.6")
    assert found.total.usage.waited.total_seconds() == 3600
    assert [one.total for one in found.agents[0].costs] == [Decimal("3.6"), Decimal("3.006")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (OWN.replace("per_hour: 3.60", "per_hour: 3.60, per_second: 1"), "held.server: needs one price"),
        (OWN.replace("monthly: 3", "monthly: -3"), "put_aside.interlock.monthly: must be at least 0"),
        (OWN.replace("interlock:", "theirs:"), "needs `interlock` under put_aside"),
        (OWN.replace("  server:", "  interlock:"), "has interlock under held and under put_aside"),
        (OWN.replace("listed: 2026-11-02", "listed: soon"), "listed: must be a day"),
        (OWN.replace("number: 2", "number: many"), "put_aside.interlock.each[0].number"),
        (OWN.replace("label: Ours", "lable: Ours"), "did you mean 'label'?"),
        ("held: [", "is not YAML"),
    ],
)
def test_a_file_of_prices_that_makes_no_sense_is_refused_with_its_line(tmp_path, text, why):
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(InvalidConfig) as refused:
        load_prices(str(tmp_path / "prices.yaml"))
    assert why in refused.value.message
    assert "prices.yaml" in refused.value.message


def test_the_command_says_the_same_here_and_there_and_reckons_with_a_file(installation):
    installation.sign_in()
    done = installation.ask(Action("pay", {"amount": "12.00"}))
    assert installation.there("approve", done.id, "--yes")[0] == 0
    here, there = (say("cost", "--since", "1h", "--by-agent") for say in (installation.here, installation.there))
    assert here[0] == 0, here
    assert here[1].splitlines()[1:] == there[1].splitlines()[1:]
    assert "1 request has waited for people" in here[1]
    assert "AWS Lambda, 1 GB" in here[1]
    assert installation.run("cost", "--write-prices", "own.yaml")[0] == 0
    assert installation.run("cost", "--write-prices", "own.yaml")[0] == 2, "nothing is written over"
    file = installation.folder / "own.yaml"
    file.write_text(file.read_text().replace("label: AWS Lambda, 1 GB", "label: Mine"))
    told = json.loads(installation.here("cost", "--since", "1h", "--prices", "own.yaml", "--json")[1])
    assert told["total"]["ways"][0]["label"] == "Mine"
    assert installation.there("cost", "--prices", "own.yaml")[0] == 2

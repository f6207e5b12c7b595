"""Lists and the log, as people read them."""

import asyncio
import json
from datetime import timedelta

import pytest

from interlock.domain.delivery import BROKER, Delivery, Failure, failed, switched_off
from interlock.storage.open import open_store

MAILER = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph
from interlock import Action, ask

class State(TypedDict, total=False):
    input: str

def step(state):
    ask(Action("pay", {"to": state["input"], "amount": 120}))

def other(state):
    ask(Action("note", {"text": "n" * 500}))

graph = StateGraph(State).add_node("step", step).add_node("other", other)
graph.add_edge(START, "step").add_edge(START, "other").add_edge("step", END).add_edge("other", END)
"""


@pytest.fixture
def mailer(command):
    (command.folder / "mailer.py").write_text(MAILER)
    (command.folder / "copies").mkdir()
    (command.folder / "copies" / "mailer.py").write_text(MAILER)
    return command


def test_a_row_says_what_will_happen_and_siblings_stand_in_order(mailer):
    assert mailer.run("run", "mailer.py:graph", "ACME", "--detach").returncode == 7
    listed = mailer.run("requests", "list").stdout
    rows = [line for line in listed.splitlines() if line.startswith("req_")]
    assert [row.split(" mailer ")[1].partition(" days ")[2].strip() for row in rows] == [
        f'note(text="{"n" * 32}"… (500 characters)) (1 of 2)',
        'pay(amount=120, to="ACME") (2 of 2)',
    ]
    request = rows[1].split()[0]
    assert "HUMAN APPROVAL REQUIRED (2 of 2)" in mailer.run("requests", "show", request).stdout
    run = mailer.json("runs", "list")["runs"][0]["id"]
    assert 'pay(amount=120, to="ACME") (2 of 2): open' in mailer.run("runs", "show", run).stdout


def test_agents_of_two_files_of_one_name_are_told_apart(mailer):
    for reference in ("mailer.py:graph", "copies/mailer.py:graph", "mailer.py:graph", "./copies/mailer.py:graph"):
        assert mailer.run("run", reference, "ACME", "--detach").returncode == 7
    agents = [run["agent"] for run in mailer.json("runs", "list")["runs"]]
    assert sorted(agents) == ["copies/mailer", "copies/mailer", "mailer", "mailer"]


def test_the_log_is_what_its_name_alone_shows(mailer):
    run, *_ = mailer.run("run", "mailer.py:graph", "ACME", "--detach").stdout.split()
    shown = mailer.run("log")
    assert shown.returncode == 0
    assert 'asks: pay(amount=120, to="ACME")' in shown.stdout
    assert mailer.run("log", "show").stdout == shown.stdout
    assert 0 < len(mailer.run("log", "--run", run, "--limit", "2").stdout.splitlines()) == 2
    misplaced = mailer.run("log", "--limit", "2", "show")
    assert misplaced.returncode == 2
    assert "Give the options after the command: interlock log show" in misplaced.stderr
    assert [entry["seq"] for entry in map(json.loads, mailer.run("log", "--json").stdout.splitlines())]


def test_a_history_says_below_each_entry_who_was_told_of_it(command):
    run, request = command.paused()

    async def tell():
        store = open_store(str(command.folder / "test.db"))
        at = await store.now()
        for stream, about in ((run, ""), (request, request)):
            one = Delivery("default", f"dlv_{stream}", "crm", "", stream, 1, "opened", at, at, about)
            await store.add_deliveries([one])
            await store.write_delivery(failed(one, at + timedelta(seconds=5), Failure("\x1b[31mno"), BROKER))
        await store.close()

    asyncio.run(tell())
    for kind, shown, told in (("requests", request, 1), ("runs", run, 2)):
        lines = command.run(kind, "show", shown).stdout.splitlines()
        places = [place for place, line in enumerate(lines) if "could not tell crm so far, one attempt" in line]
        assert len(places) == told
        assert all("⟨ESC⟩[31mno; next try 20" in lines[place] for place in places)
        assert " asks: pay" in lines[places[-1] - 1]
    of_run = command.run("deliveries", "list", "--run", run[:12]).stdout
    assert (run in of_run, request in of_run) == (True, True)


def test_a_channel_that_wants_no_more_calls_is_named_and_used_again(command):
    command.paused()

    async def switch_off():
        store = open_store(str(command.folder / "test.db"))
        at = await store.now()
        about = Delivery("default", "dlv_1", "crm", "", "req_1", 1, "opened", at, at)
        await store.add_deliveries([off := switched_off(about, "It answered \x1b[31m410.", at)])
        await store.close()
        return off.id

    off = asyncio.run(switch_off())
    said = [one["message"] for one in command.json("doctor")["findings"] if one["what"] == "channel"]
    assert said == [f"crm is switched off: It answered \x1b[31m410. Use it again: interlock deliveries again {off}"]
    assert "crm is switched off: It answered ⟨ESC⟩[31m410." in command.run("doctor").stdout
    assert off in command.run("deliveries", "list", "--state", "failed").stdout
    assert "crm is used again: what waited for it is sent." in command.run("deliveries", "again", off).stdout
    assert "switched off" not in command.run("doctor").stdout

"""The inbox of one person on screen: what waits for them, what waits for others and why, and what they have decided."""

import sqlite3

import pytest

CONFIG = """\
groups: {managers: [mia@example.com, noah@example.com], finance: [pete@example.com]}
policies:
  all:
    applies_to: "true"
    levels:
      - steps: [{ask: [group:managers], within: 2d}, {ask: [group:finance], within: 2d}]
"""
MIA, NOAH, PETE = "mia@example.com", "noah@example.com", "pete@example.com"


@pytest.fixture
def played(command):
    """Return a command whose database lets one play others, with two requests: one that mia has approved, one new."""
    (command.folder / "interlock.yaml").write_text(CONFIG)
    first, second = [command.paused(text=text)[1] for text in ("a book", "a pen")]
    with sqlite3.connect(command.folder / "test.db") as database:
        database.execute("INSERT INTO notes VALUES ('demo', 'yes')")
    assert command.run("approve", first, "--yes", "--as", MIA).returncode in {0, 7}
    return command, first, second


def ids(command, *arguments):
    return [request["id"] for request in command.json("requests", "list", *arguments)["requests"]]


def test_each_open_request_waits_for_somebody_or_for_others(played):
    command, first, second = played
    assert ids(command, "--mine", "--as", MIA) == ids(command, "--mine", "--as", NOAH) == [second]
    assert ids(command, "--others", "--as", MIA) == ids(command, "--mine", "--as", PETE) == [first]
    assert ids(command, "--decided-by-me", "--as", MIA) == [first]
    assert ids(command, "--decided-by-me", "--as", PETE) == []
    assert ids(command, "--mine", "--as", MIA, "--agent", "nobody") == []


def test_it_is_said_why_a_request_does_not_wait_for_somebody(played):
    command, first, _ = played
    listed = command.json("requests", "list", "--others", "--as", MIA)
    (one,) = listed["requests"]
    assert (one["id"], one["excluded"]) == (first, "this step asks group:finance")
    assert listed["count"] == {"number": 1, "more": False}
    shown = command.run("requests", "list", "--others", "--as", MIA).stdout
    assert "no: this step asks group:finance" in shown
    assert "FOR YOU" not in command.run("requests", "list", "--mine", "--as", MIA).stdout


def test_a_plain_list_says_how_many_wait_for_you(played):
    command, _, _ = played
    assert "1 of them waits for you: --mine shows it." in command.run("requests", "list", "--as", MIA).stdout
    assert "None of them waits for you." in command.run("requests", "list").stdout
    assert command.json("requests", "list", "--as", PETE)["waits_for_you"] == {"number": 1, "more": False}
    assert "waits_for_you" not in command.json("requests", "list", "--all", "--as", PETE)


@pytest.mark.parametrize("list_", [("requests", "list", "--all"), ("runs", "list")])
def test_a_list_goes_on_where_its_cursor_says(played, list_):
    command, _, _ = played
    whole = command.json(*list_)[list_[0]]
    page = command.json(*list_, "--limit", "1")
    assert page["more"]
    rest = command.json(*list_, "--after", page["next"])
    assert [*page[list_[0]], *rest[list_[0]]] == whole
    assert (rest["more"], "next" in rest) == (False, False)


def test_a_cursor_of_another_list_and_two_lists_at_once_are_refused(played):
    command, _, _ = played
    cursor = command.json("runs", "list", "--limit", "1")["next"]
    for wrong in (cursor, "x", "é"):
        refused = command.run("requests", "list", "--mine", "--after", wrong)
        assert (refused.returncode, "is not a cursor of the list mine" in refused.stderr) == (2, True)
    for more in (["--others"], ["--all"], ["--status", "approved"], ["--run", "run_1"]):
        refused = command.run("requests", "list", "--mine", *more)
        assert (refused.returncode, "Give one of --mine, --others" in refused.stderr) == (2, True)


def test_an_empty_list_says_what_is_not_there(played):
    command, _, _ = played
    for flag, said in (("--mine", "Nothing waits for you."), ("--decided-by-me", "You have voted on nothing yet")):
        assert said in command.run("requests", "list", flag).stdout


def test_requests_are_listed_by_what_they_are_about(played):
    command, first, _ = played
    agent = (
        "from interlock import Action, ask\nfrom langgraph.graph import START, StateGraph\n"
        "def n(state):\n    ask(Action('pay'), reference='order 17')\n"
        "agent = StateGraph(dict).add_node('n', n).add_edge(START, 'n')\n"
    )
    (command.folder / "payer.py").write_text(agent)
    command.run("run", "payer.py:agent", "x", "--detach")
    (found,) = command.json("requests", "list", "--reference", "order 17")["requests"]
    assert (found["reference"], found["id"] == first) == ("order 17", False)
    assert ids(command, "--reference", "order 1") == []
    assert 'about "order 17"' in command.run("requests", "show", found["id"]).stdout
    assert command.run("requests", "list", "--mine", "--reference", "x").returncode == 2


def test_several_are_decided_by_one_command_with_one_result_each(played):
    command, first, second = played
    third = command.paused(text="a lamp")[1]
    done = command.run("requests", "approve", second, first, third, "--as", NOAH)
    assert done.returncode == 2  # without a terminal it wants --yes
    told = command.json("requests", "approve", second, first, third, second, "--yes", "--as", NOAH)["results"]
    assert [(one["id"], one.get("error", {}).get("code")) for one in told] == [
        *((second, None), (first, "forbidden"), (third, None))  # the first one has come to the step of finance
    ]
    done = command.run("requests", "reject", first, third, "--yes", "-m", "no", "--as", PETE)
    assert done.returncode == 0, done
    assert command.json("requests", "list", "--mine", "--as", PETE)["requests"][0]["id"] == second
    assert command.run("requests", "approve", "nothing", "--yes", "--as", PETE).returncode == 4

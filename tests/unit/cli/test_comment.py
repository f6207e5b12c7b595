"""`interlock comment` and `interlock delegate`."""

import json

import pytest

POLICY = """
groups:
  managers: [mia@example.com]
default:
  levels: [{steps: [{ask: [group:managers]}]}]
"""


@pytest.fixture
def request_id(command):
    (command.folder / "interlock.yaml").write_text(POLICY)
    return command.paused()[1]


def test_a_comment_is_in_the_history_and_decides_nothing(command, request_id):
    done = command.run("comment", request_id[:12], "Whose \x1b[2J budget is it?", "--json")
    assert json.loads(done.stdout)["request"]["status"] == "open"
    shown = command.run("requests", "show", request_id).stdout
    assert "says: Whose ⟨ESC⟩[2J budget is it?" in shown
    assert command.run("comment", request_id, " ").returncode == 2


def test_who_is_not_asked_gives_no_vote_away(command, request_id):
    assert command.run("delegate", request_id, "--to", "zoe@example.com").returncode == 2, "nobody knows her"
    command.json("people", "invite", "zoe@example.com")
    done = command.run("delegate", request_id, "--to", "zoe@example.com", "-m", "away")
    assert done.returncode == 3
    assert "may not let zoe@example.com vote" in done.stderr

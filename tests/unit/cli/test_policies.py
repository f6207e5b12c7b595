"""Policies at the command line: simulate them on what was asked, give a request more time."""

import pytest

SMALL = """
policies:
  payments:
    applies_to: action.name == "pay"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: small, when: "amount < 100", approve: automatically}
      - {name: people, steps: [{ask: [role:reviewer]}, {ask: [role:finance], approvals: 2}]}
"""


def test_what_other_policies_would_have_done(command):
    _, first = command.paused()
    assert command.run("approve", first, "--yes").returncode == 0
    command.paused()
    (command.folder / "new.yaml").write_text(SMALL)
    found = command.json("policy", "simulate", "new.yaml", "--since", "30d")
    assert found["requests"] == 2
    assert found["answers"] == {"before": 2, "after": 0}
    assert [each["differs"] for each in found["different"]] == [["level", "people", "automatic"]] * 2
    assert found["different"][0]["request"] == first
    assert found["different"][0]["after"]["level"] == "small"
    assert found["human_minutes"] <= 0
    shown = command.run("policy", "simulate", "new.yaml")
    assert "2 of 2 requests of the last 4 weeks 2 days would have gone another way." in shown.stdout
    assert "payments, small (the rule)" in shown.stdout


def test_the_same_policies_change_nothing(command):
    (command.folder / "interlock.yaml").write_text(SMALL.replace("< 100", "< 1"))
    command.paused()
    (command.folder / "new.yaml").write_text(SMALL.replace("< 100", "< 2"))
    assert command.json("policy", "simulate", "new.yaml")["different"] == []
    (command.folder / "new.yaml").write_text(SMALL.replace("< 100", "< 1").replace("approvals: 2", "approvals: 1"))
    (found,) = command.json("policy", "simulate", "new.yaml")["different"]
    assert found["differs"] == ["people"]
    assert command.json("policy", "simulate", "new.yaml")["human_minutes"] is None


def test_a_window_is_simulated_as_it_was_then(command):
    for _ in range(3):
        command.paused()
    (command.folder / "new.yaml").write_text(SMALL.replace("amount < 100", "recent_24h.count < 2"))
    levels = [each["after"]["level"] for each in command.json("policy", "simulate", "new.yaml")["different"]]
    assert levels == ["small", "small", "people"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(("nothing.yaml",), "cannot be read"), (("new.yaml", "--since", "soon"), "must be a duration such as 30s")],
)
def test_bad_input_to_simulate_says_what_was_wrong(command, arguments, why):
    (command.folder / "new.yaml").write_text(SMALL)
    done = command.run("policy", "simulate", *arguments)
    assert done.returncode == 2
    assert why in done.stderr


def test_more_time_is_in_the_log(command):
    _, request = command.paused()
    before = command.json("requests", "show", request)["due_at"]
    assert "needs a reason" in command.run("extend", request, "--by", "2h", "-m", " ").stderr
    done = command.run("extend", request, "--by", "2h", "-m", "on a plane")
    assert done.returncode == 0, done
    shown = command.json("requests", "show", request)
    assert shown["due_at"] > before
    assert shown["history"][-1]["event"]["type"] == "extended"
    assert "gives it more time, until" in command.run("log", "show").stdout
    assert command.run("extend", request, "--by", "never", "-m", "x").returncode == 2

"""Policies at the command line: simulate them on what was asked, give a request more time; business hours."""

from datetime import datetime, timedelta

import pytest

from interlock.domain.calendar import DAYS, Calendar, Span

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


OFFICE = """
calendars:
  office: {timezone: Asia/Tokyo, days: [mon, tue, wed, thu, fri], hours: ["08:00-12:00", "13:00-17:00"]}
default:
  calendar: office
  levels: [{steps: [{ask: [role:reviewer], within: 20h}]}]
"""
TOKYO = Calendar("office", "Asia/Tokyo", DAYS[:5], (Span(8 * 60, 12 * 60), Span(13 * 60, 17 * 60)))


def moment(text):
    return datetime.fromisoformat(text)


def test_business_hours_from_the_check_to_the_request(command):
    (command.folder / "interlock.yaml").write_text(OFFICE)
    (found,) = command.json("policy", "check")["business_hours"]
    assert (found["policy"], found["calendar"], found["within_seconds"]) == ("default", "office", 72_000)
    said = command.run("policy", "check").stdout
    assert (
        "20 hours of open time (Monday to Friday 08:00-12:00 and 13:00-17:00 in Asia/Tokyo); begun now, until" in said
    )
    _, request = command.paused()
    shown = command.json("requests", "show", request)
    assert TOKYO.open_time(moment(shown["opened_at"]), moment(shown["due_at"])) == timedelta(hours=20)
    text = command.run("requests", "show", request).stdout
    assert f"({TOKYO.shown(moment(shown['due_at']))})" in " ".join(text.split())
    assert "(20 hours of open time)" in text or "(19 hours 59 minutes" in text
    before = shown["due_at"]
    (command.folder / "interlock.yaml").write_text(OFFICE.replace("mon, ", ""))
    assert command.json("requests", "show", request)["due_at"] == before
    done = command.run("extend", request, "--by", "9h", "-m", "on a plane")
    after = command.json("requests", "show", request)["due_at"]
    assert TOKYO.open_time(moment(before), moment(after)) == timedelta(hours=9)
    assert f"({TOKYO.shown(moment(after))})" in " ".join(done.stderr.split() or done.stdout.split())
    refused = command.run("extend", request, "--by", "30d", "-m", "for ever")
    assert refused.returncode == 2
    assert "is open time of the calendar 'office', so until" in " ".join(refused.stderr.split())


def test_a_deadline_that_would_have_been_another_is_a_difference(command):
    (command.folder / "interlock.yaml").write_text(OFFICE)
    command.paused()
    assert command.json("policy", "simulate", "interlock.yaml")["different"] == []
    (command.folder / "new.yaml").write_text(OFFICE.replace("within: 20h", "within: 21h"))
    (found,) = command.json("policy", "simulate", "new.yaml")["different"]
    assert found["differs"] == ["deadline"]
    before, after = moment(found["before"]["due_at"]), moment(found["after"]["due_at"])
    assert TOKYO.open_time(before, after) == timedelta(hours=1)
    assert f"until {TOKYO.shown(after)}" in " ".join(command.run("policy", "simulate", "new.yaml").stdout.split())


def test_a_level_without_a_name_is_called_by_its_number_once_and_counts_agree(command):
    (command.folder / "interlock.yaml").write_text(
        "groups: {none: [], some: [mia@example.com]}\n"
        "policies:\n  p:\n    applies_to: action.name == 'pay'\n    levels: [{steps: [{ask: [group:none]}]}]\n"
    )
    checked = command.run("policy", "check").stdout
    assert "error: p, level 1, step 1: nobody can vote" in checked
    assert checked.endswith("2 policies read, 2 findings, 1 error.\n")
    (command.folder / "try.yaml").write_text("name: pay\n")
    assert command.run("policy", "explain", "try.yaml").stdout.startswith("Policy p, level 1.\n")


TEAM = """\
groups: {managers: [mia@example.com, noah@example.com], finance: [pete@example.com, quinn@example.com]}
policies:
  payments:
    applies_to: action.name == "pay"
    levels: [{name: all, steps: [{ask: [group:managers]}, {ask: [group:finance]}]}]
default: {levels: [{name: all, steps: [{ask: [group:managers]}]}]}
"""
PROVIDER = "server: {oidc: [{name: company, issuer: https://id.example.com, client_id: interlock}]}\n"


def test_that_nobody_can_act_is_said_once_and_not_of_those_whom_a_server_lets_in(command):
    (command.folder / "interlock.yaml").write_text(TEAM)

    def found():
        return [(one["policy"], one["message"][:33]) for one in command.json("policy", "check")["findings"]]

    assert found() == [("people", "nobody who is asked at 3 of 3 ste")]
    assert not [*command.folder.rglob("*.db")], "a database was made by looking"
    command.run("people", "invite", "Mia@example.com")
    assert found() == [("people", "nobody who is asked at 1 of 3 ste")]
    command.run("people", "invite", "pete@example.com")
    assert found() == []
    command.run("people", "disable", "pete@example.com")
    assert found()[-1] == ("people", "nobody who is asked at 1 of 3 ste")
    (command.folder / "interlock.yaml").write_text(TEAM + PROVIDER)
    assert not [one for one in found() if one[0] == "people"]


def test_a_database_that_cannot_be_reached_keeps_nobody_from_checking(command):
    (command.folder / "interlock.yaml").write_text(TEAM)
    broken = command.folder / "broken.db"
    broken.write_text("no database")
    done = command.run("--database", str(broken), "policy", "check")
    assert (done.returncode, "3 of 3 steps" in done.stdout) == (0, True)
    assert "that the database keeps are not known" in done.stdout

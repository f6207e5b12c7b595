"""The scripts of the specification, as somebody runs them: at a terminal, and killed there and finished elsewhere."""

import json
import signal
from importlib.resources import files
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "human-in-the-loop"
APPROVE = "Approve? (yes/no/modify): "


@pytest.fixture
def command(command):
    command.environ["INTERLOCK_REPORTS"] = str(command.folder / "reports")
    return command


def script(command, name, *task):
    return command.spawn(str(EXAMPLES / f"{name}_agent.py"), *task)


def shown(child, *lines):
    for line in lines:
        child.expect_exact(line)


def answered(child, prompt, answer):
    child.expect_exact(prompt)
    child.sendline(answer)


def killed(command, child, prompt):
    """Kill a script at its prompt; return the request that it showed."""
    child.expect("Request (req_[a-z2-7]{20})")
    request = child.match[1]
    child.expect_exact(prompt)
    child.kill(signal.SIGKILL)
    assert command.ended(child) == -signal.SIGKILL
    return request


def newest(command):
    [request] = command.json("requests", "list")["requests"]
    return request["id"]


def done(command, *arguments):
    ended = command.run(*arguments)
    assert ended.returncode == 0, ended
    return ended.stdout


def ledger(command, path="ledger.jsonl"):
    file = command.folder / path
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


# ── approval ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("fresh")
def test_S1_the_approval_script_goes_as_the_specification_says(command):
    child = script(command, "approval")
    shown(
        child,
        '[AGENT] Generating plan for: "Send email to team about meeting"',
        "[AGENT] Plan: Draft email about team meeting, review recipients, send",
        "HUMAN APPROVAL REQUIRED",
        'to: ["team@company.com"]',
        "Draft email about team meeting",
    )
    answered(child, APPROVE, "yes")
    shown(child, "[AGENT] ✓ Approved. Executing plan...", "[AGENT] Email sent successfully")
    assert command.ended(child) == 0
    assert len(list((command.folder / "mail" / "new").iterdir())) == 1


@pytest.mark.usefixtures("fresh")
def test_S4_the_approval_script_killed_at_its_prompt_is_finished_elsewhere(command):
    request = killed(command, script(command, "approval"), APPROVE)
    assert "Email sent successfully" in done(command, "approve", request, "--yes")
    assert len(list((command.folder / "mail" / "new").iterdir())) == 1


# ── input ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_S1_the_input_script_asks_which_airline_and_books(command):
    child = script(command, "input")
    shown(child, '[AGENT] Reading: "Book a flight"', "HUMAN INPUT REQUIRED", "Which airline?", '3. "Lufthansa"')
    answered(child, "Answer (1-5, /show, /skip, /quit, /reject): ", "3")
    shown(child, "[AGENT] Got airline: Lufthansa", "Where to?")
    answered(child, "Answer (/show, /skip, /quit, /reject): ", "Lisbon")
    shown(child, "On which day, and for how many?", "(field by field; /show, /skip, /quit, /reject, help)")
    answered(child, '  date (a date such as 2027-01-05, "Day of the flight"): ', "tomorrow")
    shown(child, '"tomorrow" does not fit: it must be a date such as 2027-01-05')
    answered(child, "  date (", "2999-02-29")
    shown(child, '"2999-02-29" does not fit: it must be a date such as 2027-01-05.')
    answered(child, "  date (", "2024-02-29")
    answered(child, "  passengers (whole number from 1 to 9", "10")
    shown(child, '"10" does not fit: it must be at most 9.')
    answered(child, "  passengers (", "2")
    shown(child, "[AGENT] 2024-02-29 is over. Asking again...")
    answered(child, "  date (", "/show")
    answered(child, "  date (", '{"date": "2999-02-28", "passengers": 2}')
    shown(child, "HUMAN APPROVAL REQUIRED", "Action: book_flight", 'airline: "Lufthansa"', "passengers: 2")
    answered(child, APPROVE, "yes")
    shown(child, "[AGENT] Flight booked successfully")
    assert command.ended(child) == 0
    [line] = ledger(command)
    flight = {"airline": "Lufthansa", "destination": "Lisbon", "date": "2999-02-28", "passengers": 2}
    assert (line["kind"], line["entry"]) == ("booking", flight)


def test_S4_the_input_script_killed_at_its_question_is_answered_elsewhere(command):
    request = killed(command, script(command, "input", "Book a flight to Porto"), "Answer (1-5, ")
    assert "Got airline: TAP" in done(command, "answer", request, "tap", "--yes")
    wrong = command.run("answer", newest(command), '{"date": "2999-01-01"}', "--yes")
    assert wrong.returncode == 2
    assert "The answer does not fit" in wrong.stderr
    done(command, "answer", newest(command), '{"date": "2999-01-01", "passengers": "3"}', "--yes")
    assert "Flight booked" in done(command, "edit", newest(command), "--set", "passengers:=4", "--yes")
    assert [line["entry"]["passengers"] for line in ledger(command)] == [4]


# ── feedback ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_S1_the_feedback_script_revises_until_the_report_is_accepted(command):
    child = script(command, "feedback")
    shown(child, '[AGENT] Writing draft 1 of at most 4 for: "Write a report"', "HUMAN REVIEW REQUIRED")
    answered(child, "Accept? (", "revise")
    answered(child, "Feedback for the agent: ", "Add more data")
    shown(child, "[AGENT] Revising: Add more data", "draft 2 of at most 4", "+++ draft 2", "+## Data")
    answered(child, "Accept? (", "accept")
    shown(child, "[AGENT] ✓ Accepted. Filing the report...", "[AGENT] Report filed successfully")
    assert command.ended(child) == 0
    [file] = (command.folder / "reports").iterdir()
    assert "## Data" in file.read_text()


def test_S4_the_feedback_script_killed_at_its_prompt_is_revised_elsewhere_up_to_the_limit(command):
    request = killed(command, script(command, "feedback", "Write a report about Q3"), "Accept? (")
    for note in ("data: sales 120, costs 80", "mention the new shop", "shorter"):
        done(command, "revise", request, "-m", note, "--yes")
        request = newest(command)
    refused = command.run("revise", request, "-m", "once more", "--yes")
    assert refused.returncode != 0
    assert "approve, edit, reject" in refused.stderr
    assert "Report filed" in done(command, "approve", request, "--yes")
    [file] = (command.folder / "reports").iterdir()
    assert file.name.startswith("report-on-q3-")
    assert file.read_text().startswith("# Report on Q3\n\n## Summary\n")
    assert "| sales | 120 |\n| costs | 80 |" in file.read_text()
    assert "Background" not in file.read_text()


def test_a_demo_files_its_reports_beside_its_database(command):
    command.unset = ("INTERLOCK_DATABASE_URL", "INTERLOCK_REPORTS")
    done = command.run("demo", "feedback", given="accept\n")
    assert done.returncode == 0, done
    [file] = (command.folder / "demo-feedback" / "reports").iterdir()
    assert file.read_text().startswith("# Report on ")


def test_S8_the_policy_file_of_the_examples_is_the_one_that_ships():
    ships = files("interlock.agents") / "purchases.yaml"
    assert (EXAMPLES / "purchases.yaml").read_text(encoding="utf-8") == ships.read_text(encoding="utf-8")

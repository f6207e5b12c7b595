"""The multi-step script and demo at a terminal, as the specification tells it; killed, and finished elsewhere."""

import json
import signal
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "human-in-the-loop" / "multi_step_agent.py"
PROMPT = r"Approve\? \(yes/no/modify\): "
CONFIG = ("-c", "multi_step/interlock.yaml")


@pytest.fixture
def office(command):
    command.unset = ("INTERLOCK_DATABASE_URL", "INTERLOCK_LEDGER", "INTERLOCK_MAILDIR")
    return command


def script(office, *arguments):
    return office.spawn(str(SCRIPT), *arguments, columns=120)


def payments(office, folder="multi_step"):
    ledger = office.folder / folder / "ledger.jsonl"
    return [json.loads(line)["entry"] for line in ledger.read_text().splitlines()] if ledger.exists() else []


def play(child, person):
    child.expect(r"Act as \(")
    child.sendline(person)
    child.expect_exact("Acting as")
    child.expect_exact("which a demo database allows.")
    child.expect_exact("HUMAN APPROVAL REQUIRED")


@pytest.mark.usefixtures("fresh")
def test_S1_S8_manager_then_finance_then_it_is_paid(office):
    child = script(office)
    child.expect_exact('[AGENT] Reading: "Buy 3 laptops from ACME for 4500"')
    child.expect_exact("[AGENT] Purchase: 3 laptops from ACME for 4500")
    play(child, "mia")
    child.expect_exact('amount: "4500"')
    child.expect_exact('Policy purchases, level "manager": because amount < 10000.')
    child.expect(PROMPT)
    child.sendline("yes")
    play(child, "pete@example.com")
    child.expect_exact("Step 2 of 2 (now): asks the group finance")
    child.expect(PROMPT)
    child.sendline("yes")
    child.expect_exact("[AGENT] ✓ Approved by mia@example.com, pete@example.com. Paying...")
    child.expect_exact("[AGENT] Paid successfully")
    child.expect(r"Run run_[a-z2-7]+ is done")
    assert office.ended(child) == 0
    assert payments(office) == [{"item": "3 laptops", "vendor": "ACME", "amount": "4500"}]
    log = office.run(*CONFIG, "log", "show").stdout
    assert "via terminal as mia@example.com by local:" in log, "who really sat there is logged"


def test_an_amount_that_is_not_understood_is_asked_for_and_the_answer_goes_to_the_director(office):
    child = script(office, "Buy", "3", "laptops", "from", "ACME", "for", "10", "000")
    child.expect_exact("HUMAN INPUT REQUIRED")
    child.expect_exact('"Buy 3 laptops from ACME for 10 000"')
    child.expect_exact("(field by field;")
    child.expect(r"amount \(text[^\n]*\): $")
    child.sendline("10 000")
    child.expect_exact("does not fit")
    child.expect(r"amount \(text.*\): ")
    child.sendline("10000")
    child.expect_exact("[AGENT] Purchase: 3 laptops from ACME for 10000")
    for person in ("mia", "pete", "olga"):
        play(child, person)
        child.expect_exact('amount: "10000"')
        child.expect(PROMPT)
        child.sendline("yes")
    child.expect_exact("[AGENT] Paid successfully")
    assert office.ended(child) == 0
    assert payments(office) == [{"item": "3 laptops", "vendor": "ACME", "amount": "10000"}]


@pytest.mark.parametrize(
    "command_", [("demo", "multi_step"), ("demo", "multi_step_checkpoints"), ("run", "multi_step")]
)
def test_what_is_asked_and_not_answered_pays_nothing(office, command_):
    office.environ["INTERLOCK_LEDGER"] = str(office.folder / "ledger.jsonl")
    office.unset = ("INTERLOCK_DATABASE_URL", "INTERLOCK_MAILDIR")
    office.environ["XDG_DATA_HOME"] = str(office.folder / "data")
    done = office.run(*command_, "Buy 3 laptops from ACME for 50k")
    assert done.returncode == 7, done
    assert "Amount cannot be read for certain from" in done.stdout
    assert not (office.folder / "ledger.jsonl").exists()


def test_S8_a_small_purchase_asks_nobody(office):
    child = script(office, "Buy", "pencils", "from", "ACME", "for", "12.50")
    child.expect_exact("[AGENT] ✓ Approved by rule:petty cash. Paying...")
    assert office.ended(child) == 0
    assert payments(office) == [{"item": "pencils", "vendor": "ACME", "amount": "12.50"}]


def test_S1_S3_rejected_with_a_reason_nothing_is_paid(office):
    child = script(office)
    play(child, "noah")
    child.expect(PROMPT)
    child.sendline("no")
    child.expect_exact("Reason (the agent reads it): ")
    child.sendline("we have laptops")
    child.expect_exact("Not bought: rejected by noah@example.com at the request: we have laptops.")
    assert office.ended(child) == 0
    assert payments(office) == []


def test_S4_killed_at_the_prompt_it_is_finished_by_others_from_other_processes(office):
    child = script(office, "Buy 20 laptops from ACME for 24000")
    play(child, "mia")
    child.expect("Request (req_[a-z2-7]{20})")
    request = child.match[1]
    child.expect(PROMPT)
    child.kill(signal.SIGKILL)
    assert office.ended(child) == -signal.SIGKILL
    for person in ("mia@example.com", "pete@example.com"):
        assert office.run(*CONFIG, "approve", request, "--as", person, "--yes").returncode == 0
        assert payments(office) == []
    refused = office.run(*CONFIG, "approve", request, "--yes")
    assert refused.returncode != 0, "whoever started it is no director"
    done = office.run(*CONFIG, "approve", request, "--as", "olga@example.com", "--yes")
    assert done.returncode == 0, done
    assert [entry["amount"] for entry in payments(office)] == ["24000"]


def test_S8_the_checkpoints_of_the_graph_are_played_in_the_demo(office):
    child = office.spawn("demo", "multi_step_checkpoints", columns=120)
    for person, action in (("mia", "purchase_manager"), ("pete", "purchase_finance")):
        play(child, person)
        child.expect_exact(f"Action: {action}")
        child.expect(PROMPT)
        child.sendline("yes")
        child.expect_exact("approved by")
    child.expect_exact("[AGENT] Paid successfully")
    assert office.ended(child) == 0
    assert len(payments(office, "demo-multi_step_checkpoints")) == 1


def test_quitting_the_choice_of_a_person_leaves_the_run_waiting(office):
    child = office.spawn("demo", "multi_step", columns=120)
    child.expect(r"Act as \(mia@example.com/noah@example.com/quit\): ")
    child.sendline("olga")
    child.expect_exact("'olga' is none of the answers")
    child.expect(r"Act as \(")
    child.sendline("quit")
    child.expect("is left as it is: paused")
    assert office.ended(child) == 7


def test_nobody_is_played_outside_of_a_demo(command):
    (command.folder / "interlock.yaml").write_text(
        "groups: {managers: [mia@example.com]}\ndefault: {levels: [{steps: [{ask: [group:managers]}]}]}\n"
    )
    child = command.spawn("run", "multi_step", "Buy chairs from ACME for 4500")
    child.expect_exact("You may not decide on it")
    assert "Act as" not in child.before
    child.expect_exact("Waiting for others")
    child.sendintr()
    assert command.ended(child) == 7


def test_S8_the_policy_file_that_ships_has_nothing_wrong_with_it(office):
    office.spawn("demo", "multi_step", "Buy pencils from ACME for 1", "--folder", "multi_step").wait()
    done = office.run(*CONFIG, "policy", "check")
    assert done.returncode == 0, done


def test_S1_it_is_an_agent_like_any_other_where_nothing_is_configured(command):
    command.environ["INTERLOCK_LEDGER"] = str(command.folder / "here.jsonl")
    done = command.run("run", "multi_step", "Buy chairs from ACME for 4500", given="yes\n")
    assert done.returncode == 0, done
    assert "Paid 4500 to ACME for chairs" in done.stdout


def test_a_demo_of_what_there_is_not_says_what_there_is(command):
    done = command.run("demo", "multistep", "Buy chairs")
    assert done.returncode != 0
    assert "give one of approval, feedback, input" in done.stderr

"""The command line as real processes: at terminals, in pipes, killed, and several at once."""

import signal

import pexpect
import pytest

PROMPT = r"Approve\? \(yes/no/modify\): "


# ── at the prompt ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("fresh")
def test_S1_the_prompt_shows_the_plan_and_the_action_and_approving_executes(command):
    child = command.spawn("run", command.agent("payer"), "a book")
    child.expect_exact("[AGENT] planning a book")
    child.expect_exact("HUMAN APPROVAL REQUIRED")
    child.expect_exact("Action: pay")
    child.expect_exact("amount: 5")
    child.expect_exact('note: "pay for a book"')
    child.expect_exact("In the agent's own words:")
    child.expect_exact("│ Pay the shop")
    child.expect('Policy local, level "reviewer"')
    child.expect("Time left: 6 days 23 hours")
    child.expect(PROMPT)
    child.sendline("yes")
    child.expect("Run run_[a-z2-7]+ is done")
    assert command.ended(child) == 0
    assert command.sink == ["5 shop pay for a book"]


def test_S1_S3_the_shipped_approval_agent_is_rejected_plans_again_and_its_modified_plan_is_sent(command):
    child = command.spawn("run", "approval", "Send email to team about meeting")
    child.expect_exact('[AGENT] Generating plan for: "Send email to team about meeting"')
    child.expect_exact("[AGENT] Plan: Draft email about team meeting")
    child.expect_exact("HUMAN APPROVAL REQUIRED")
    child.expect_exact('to: ["team@company.com"]')
    child.expect(PROMPT)
    child.sendline("no")
    child.expect_exact("Reason (the agent reads it): ")
    child.sendline("name the day")
    child.expect_exact("Rejected: name the day. Planning again...")
    child.expect(PROMPT)
    child.sendline("modify")
    child.expect_exact("new body: ")
    child.sendline("See you on Monday.")
    child.expect_exact("new subject: ")
    child.sendline("")
    child.expect_exact("new to: ")
    child.sendline('["boss@company.com"')
    child.expect_exact("Write a list, such as")
    child.expect_exact("at character 20.")
    child.expect_exact("new to: ")
    child.sendline("boss@company.com")
    child.expect_exact('- to: ["team@company.com"]')
    child.expect_exact('+ to: ["boss@company.com"]')
    child.expect_exact("Approve with these changes? (yes/no/edit): ")
    child.sendline("yes")
    child.expect_exact("[AGENT] ✓ Approved. Executing plan...")
    child.expect_exact("[AGENT] Email sent successfully")
    assert command.ended(child) == 0
    [mail] = (command.folder / "mail" / "new").iterdir()
    assert "boss@company.com" in mail.read_text()
    assert "See you on Monday." in mail.read_text()


def test_modify_opens_the_editor_and_refuses_what_cannot_be_read(command):
    editor = command.folder / "editor"
    editor.write_text(
        '#!/bin/sh\nif [ -e ran ]; then sed -i "s/shop/farm/" "$1"; echo "}" >> "$1"; '
        'else sed -i "s/}//" "$1"; touch ran; fi\n'  # the second time it finds what it wrote
    )
    editor.chmod(0o700)
    command.environ["EDITOR"] = str(editor)
    child = command.spawn("run", command.agent("payer"), "eggs")
    child.expect(PROMPT)
    child.sendline("m")
    child.expect_exact("What you wrote cannot be read: it ends too early: line 6, character 1.")
    child.expect_exact("Edit again? (yes/no): ")
    child.sendline("yes")
    child.expect_exact('+ to: "farm"')
    child.expect_exact("Approve with these changes? (yes/no/edit): ")
    child.sendline("yes")
    assert command.ended(child) == 0
    assert command.sink == ["5 farm pay for eggs"]


@pytest.mark.parametrize(
    ("typed", "reaches"),
    [("no", False), ("/reject", False), ("yes", True), ("0", 0), ('"no"', "no"), ("later", "later")],
)
def test_no_means_no_at_the_prompt(command, typed, reaches):
    child = command.spawn("run", command.agent("sure"), "x")
    child.expect_exact("no or reject means no")
    child.expect_exact("Answer (yes, no, /show, /skip, /quit, /reject): ")
    child.sendline(typed)
    if reaches is False:
        child.expect_exact("Reason (for the record): ")
        child.sendline("")
    assert command.ended(child) == 0
    run = command.json("runs", "list")["runs"][0]["id"]
    assert command.json("runs", "show", run)["output"]["result"] == reaches


def test_an_answer_that_cannot_be_is_asked_again_with_the_reason(command):
    child = command.spawn("run", command.agent("payer"), "a book")
    child.expect(PROMPT)
    child.sendline("perhaps")
    child.expect_exact("'perhaps' is none of the answers:")
    child.expect(PROMPT)
    child.sendline("")
    child.expect_exact("Please answer")
    child.expect(PROMPT)
    child.send("\x1b[A\n")
    child.expect_exact("control characters")
    child.expect(PROMPT)
    child.sendline("y")
    assert command.ended(child) == 0


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("how", "code"), [("quit", 7), ("end of input", 7), ("interrupt", 7)])
def test_leaving_the_prompt_leaves_the_run_waiting_and_says_how_it_goes_on(command, how, code):
    child = command.spawn("run", command.agent("payer"), "a book")
    child.expect(PROMPT)
    match how:
        case "quit":
            child.sendline("quit")
        case "end of input":
            child.sendeof()
        case _:
            child.sendintr()
    child.expect("is left as it is: paused")
    child.expect("interlock approve req_[a-z2-7]{20}")
    assert command.ended(child) == code
    assert command.json("runs", "list")["runs"][0]["status"] == "paused"
    assert command.sink == []


def test_questions_are_answered_by_number_name_and_json(command):
    child = command.spawn("run", command.agent("questions"), "fly")
    child.expect_exact("Which airline?")
    child.expect_exact('2. "KLM"')
    child.expect_exact("Answer (1-2, /show, /skip, /quit, /reject): ")
    child.sendline("3")
    child.expect_exact("The answer does not fit")
    child.expect_exact("Answer (1-2, ")
    child.sendline("klm")
    child.expect_exact("How many seats?")
    child.expect_exact("Answer (/show, /skip, /quit, /reject): ")
    child.sendline("many")
    child.expect_exact("it must be a whole number")
    child.expect_exact("Answer (")
    child.sendline("0")
    child.expect_exact("The answer does not fit")
    child.expect_exact("Answer (")
    child.sendline("2")
    child.expect_exact('result: "KLM 2"')
    assert command.ended(child) == 0


def test_drafts_are_sent_back_edited_and_accepted(command):
    child = command.spawn("run", command.agent("drafts"), "report")
    child.expect_exact("HUMAN REVIEW REQUIRED")
    child.expect_exact("Accept? (accept/revise/edit/reject): ")
    child.sendline("revise")
    child.expect_exact("Feedback for the agent: ")
    child.sendline("")
    child.expect_exact("Say what should be different.")
    child.expect_exact("Feedback for the agent: ")
    child.sendline("more data")
    child.expect_exact('report: "Report, with more data"')
    child.expect_exact("Accept? (")
    child.sendline("edit")
    child.expect_exact("new value: ")
    child.sendline("My report")
    child.expect_exact("(yes/no/edit): ")
    child.sendline("yes")
    child.expect_exact('result: "My report"')
    assert command.ended(child) == 0


def test_I14_what_is_folded_is_not_approved_before_it_was_shown(command):
    child = command.spawn("run", command.agent("long"), "x")
    child.expect_exact("⟨folded: 1,000 of 7,004 characters are shown; `show` shows all⟩")
    child.expect(PROMPT)
    child.sendline("yes")
    child.expect_exact("look at all of it with `show` first")
    child.expect(PROMPT)
    child.sendline("show")
    child.expect_exact('END"')
    child.expect(PROMPT)
    child.sendline("yes")
    assert command.ended(child) == 0


# ── several processes ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("fresh")
def test_S4_killed_at_the_prompt_and_decided_elsewhere_the_run_goes_on(command):
    child = command.spawn("run", command.agent("payer"), "a book")
    child.expect("Request (req_[a-z2-7]{20})")
    request = child.match[1]
    child.expect(PROMPT)
    child.kill(signal.SIGKILL)
    assert command.ended(child) == -signal.SIGKILL
    other = command.spawn("approve", request[:10])
    other.expect_exact("Action: pay")
    other.expect(PROMPT)
    other.sendline("yes")
    other.expect_exact(f"Approved: {request} is approved")
    other.expect("Run run_[a-z2-7]+ is done")
    assert command.ended(other) == 0
    assert command.sink == ["5 shop pay for a book"]


def test_a_second_terminal_decides_what_the_first_shows_and_the_first_follows(command):
    first = command.spawn("run", command.agent("payer"), "a book")
    first.expect("Request (req_[a-z2-7]{20})")
    request = first.match[1]
    first.expect(PROMPT)
    second = command.spawn("reject", request, "-m", "too dear")
    second.expect_exact("Reject? (yes/no): ")
    second.sendline("yes")
    second.expect_exact(f"Rejected: {request}")
    first.expect('rejected: "too dear"')
    first.expect_exact("again, because too dear")
    first.expect(PROMPT)
    first.sendline("yes")
    assert command.ended(first) == 0
    assert command.ended(second) == 0
    assert command.sink == ["5 shop pay for a book again, because too dear"]


def test_the_second_terminal_is_told_when_the_first_was_faster(command):
    first = command.spawn("run", command.agent("payer"), "a book")
    first.expect("Request (req_[a-z2-7]{20})")
    request = first.match[1]
    first.expect(PROMPT)
    second = command.spawn("reject", request, "-m", "no")
    second.expect_exact("Reject? (yes/no): ")
    first.sendline("yes")
    second.expect_exact(f"{request} is already approved by local:")
    assert command.ended(second) == 3
    assert command.ended(first) == 0
    assert len(command.sink) == 1


def test_what_was_typed_for_an_older_prompt_never_answers_a_newer_one(command):
    first = command.spawn("run", command.agent("two"), "x")
    first.expect("Request (req_[a-z2-7]{20})")
    request = first.match[1]
    first.expect(PROMPT)
    first.send("yes")  # typed, and not yet sent
    done = command.run("reject", request, "--yes", "-m", "not this", "--no-advance")
    assert done.returncode == 0, done
    first.expect_exact("Action: second")
    first.expect(PROMPT)
    first.sendline("")
    first.expect_exact("Please answer")
    first.expect(PROMPT)
    first.sendline("no")
    first.expect_exact("Reason (the agent reads it): ")
    first.sendline("nor this")
    first.expect_exact('["rejected", "rejected"]')
    assert command.ended(first) == 0


def test_an_edit_elsewhere_shows_the_request_as_it_stands_now(command):
    (command.folder / "interlock.yaml").write_text(
        "default:\n  initiator_may_approve: true\n  levels:\n    - name: two\n      steps:\n"
        "        - ask: [role:reviewer]\n          approvals: 2\n"
    )
    first = command.spawn("run", command.agent("payer"), "a book")
    first.expect("Request (req_[a-z2-7]{20})")
    request = first.match[1]
    first.expect(PROMPT)
    done = command.run("edit", request, "--set", "amount=7", "--yes")
    assert done.returncode == 0, done
    first.expect_exact("changed what is asked: earlier votes are void")
    first.expect("Changed by local:")
    first.expect_exact("amount: 7")
    first.expect(PROMPT)
    first.sendline("quit")
    assert command.ended(first) == 7


def test_I5_a_deadline_ends_the_prompt_and_nothing_is_executed(command):
    (command.folder / "interlock.yaml").write_text(
        "default:\n  initiator_may_approve: true\n  levels:\n    - name: quick\n      steps:\n"
        "        - ask: [role:reviewer]\n          within: 2s\n"
    )
    child = command.spawn("run", command.agent("payer"), "a book")
    child.expect(PROMPT)
    child.expect_exact("expired: nobody decided in time")
    child.expect_exact('result: "not paid: expired"')
    assert command.ended(child) == 0
    assert command.sink == []


def test_whoever_may_not_decide_is_told_why_and_follows(command):
    (command.folder / "interlock.yaml").write_text(
        "default:\n  levels:\n    - name: other\n      steps:\n        - ask: [role:reviewer]\n"
    )
    child = command.spawn("run", command.agent("payer"), "a book")
    child.expect_exact("You may not decide on it: whoever started the run does not decide on it under this policy")
    child.sendintr()
    assert command.ended(child) == 7


@pytest.mark.usefixtures("fresh")
def test_a_worker_carries_on_what_was_decided_without_advancing(command):
    _, request = command.paused()
    assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    assert command.sink == []
    worker = command.spawn("work", "--name", "w1")
    worker.expect_exact("Working.")
    command.until(lambda: command.sink, "the payment")
    worker.kill(signal.SIGTERM)
    worker.expect_exact("Finishing what is under way")
    assert command.ended(worker) == 0
    assert command.run("work", "--once").stdout == "0 advances done; nothing else is due.\n"
    assert command.json("runs", "list")["runs"][0]["status"] == "done"


# ── without a terminal ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("fresh")
def test_a_pipe_answers_one_line_a_prompt_and_its_end_leaves_the_run_waiting(command):
    done = command.run("run", command.agent("payer"), "a book", given="no\ntoo dear\n")
    assert done.returncode == 7, done
    assert (
        "Approve? (yes/no/modify): no\nReason (the agent reads it): too dear\n[AGENT] rejected: too dear" in done.stdout
    )
    assert "is left as it is: paused" in done.stdout
    assert "\x1b" not in done.stdout
    [request] = command.json("requests", "list")["requests"]
    assert request["stands"]["args"]["note"] == "pay for a book again, because too dear"


def test_the_demo_reads_its_answer_from_a_pipe_and_says_where_the_mail_is(command):
    command.unset = ("INTERLOCK_MAILDIR",)
    done = command.run("demo", given="yes\n")
    assert done.returncode == 0, done
    assert '[AGENT] Generating plan for: "Send email to team about meeting"' in done.stdout
    assert "HUMAN APPROVAL REQUIRED" in done.stdout
    [mail] = (command.folder / "demo" / "mail" / "new").iterdir()
    assert str(mail.parent) in done.stdout


def test_I2_a_demo_that_is_carried_on_elsewhere_writes_into_its_own_mailbox(command):
    command.unset = ("INTERLOCK_MAILDIR", "INTERLOCK_DATABASE_URL")
    command.run("demo", given="quit\n")
    config = ("-c", "demo/interlock.yaml")
    [request] = command.json(*config, "requests", "list")["requests"]
    done = command.run(*config, "approve", request["id"], "--yes")
    assert done.returncode == 0, done
    assert len(list((command.folder / "demo" / "mail" / "new").iterdir())) == 1


def test_the_log_is_followed(command):
    follower = command.spawn("log", "show", "--follow", columns=250)
    _, request = command.paused()
    follower.expect_exact(f"{request}: agent:payer asks: pay(")
    command.run("reject", request, "--yes", "-m", "because", "--no-advance")
    follower.expect_exact("rejected without naming what was shown")
    follower.sendintr()
    assert command.ended(follower) == 0


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────────────


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("columns", [40, 100])
def test_hostile_text_is_harmless_at_a_terminal(command, columns):
    child = command.spawn("run", command.agent("hostile"), "x", columns=columns)
    child.logfile_read = Transcript()
    child.expect(PROMPT + "$")
    child.sendline("no")
    child.expect(r"Reason \(the agent reads it\): ")
    child.sendline("")
    assert command.ended(child) == 0
    shown = child.logfile_read.text
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "⟨ESC⟩" in shown
    assert "⟨U+202E⟩" in shown
    assert "⟨400 spaces⟩" in shown
    assert "[bold red]danger[/]" in shown
    assert "! the name of an argument mixes Cyrillic and Latin letters" in " ".join(shown.split())
    starts = [line for line in shown.replace("\r", "").split("\n") if line.startswith("Approve?")]
    assert len(starts) == 1, "only Interlock's own prompt begins a line"


class Transcript:
    """Keeps what a terminal shows."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing is buffered."""


def test_colours_and_widths(command):
    _, request = command.paused()
    command.environ["NO_COLOR"] = ""
    child = command.spawn("requests", "show", request, columns=40)
    child.expect_exact("\x1b[1mHUMAN APPROVAL REQUIRED")
    text = child.before
    child.expect(pexpect.EOF)
    assert max(map(len, (text + child.before).replace("\x1b[0m", "").splitlines())) < 60
    command.environ["TERM"] = "dumb"
    child = command.spawn("requests", "show", request)
    child.expect(pexpect.EOF)
    assert "\x1b" not in child.before

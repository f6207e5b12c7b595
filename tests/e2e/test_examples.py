"""The examples, each copied to a place of its own and run as their READMEs say, every command a process."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
README = [EXAMPLES / "multi-agent" / "README.md", EXAMPLES / "custom-tools" / "README.md"]


@pytest.fixture
def script(command):
    """Copy an example; return a function that runs it without a terminal."""

    def run(name, *arguments):
        file = command.folder / f"{name.replace('-', '_')}.py"
        if not file.exists():
            shutil.copy(EXAMPLES / name / file.name, file)
        return command.script(file, *arguments)

    return run


def inbox(command):
    listed = command.json("requests", "list")["requests"]
    return {request["asked"].get("name", "question"): request for request in listed}


def effects(command):
    return sorted(
        (file.name.partition("-")[0], json.loads(file.read_text())) for file in (command.folder / "outbox").glob("*")
    )


def output(command, agent):
    [run] = [run for run in command.json("runs", "list")["runs"] if run["agent"] == agent]
    return command.json("runs", "show", run["id"])


def test_S20_several_agents_and_their_sub_agents_ask_through_one_inbox(command, script):
    done = script("multi-agent")
    assert done.returncode == 0, done
    asked = inbox(command)
    assert {name: request["agent"] for name, request in asked.items()} == {
        "order": "office",
        "publish": "office",
        "question": "travel",
    }
    assert asked["order"]["run"] == asked["publish"]["run"] != asked["question"]["run"]

    assert command.run("edit", asked["order"]["id"], "--set", "count=10", "--yes").returncode == 0
    assert effects(command) == [], "the other sub-agent's pause is not answered yet"
    assert command.run("answer", asked["question"]["id"], "Birch", "--yes").returncode == 0
    assert output(command, "travel")["output"]["done"] == ["booked with Birch"]
    assert command.run("reject", asked["publish"]["id"], "-m", "not before May", "--yes").returncode == 0
    assert effects(command) == [("order", {"item": "chair", "count": 10, "price": "948.00"})]
    office = output(command, "office")
    assert office["status"] == "done"
    assert "nothing published: rejected" in office["output"]["done"]
    assert inbox(command) == {}


def test_S20_a_gated_tool_asks_before_it_acts_and_runs_as_it_was_edited(command, script):
    script("custom-tools", "Refund order 17")
    request = inbox(command)["refund"]
    assert request["asked"]["args"] == {"order": 17, "amount": 40}
    assert effects(command) == []
    edited = command.run("edit", request["id"], "--set", "amount=25", "--yes")
    assert "[AGENT] 25 paid back for order 17" in edited.stdout
    assert effects(command) == [("refund", {"order": 17, "amount": 25})]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (("reject", "-m", "sent back too late"), r"Not done: req_\w+ was rejected by local:.*: sent back too late"),
        (("edit", "--set", "amount=4000"), "Not done: .*order 17 cost 40"),
    ],
)
def test_S20_the_model_is_told_why_a_gated_tool_did_nothing(command, script, how, told):
    script("custom-tools", "Refund order 17")
    verb, *options = how
    said = command.run(verb, inbox(command)["refund"]["id"], *options, "--yes")
    assert re.search(rf"\[AGENT\] {told}", said.stdout), said
    assert effects(command) == []
    assert output(command, "support")["status"] == "done"


def test_S20_a_tool_that_only_looks_asks_nobody(command, script):
    assert "[AGENT] There is no order 99." in script("custom-tools", "Refund order 99").stdout
    assert inbox(command) == {}


def test_S4_S20_a_gated_tool_killed_at_its_prompt_waits_and_acts_once(command, script):
    script("custom-tools", "Refund order 99")  # copies it
    child = command.spawn("run", f"{command.folder}/custom_tools.py:support", "Refund order 18")
    child.expect_exact("Approve? (yes/no/modify): ")
    os.kill(child.pid, signal.SIGKILL)
    command.ended(child)
    assert command.run("approve", inbox(command)["refund"]["id"], "--yes").returncode == 0
    assert effects(command) == [("refund", {"order": 18, "amount": 1200})]


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("page", README, ids=lambda page: page.parent.name)
def test_S20_a_readme_shows_what_its_script_writes(command, script, page):
    for arguments, shown in re.findall(
        r"^\$ python \w+\.py ?(.*)\n((?:(?!\$ |```).*\n)*)", page.read_text(), re.MULTILINE
    ):
        said = script(page.parent.name, *([arguments.strip('"')] if arguments else []))
        pattern = ".*".join(map(re.escape, shown.strip().split("…")))
        assert re.search(pattern, said.stdout, re.DOTALL), (said, shown)
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target

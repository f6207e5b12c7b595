"""What a model says is seen while it says it: on the screen harmlessly, for programs as LangGraph streams it."""

import json


def test_a_model_is_read_as_it_speaks(command):
    done = command.run("run", command.agent("talker"), "the harbour")
    assert done.returncode == 0, done
    assert '[AGENT] {"of":3,"read":3}\n[AGENT] Of the harbour:\n        │ nothing ⟨ESC⟩[2J new.\n' in done.stdout
    assert "\x1b[2J" not in done.stdout


def test_what_each_step_changes_is_shown_on_demand(command):
    done = command.run("run", command.agent("talker"), "the harbour", "--updates")
    assert "— step: {" in done.stdout


def test_detached_it_is_told_beside_the_ids(command):
    done = command.run("run", command.agent("talker"), "the harbour", "--detach")
    assert "[AGENT] Of the harbour:" in done.stderr
    assert len(done.stdout.split()) == 1


def test_a_program_reads_pieces(command):
    done = command.run("run", command.agent("talker"), "the harbour", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    tokens = [event["data"][0]["content"] for event in events if event["event"] == "messages"]
    assert len(tokens) > 3
    assert "".join(tokens) == "Of the harbour:\nnothing \x1b[2J new."
    assert [event["data"] for event in events if event["event"] == "custom"] == [{"read": 3, "of": 3}]

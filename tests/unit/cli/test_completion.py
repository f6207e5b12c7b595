"""Completion in this process: what the last word of a command line may become."""

import pytest

from interlock.cli.completion import completed
from interlock.errors import InvalidConfig


def words(*line, sign=None):
    return list(completed(list(line), sign))


def test_commands_options_ids_and_names_are_offered_where_they_may_stand(command):
    run, request = command.paused()
    assert {"run", "approve", "completion"} <= set(words(""))
    assert sorted(words("requests", "")) == ["approve", "bundles", "follow", "list", "reject", "show", "withdraw"]
    assert "--digest" in words("approve", "--")
    for line in (
        ["approve"],
        ["edit"],
        ["extend"],
        ["comment"],
        ["delegate"],
        ["requests", "show"],
        ["policy", "explain"],
    ):
        assert words(*line, "") == words(*line, request[:6]) == [request]
    for line in (["runs", "show"], ["runs", "cancel"], ["runs", "retry"]):
        assert words(*line, "") == [run]
    assert words("run", "app") == ["approval"]
    assert words("demo", "feed") == ["feedback"]
    assert words("requests", "list", "--status", "exp") == ["expired"]


def test_what_is_decided_is_offered_no_more_where_people_vote(command):
    _, request = command.paused()
    assert command.run("reject", request, "--yes", "-m", "no", "--no-advance").returncode == 0
    assert words("requests", "show", "") == [request]
    assert words("approve", "") == []


def test_a_thread_is_offered_by_its_name_unless_a_shell_would_read_the_name(command):
    for name in ("trip", "$(touch gone)", "two words"):
        command.run("run", command.agent("payer"), "a book", "--detach", "--thread", name)
    assert words("threads", "show", "") == ["trip"]


def test_the_options_before_the_command_say_where_is_read(command):
    _, request = command.paused()
    elsewhere = f"sqlite:///{command.folder}/test.db"
    command.patch.setenv("INTERLOCK_DATABASE_URL", f"sqlite:///{command.folder}/other.db")
    assert words("--database", elsewhere, "approve", "") == [request]
    with pytest.raises(InvalidConfig):
        words("approve", "")
    assert not (command.folder / "other.db").exists()


def test_an_explanation_holds_nothing_that_an_agent_wrote(command):
    _, request = command.paused()
    assert words("approve", "", sign=":") == [f"{request}:open, payer"]

"""S14, S15: what was decided is on record, and stays there when every process has ended."""

import json
import sqlite3
from datetime import datetime

import pytest

VERDICTS = {"approve": ("approve", ()), "edit": ("edit", ("--set", "amount:=4")), "reject": ("reject", ())}


def entries(command):
    return [json.loads(line) for line in command.run("log", "show", "--json").stdout.splitlines()]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_S14_a_decision_is_logged_with_time_request_action_verdict_approver_and_address(command, verdict):
    verb, more = VERDICTS[verdict]
    _, request = command.paused()
    digest = command.json("requests", "show", request)["digest"]
    assert command.run(verb, request, *more, "--digest", digest, "-m", "as agreed", "--no-advance").returncode == 0
    logged = {entry["event"]["type"]: entry for entry in entries(command) if entry["stream"] == request}
    cast, decided = logged["vote_cast"], logged["decided"]
    assert logged["opened"]["event"]["ask"]["subject"]["args"]["amount"] == 5
    assert (logged.keys() >= {"edited"}) == (verdict == "edit")
    assert (cast["event"]["vote"]["verdict"], cast["event"]["vote"]["comment"]) == (verdict, "as agreed")
    assert cast["by"] == cast["event"]["vote"]["voter"] == decided["event"]["by"][0]
    assert datetime.fromisoformat(decided["at"]).tzinfo is not None
    assert (cast["via"], cast["address"]) == ("terminal", None)  # on the local terminal there is no address


def test_S14_a_refusal_is_logged_too(command):
    _, request = command.paused()
    assert command.run("approve", request, "--digest", "sha256:" + "0" * 64).returncode == 3
    (refused,) = [entry for entry in entries(command) if entry["event"]["type"] == "refusal_noted"]
    assert (refused["stream"], refused["event"]["code"]) == (request, "wrong_digest")


def test_S15_without_configuration_all_is_kept_in_a_file_of_sqlite_that_outlives_every_process(command, own_home):
    command.unset = ("INTERLOCK_DATABASE_URL",)
    run, request = command.paused()
    file = own_home / "interlock" / "interlock.db"
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert file.stat().st_mode & 0o777 == 0o600
    assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    assert command.run("work", "--once").returncode == 0
    shown = command.json("runs", "show", run)
    assert (shown["status"], len(command.sink)) == ("done", 1)

"""I4, I11: what `interlock doctor` says of a record that is not what was written, and what `--repair` does about it."""

import json
import sqlite3
from contextlib import closing

import pytest


def sql(command, statement, *values):
    with closing(sqlite3.connect(command.folder / "test.db")) as database, database:
        return database.execute(statement, values).fetchall()


def findings(command, *options):
    examined = command.json("doctor", *options)
    return examined["well"], [f"{one['what']}: {one['message']}" for one in examined["findings"]]


def test_a_run_that_a_wrong_clock_has_put_off_is_told_and_set_right(command):
    run, request = command.paused()
    assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    sql(command, "UPDATE jobs SET due_at = due_at + 86400000000")  # as a clock would that was a day ahead
    well, told = findings(command)
    assert not well
    assert any("is due only at" in one and "--repair" in one for one in told)
    well, told = findings(command, "--repair")
    assert well
    assert any(one.startswith("repaired: ") for one in told)
    assert command.run("work", "--once").returncode == 0
    assert command.json("runs", "show", run)["status"] == "done"
    assert len(command.sink) == 1


def test_a_job_that_is_gone_is_told_without_reading_every_row(command):
    _, request = command.paused()
    assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    sql(command, "DELETE FROM jobs")
    _, told = findings(command, "--fold")
    assert any("has no job" in one for one in told)


def test_a_forged_row_is_refused_told_and_written_anew(command):
    _, request = command.paused()
    ((body,),) = sql(command, "SELECT body FROM requests")
    forged = json.loads(body)
    forged["ask"]["description"] = "nothing to see here"
    forged = json.dumps(forged).encode()
    sql(command, "UPDATE requests SET body = ?", forged)
    refused = command.run("approve", request, "--yes")
    assert refused.returncode != 0
    assert "is not what its log says" in refused.stderr
    assert "Traceback" not in refused.stderr
    well, told = findings(command, "--fold")
    assert not well
    assert any(request in one for one in told)
    assert findings(command, "--repair")[0]
    assert command.run("approve", request, "--yes").returncode == 0
    assert len(command.sink) == 1
    assert "had it written anew from its log" in command.run("log", "show").stdout


def test_an_entry_that_nobody_wrote_is_told_with_what_to_do(command):
    command.paused()
    sql(command, "INSERT INTO log (tenant, stream, seq, body, leaf) VALUES ('other', 'req_x', 1, X'7B7D', 'x')")
    well, told = findings(command, "--fold")
    assert not well
    assert any("backup" in one for one in told)
    assert not findings(command, "--repair")[0]


@pytest.mark.parametrize("table", ["requests", "runs"])
def test_a_row_whose_version_was_raised_is_told_as_altered_not_as_somebody_elses_change(command, table):
    run, request = command.paused()
    sql(command, f"UPDATE {table} SET version = version + 1")
    for refused in (command.run("approve", request, "--yes"), command.run("runs", "cancel", run)):
        assert refused.returncode != 0
        assert "its row has another version" in refused.stderr
        assert "doctor --fold" in refused.stderr
    assert findings(command, "--repair")[0]
    assert command.run("approve", request, "--yes").returncode == 0
    assert len(command.sink) == 1


def test_I11_nobody_is_said_to_carry_a_run_on_whose_log_was_cut(command, backdoor):
    run, request = command.paused()
    assert command.run("approve", request, "--yes", "--no-advance").returncode == 0
    backdoor(str(command.folder / "test.db")).open_the_log()
    sql(command, "DELETE FROM log WHERE stream = ? AND seq = (SELECT max(seq) FROM log WHERE stream = ?)", run, run)
    shown = command.run("runs", "show", run).stdout
    assert "Nothing is decided or executed by it." in shown
    assert "doctor --fold" in shown
    assert f"retry {run}" not in shown


def test_attempts_that_are_configured_for_an_agent_whom_nobody_knows_are_told(command):
    (command.folder / "interlock.yaml").write_text(
        f"agents: {{mailer: {command.folder}/nowhere.py:graph}}\n"
        "retries: {mailr: {attempts: 3}, mailer: {attempts: 3}}\n"
    )
    _, told = findings(command)
    (said,) = [one for one in told if one.startswith("retries.")]
    assert said.startswith("retries.mailr: no agent is called mailr: did you mean 'mailer'?")

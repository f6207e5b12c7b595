"""S15: the command line on PostgreSQL, as real processes; the server restarts in between."""

import json

import pexpect
import pytest

from interlock.testing.postgres import PostgresServer

PROMPT = r"Approve\? \(yes/no/modify\): "


@pytest.fixture(scope="module")
def server():
    """Yield a server that this file restarts."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def on_server(command, server):
    command.environ["INTERLOCK_DATABASE_URL"] = server.fresh()
    return command


@pytest.mark.usefixtures("fresh")
def test_S15_what_waits_survives_a_restart_of_the_server(on_server, server):
    run, request = on_server.paused()
    server.restart("immediate")
    done = on_server.run("approve", request, "--yes")
    assert done.returncode == 0, done
    assert on_server.sink == ["5 shop pay for a book"]
    (found,) = on_server.json("runs", "list")["runs"]
    assert (found["id"], found["status"]) == (run, "done")
    on_server.run("doctor", "--fold")


def test_S15_a_second_terminal_decides_what_the_first_one_shows(on_server):
    """It hears of it from the server, and goes on."""
    child = on_server.spawn("run", on_server.agent("payer"), "a book")
    child.expect(PROMPT)
    (request,) = on_server.json("requests", "list")["requests"]
    done = on_server.run("approve", request["id"], "--yes")
    assert done.returncode == 0, done
    child.expect("Run run_[a-z2-7]+ is done")
    assert on_server.ended(child) == 0
    assert on_server.sink == ["5 shop pay for a book"]


def test_S14_S15_killed_at_the_prompt_and_finished_elsewhere(on_server):
    child = on_server.spawn("run", on_server.agent("payer"), "a book")
    child.expect(PROMPT)
    child.kill(9)
    child.expect(pexpect.EOF)
    (request,) = on_server.json("requests", "list")["requests"]
    assert on_server.run("approve", request["id"], "--yes").returncode == 0
    lines = on_server.run("log", "show", "--json").stdout.splitlines()
    told = [json.loads(line)["event"]["type"] for line in lines]
    assert told.count("vote_cast") == told.count("decided") == told.count("effect_executed") == 1


def test_an_address_is_given_for_one_command_and_doctor_examines_the_server(command, server):
    url = server.fresh()
    assert "no tables of Interlock" in command.run("--database", url, "requests", "list").stderr
    command.run("--database", url, "run", command.agent("payer"), "a book", "--detach")
    done = command.run("--database", url, "doctor")
    assert "PostgreSQL 1" in done.stdout, done
    assert "connections in use" in done.stdout
    assert server.password not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("requests", "list"), ("doctor",), ("run", "approval", "x", "--detach")])
def test_a_server_that_cannot_be_used_is_told_in_a_sentence(command, server, arguments):
    wrong = server.url().replace(server.password, "s3cret")
    done = command.run("--database", wrong, *arguments)
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "refuses this user" in told
    assert "s3cret" not in told
    assert "Traceback" not in told

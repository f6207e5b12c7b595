"""Commands at a server write what they write on its database, and end with the same exit codes."""

import json
import os
import re
import stat
from datetime import timedelta

import pytest

from interlock import Action, Draft, Question
from interlock.bootstrap import local_person
from interlock.cli.stored_logins import Kept, file_for, keep, kept_for
from interlock.client import connect_blocking
from interlock.errors import BadInput, Forbidden


def alike(done, request):
    """Return what was written, without what differs between two requests, two moments and two ways to come."""
    code, *written = done
    texts = []
    for text in written:
        kept = re.sub(r"--(database|server) \S+", "--at X", text.replace(request.id, "ID"))
        kept = re.sub(r"Time left: [\w ]+", "Time left: LONG", kept)
        kept = re.sub(r"sha256:[0-9a-f]{64}", "DIGEST", kept)
        kept = re.sub(r"\b(6 days|1 week) ", "A WEEK ", kept)  # it grows shorter meanwhile
        kept = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?", "TIME", kept)
        kept = re.sub(r"The run goes on at the server\.\n", "", kept)
        texts.append(re.sub(r"via \w+( from \S+)?", "via X", kept))
    return code, *texts


PAY = Action("pay", {"amount": "12.00", "to": "ann"})
AIRLINE = Question("Which airline?", options=["Lufthansa", "KLM"])
SAID = [
    (PAY, ["approve", "ID", "--digest", "DIGEST"]),
    (PAY, ["approve", "ID", "--yes", "--json"]),
    (PAY, ["approve", "ID", "--digest", "sha256:000000000000"]),
    (PAY, ["reject", "ID", "-m", "no", "--digest", "DIGEST"]),
    (PAY, ["edit", "ID", "--set", "amount=5", "--digest", "DIGEST"]),
    (AIRLINE, ["answer", "ID", "2", "--yes", "--json"]),
    (AIRLINE, ["answer", "ID", "Swiss", "--yes"]),
    (Draft("words", "Report"), ["revise", "ID", "-m", "more", "--yes"]),
    (PAY, ["comment", "ID", "Whose budget is it?"]),
    (PAY, ["delegate", "ID", "--to", "noah@example.com", "-m", "on leave"]),
    (PAY, ["delegate", "ID", "--end"]),
    (PAY, ["extend", "ID", "--by", "2h", "-m", "on a plane"]),
    (PAY, ["requests", "withdraw", "ID", "-m", "paid already"]),
    (PAY, ["effects", "settle", "ID", "--happened"]),
    (PAY, ["take-back", "ID"]),
    (PAY, ["reserve", "ID"]),
    (PAY, ["reserve", "ID", "--end"]),
    (PAY, ["ask-back", "ID", "Why now?"]),
    (PAY, ["clarify", "ID", "The fair is on Monday"]),
]


def test_what_is_said_to_a_request_is_the_same_here_and_there(installation):
    installation.sign_in()
    for subject, command in SAID:
        results = []
        for say in (installation.here, installation.there):
            request = installation.ask(subject)
            words = [word.replace("ID", request.id).replace("DIGEST", request.digest) for word in command]
            results.append(alike(say(*words), request))
        assert results[0] == results[1], command
    refused = installation.there("approve", "req_nothing0", "--yes")
    assert (refused[0], "There is no request 'req_nothing0' here" in refused[2]) == (4, True)


READ = [
    ["requests", "list"],
    ["requests", "list", "--json"],
    ["requests", "list", "--mine"],
    ["requests", "list", "--decided-by-me", "--json"],
    ["requests", "list", "--all", "--limit", "2"],
    ["requests", "bundles"],
    ["requests", "list", "--all", "--reference", "order 4711"],
    ["requests", "list", "--run", "RUN"],
    ["requests", "list", "--after", "nonsense"],
    ["requests", "show", "OPEN"],
    ["requests", "show", "DONE", "--json"],
    ["requests", "show", "req_"],
    ["runs", "list"],
    ["runs", "show", "RUN"],
    ["runs", "show", "RUN", "--json"],
    ["runs", "show", "RUN", "--state", "--json"],
    ["threads", "list"],
    ["threads", "show", "one", "--json"],
    ["agents", "list", "--json"],
    ["effects", "list"],
    ["log", "--json", "--limit", "3"],
    ["log", "--run", "RUN"],
    ["tokens", "list"],
    ["stats"],
    ["stats", "--by", "agent", "--every", "week", "--json"],
    ["stats", "--since", "tomorrow"],
    ["people", "list"],
    ["groups", "list"],
    ["roles", "list", "--json"],
    ["delegations", "list"],
    ["sessions", "list", "--of", local_person()],
    ["policy", "check"],
    ["policy", "check", "--json"],
    ["policy", "explain", "OPEN"],
    ["policy", "explain", "action.yaml"],
    ["policy", "simulate", "new.yaml"],
    ["policy", "simulate", "new.yaml", "--since", "12h", "--json"],
    ["policy", "simulate", "nothing.yaml"],
]
ACTION = "{name: pay, args: {amount: '12.00'}, agent: bot, initiator: ann@example.com}"
NEW = "default: {levels: [{name: all, steps: [{ask: [role:boss], within: 2h}]}]}"


def test_what_is_read_is_the_same_here_and_there(installation):
    installation.sign_in()
    started = installation.there("run", "approval", "Send email to team about meeting", "--thread", "one", "--detach")
    assert started[0] == 7, started
    run_id = started[1].split()[0]
    opened, done = installation.ask(PAY), installation.ask(PAY)
    assert installation.there("approve", done.id, "--yes")[0] == 0
    with connect_blocking(installation.origin, token=installation.agent) as bot:
        bot.claim(done.id, digest=done.digest, tool="bank:pay", lasts=timedelta(minutes=5))
        bot.record(done.id, 1, "unknown", reason="the bank did not answer")
    (installation.folder / "action.yaml").write_text(ACTION)
    (installation.folder / "new.yaml").write_text(NEW)
    names = {"RUN": run_id, "OPEN": opened.id, "DONE": done.id[:12]}
    for command in READ:
        words = [names.get(word, word) for word in command]
        here, there = (alike(say(*words), opened) for say in (installation.here, installation.there))
        assert here == there, command
    settled = installation.there("effects", "settle", done.id, "--happened", "-m", "it is in the statement", "--json")
    assert json.loads(settled[1])["request"]["effect"]["state"] == "executed"
    forked = installation.there("runs", "fork", run_id, "--detach")
    assert forked[0] == 7, forked
    assert installation.there("runs", "cancel", run_id)[0] == 0
    deleted = installation.there("threads", "delete", "one")
    assert deleted == (0, "The states of 1 run are deleted. The log keeps what happened.\n", "")
    assert installation.there("runs", "retry", run_id)[0] == 3


def changed(written):
    """Return what was written without what is another one at each call."""
    return re.sub(r"(ili|delegation|session)_[\w-]+|\d{4}-[\d:. +T-]+", "X", " ".join(map(str, written)))


def at_x(written):
    """Return what was written without where it was."""
    return re.sub(r"--(database|server) \S+", "--at X", str(written))


PEOPLE = [
    ["people", "invite", "NAME", "--role", "clerk"],
    ["people", "invite", "NAME", "--json"],
    ["people", "invite", "agent:x"],
    ["people", "reset", "NAME"],
    ["people", "disable", "NAME"],
    ["people", "disable", "NAME"],
    ["people", "enable", "NAME"],
    ["people", "remove-second-factor", "NAME"],
    ["groups", "add", "managers", "NAME"],
    ["groups", "remove", "managers", "NAME"],
    ["groups", "remove", "managers", "NAME", "--json"],
    ["roles", "add", "auditor", "NAME", "--json"],
    ["delegations", "add", "NAME", "--for", "5d", "--since", "2030-01-01T00:00:00Z"],
    ["delegations", "add", "NAME", "--for", "5d", "--reason", "on leave"],
    ["delegations", "remove", "delegation_none"],
    ["sessions", "end", "session_none"],
    ["sessions", "end", "--of", "NAME"],
]


def test_people_are_managed_the_same_here_and_there(installation):
    installation.sign_in()
    for command in PEOPLE:
        results = []
        for name, say in (("here@example.com", installation.here), ("there@example.com", installation.there)):
            told = changed(say(*(name if word == "NAME" else word for word in command))).replace(name, "NAME")
            results.append(at_x(told).replace(installation.origin, "http://127.0.0.1:8000"))
        assert results[0] == results[1], command
    for command in (["people", "list"], ["groups", "list"], ["roles", "list"], ["delegations", "list", "--json"]):
        here, there = (say(*command)[:2] for say in (installation.here, installation.there))
        assert at_x(here) == at_x(there), command
    (given, *_) = json.loads(installation.there("delegations", "list", "--json")[1])["delegations"]
    assert installation.there("delegations", "remove", given["id"])[0] == 0
    (mine,) = json.loads(installation.there("sessions", "list", "--json")[1])["sessions"]
    assert installation.there("sessions", "end", mine["id"])[0] == 0
    assert installation.there("requests", "list")[0] == 3, "the session has ended"
    installation.patch.setenv("INTERLOCK_TOKEN", installation.service)
    for command in (["people", "list"], ["groups", "add", "g", "p"], ["people", "invite", "x@example.com"]):
        assert installation.there(*command)[0] == 3, command


def test_a_run_is_attended_and_what_happens_is_followed(installation):
    installation.sign_in()
    code, out, err = installation.there("run", "approval", "Send email to team about meeting", given="no\n\n")
    assert "HUMAN APPROVAL REQUIRED" in out, (out, err)
    assert "[AGENT]" in out, (out, err)
    assert (code, "rejected" in out + err) == (0, True), (out, err)
    (run,) = json.loads(installation.there("runs", "list", "--json")[1])["runs"]
    code, out, _ = installation.there("log", "--follow", "--run", run["id"], "--limit", "2", "--json")
    assert (code, [json.loads(line)["event"]["type"] for line in out.splitlines()]) == (
        0,
        ["run_started", "advance_began"],
    )


def test_tokens_are_made_and_revoked(installation):
    installation.sign_in()
    made = json.loads(installation.there("tokens", "create", "agent:new", "--label", "the new one", "--json")[1])
    with connect_blocking(installation.origin, token=made["secret"]) as new:
        assert new.who().principal.id == "agent:new"
    assert installation.there("tokens", "revoke", made["id"])[0] == 0
    assert installation.there("tokens", "revoke", made["id"])[0] == 4


def test_who_one_is_to_a_server_is_kept_where_nobody_else_reads_it(installation):
    origin = installation.origin
    assert installation.there("requests", "list")[0] == 3
    code, out, err = installation.run("login", origin, given=f"{installation.link}\n")
    assert (code, f"as {local_person()}" in out) == (0, True)
    assert installation.link not in out + err
    file = file_for(origin, os.environ)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert installation.link not in file.read_text()
    assert installation.run("login", origin, given=f"{installation.link}\n")[0] == 3  # it is used up
    installation.patch.setenv("INTERLOCK_SERVER", origin)
    assert installation.run("requests", "list")[1] == "Nothing waits for anybody.\n"
    code, _, err = installation.run("work", "--once")
    assert (code, "unset INTERLOCK_SERVER" in err) == (2, True)
    assert installation.here("requests", "list")[0] == 0
    assert installation.run("--server", "", "--database", installation.database, "requests", "list")[0] == 0
    file.chmod(0o644)
    assert "chmod 600" in installation.run("requests", "list")[2]
    file.chmod(0o600)
    secret = kept_for(origin).secret
    assert installation.run("logout")[1] == f"Signed out at {origin}.\n"
    keep(origin, Kept("session", secret, "x"))
    code, _, err = installation.run("requests", "list")
    assert (code, "revoked" in err, "interlock login" in err) == (3, True, True)
    installation.run("logout")
    assert "Nobody was signed in" in installation.run("logout")[1]


def test_a_token_is_good_for_commands_and_is_not_revoked_by_signing_out(installation):
    code, out, _ = installation.run("login", installation.origin, "--json", given=f"{installation.service}\n")
    assert (code, json.loads(out)["principal"], json.loads(out)["by"]) == (0, "service:cron", "token")
    request = installation.ask(PAY)
    assert installation.there("requests", "show", request.id)[0] == 0
    assert installation.there("approve", request.id, "--yes")[0] == 3
    assert installation.there("logout")[0] == 0
    installation.patch.setenv("INTERLOCK_TOKEN", installation.service)
    assert installation.there("requests", "list")[0] == 0


def test_what_is_wrong_with_a_server_is_said_before_anything_else(installation):
    for words, code, said in (
        (["--server", "nonsense", "requests", "list"], 2, "is no server"),
        (["--server", installation.origin, "--database", "x.db", "requests", "list"], 2, "Give --server, or"),
        (["--server", installation.origin, "approve", "ID", "--as", "mia"], 3, "--as"),
        (["--server", installation.origin, "doctor"], 2, "where the database is"),
        (["login"], 2, "Name the server"),
    ):
        done = installation.run(*words)
        assert (done[0], said in done[2]) == (code, True), done
    assert installation.run("login", installation.origin, given="nonsense\n")[0] == 2
    installation.sign_in()
    there = installation.origin
    keep("http://127.0.0.1:1", kept_for(there))
    code, _, err = installation.run("--server", "http://127.0.0.1:1", "requests", "list")
    assert (code, "No server answers" in err) == (6, True)


def test_a_file_that_was_not_kept_here_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = file_for("https://a.example")
    file.parent.mkdir(parents=True)
    for text in ("", "[]", '{"kind": "token"}'):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(BadInput, match="sign in anew"):
            kept_for("https://a.example")
    file.chmod(0o640)
    with pytest.raises(Forbidden):
        kept_for("https://a.example")
    assert "secret" not in repr(Kept("token", "secret", "mia"))

"""What follows the log ends when it is to, says its own words beside what it tells, and checks where it begins."""

import json

import pytest


def test_a_log_that_is_followed_ends_after_as_many_entries_as_are_wanted(command):
    command.paused()
    entries = command.run("log", "--json").stdout.splitlines()
    followed = command.run("log", "--follow", "--limit", str(len(entries)), "--json")
    assert (followed.returncode, followed.stdout.splitlines()) == (0, entries)
    assert len(command.run("log", "--limit", "1", "--json").stdout.splitlines()) == 1


@pytest.mark.parametrize("channel", [(), ("--channel", "on-call")])
def test_what_follows_says_nothing_of_its_own_on_standard_output(command, monkeypatch, channel):
    _, request = command.paused()
    told = []

    def tell(session, notice):
        told.append(notice.entry.stream)
        session.stop.set()

    monkeypatch.setattr("interlock.cli.requests._tell", tell)
    done = command.run("requests", "follow", "--from-start", *channel)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Following. Ctrl-C ends it.\n")
    assert told[0] == request


@pytest.mark.parametrize("channel", [(), ("--channel", "on-call")])
def test_where_it_begins_is_checked_before_it_says_that_it_follows(command, channel):
    command.paused()
    done = command.run("requests", "follow", "--after", "zzz", *channel, "--json")
    assert (done.returncode, "Following" in done.stderr) == (2, False), done
    assert json.loads(done.stdout)["error"]

"""`requests follow`, as a person or a script uses it."""

import json
import signal
import subprocess

from .conftest import INTERLOCK


def test_requests_are_followed_line_by_line_and_go_on_where_they_stopped(command):
    _, request = command.paused()
    follower = command.spawn("requests", "follow", columns=250)
    follower.expect("Following. Ctrl-C ends it.")
    assert command.run("reject", request, "--yes", "-m", "too dear").returncode == 0
    follower.expect(f'{request}: local:[^ ]+ rejected[^:]*: "too dear" \\[in a terminal\\]')
    follower.expect(f"{request}: rejected by ")
    follower.sendintr()
    assert command.ended(follower) == 0

    def told(line, *options):
        one = command.spawn("requests", "follow", "--channel", "on-call", *options, columns=250)
        one.expect("Following. Ctrl-C ends it.")
        one.expect(line)
        one.sendintr()
        return command.ended(one)

    assert told(f"{request}: rejected by", "--from-start") == 0
    _, later = command.paused()
    assert told(f"{later}: agent:payer asks") == 0


def test_what_cannot_be_followed_is_refused(command):
    command.paused()
    for options, said in (
        (["--after", "1", "--from-start"], "Give --after or --from-start, not both"),
        (["--channel", ""], "--channel needs a name"),
        (["--channel", "x", "--after", "nowhere"], "is not a position of this log"),
        (["--after", "nowhere"], "is not a position of this log"),
    ):
        refused = command.run("requests", "follow", *options)
        assert (refused.returncode, said in refused.stderr) == (2, True), refused


def test_a_follower_whose_reader_has_gone_ends_and_loses_nothing(command):
    _, request = command.paused()
    command.run("reject", request, "--yes")
    follow = [INTERLOCK, "requests", "follow", "--channel", "on-call", "--from-start", "--json"]
    here = {"cwd": command.folder, "env": command.env, "stdout": subprocess.PIPE}
    with subprocess.Popen(follow, stderr=subprocess.PIPE, **here) as shut:
        shut.stdout.close()
        said = shut.stderr.read()
    assert b"Traceback" not in said
    follow.remove("--from-start")
    with subprocess.Popen(follow, **here) as again:
        first = json.loads(again.stdout.readline())
        again.send_signal(signal.SIGINT)
        again.stdout.read()
    assert (first["event"]["type"], first["again"], again.returncode) == ("opened", True, 0)

"""`interlock stats`, as people read it."""


def test_S18_the_table_says_how_requests_ended_by_whatever_is_wanted(command):
    _, request = command.paused()
    assert "1" in command.run("stats").stdout.splitlines()[-1].split()
    assert command.run("approve", request, "--yes").returncode == 0
    head, row = command.run("stats", "--by", "agent").stdout.splitlines()[-2:]
    assert head.split() == "AGENT DECIDED APPROVED OVERRIDDEN BY RULE EXPIRED WITHDRAWN OPEN NOW P50 P95".split()  # noqa: SIM905
    assert row.split()[1:8] == ["1", "100%", "0%", "0", "0", "0", "0"]
    head, row = command.run("stats", "--by", "reviewer", "--every", "day", "--since", "1h").stdout.splitlines()[-2:]
    assert "OPEN NOW" not in head
    assert row.split()[1].startswith("local:")
    shown = command.json("stats", "--by", "level")
    assert [(group["key"], group["approval_rate"]) for group in shown["groups"]] == [("local: reviewer", 1.0)]


def test_a_time_that_is_none_is_refused(command):
    command.paused()
    done = command.run("stats", "--since", "soon")
    assert done.returncode == 2
    assert "no duration, such as 30d, and no moment" in done.stderr

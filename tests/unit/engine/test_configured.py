"""Configured policies: what they come to, and that they are always the file's as it is now."""

import asyncio
import json
import os
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from interlock.config import load_settings
from interlock.domain.authority import Delegation
from interlock.domain.calendar import Calendar, Span
from interlock.domain.policy import Step
from interlock.engine.codec import decode_policy, encode_policy
from interlock.engine.configured import ConfiguredPolicies
from interlock.engine.policy_snapshot import policy_snapshot
from interlock.engine.routing import hash_of
from interlock.errors import BadInput, InvalidPolicy

FILE = """\
groups: {managers: [MIA, noah@example.com], finance: []}
roles: {reviewer: [Ruth@Example.com]}
people: {mia@example.com: {aliases: [mia, "Slack:U7"]}}
policies:
  first: {levels: [{steps: [{ask: [group:managers, "person:MIA", "anyone with role reviewer", "role:reviewer"]}]}]}
  second:
    facts: {amount: {from: args.order.amount, type: decimal}}
    levels:
      - {when: amount < 10, approve: automatically}
      - {steps: [{ask: [group:finance]}]}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "interlock.yaml"
    write(path, FILE)
    return path


def write(path, text, *, age=60):
    """Write a file that was last changed a while ago, so that its stamp can be trusted."""
    path.write_text(text)
    at = path.stat().st_mtime_ns - int(age * 1e9)
    os.utime(path, ns=(at, at))


def configured(path):
    return ConfiguredPolicies(load_settings(path, {}))


def test_policies_come_in_their_order_and_people_under_one_id(file):
    current = configured(file).current()
    assert [policy.name for policy in current.policies] == ["first", "second"]
    assert current.policies[0].levels[0].steps[0].ask == ("group:managers", "person:mia", "role:reviewer")
    assert current.policies[1].facts["amount"].path == ("order", "amount")
    assert [level.name for level in current.policies[1].levels] == ["level 1", "level 2"]
    assert current.directory.groups["managers"] == {"mia@example.com", "noah@example.com"}
    assert current.directory.roles["reviewer"] == {"ruth@example.com"}
    assert current.directory.canonical("SLACK:u7") == "mia@example.com"
    assert current.directory.is_asked(Step(("person:mia",)), "mia@example.com")


def test_without_a_file_one_person_on_one_machine_reviews(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    current = configured(None).current()
    (level,) = current.default.levels
    assert (current.policies, current.default.name, level.name) == ((), "local", "reviewer")
    assert level.steps == (Step(("role:reviewer",), within=timedelta(days=7)),)
    assert current.default.initiator_may_approve
    assert current.directory.is_asked(level.steps[0], "local:mia")


def test_with_a_file_the_initiator_may_not_approve(file):
    default = configured(file).current().default
    assert (default.name, default.initiator_may_approve) == ("default", False)
    assert default.levels[0].steps == (Step(("role:reviewer",), within=timedelta(hours=24)),)


def test_nothing_is_read_again_while_the_file_stands_still(file):
    policies = configured(file)
    assert policies.current() is policies.current()


def test_I9_group_membership_is_the_files_as_it_is_now(file):
    policies = configured(file)
    write(file, FILE.replace("MIA, noah@example.com", "olga@example.com"))
    assert policies.current().directory.groups["managers"] == {"olga@example.com"}


def test_I9_who_votes_for_whom_is_the_files_as_it_is_now(file):
    named = '{from: "Slack:u7", to: Zoe@Example.com, since: 2026-11-20T01:00:00+01:00, until: 2026-12-01T00:00:00Z}'
    policies = configured(file)
    assert policies.current().directory.delegations == ()
    write(file, f"{FILE}delegations: [{named}]\n")
    since, until = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    assert policies.current().directory.delegations == (Delegation("mia@example.com", "zoe@example.com", until, since),)
    write(file, FILE)
    assert policies.current().directory.delegations == ()


def test_I9_a_change_that_keeps_size_and_time_is_seen_while_the_file_is_young(file):
    write(file, FILE, age=0)
    stamp = file.stat()
    policies = configured(file)
    file.write_text(FILE.replace("noah", "olga"))
    os.utime(file, ns=(stamp.st_mtime_ns, stamp.st_mtime_ns))
    assert "olga@example.com" in policies.current().directory.groups["managers"]


def test_a_file_put_in_its_place_is_seen(file, tmp_path):
    policies = configured(file)
    other = tmp_path / "new.yaml"
    write(other, FILE.replace("noah", "olga"))
    os.utime(other, ns=(file.stat().st_mtime_ns,) * 2)
    other.replace(file)
    assert "olga@example.com" in policies.current().directory.groups["managers"]


BROKEN = {
    "half of a list": (f"{FILE}  oops: [\n", r"interlock\.yaml:\d+: "),
    "another type": ("groups: {managers: 1}\n", r"interlock\.yaml:1: groups\.managers"),
    "a wrong name": (FILE.replace("amount <", "amuont <"), r"interlock\.yaml:\d+: policies\.second.*did you mean"),
    "nothing": ("", r"interlock\.yaml:1: the file is empty"),
    "a comment": ("# later\n---\n", r"interlock\.yaml:1: the file is empty"),
    "sections of nothing": ("groups:\npolicies:\n", r"interlock\.yaml:1: the file is empty"),
    "a list": ("- groups\n", r"interlock\.yaml:1: "),
    "no text": ("groups: \0", r"interlock\.yaml:1: "),
    "a policy cut off": (FILE[: FILE.index("    levels:")], r"policies\.second\.levels: is missing"),
    "too deep": (f"groups: {'[' * 5000}\n", "interlock"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_while_a_file_cannot_be_used_the_last_good_one_holds_and_says_so(file, kind):
    broken, problem = BROKEN[kind]
    policies = configured(file)
    good = policies.current()
    write(file, broken)
    held = policies.current()
    assert replace(held, held=None) == good
    assert re.search(problem, held.held)
    assert held.held.endswith("Z). The last good configuration holds until this is mended.")
    assert policies.current() is held, "what is broken is not read again while it stands still"
    write(file, FILE.replace("noah", "olga"))
    assert "olga@example.com" in policies.current().directory.groups["managers"]
    assert policies.current().held is None


def test_a_file_that_is_gone_changes_nothing_until_it_is_back(file):
    policies = configured(file)
    good = policies.current()
    file.unlink()
    assert "cannot be read (No such file" in policies.current().held
    assert replace(policies.current(), held=None) == good
    file.mkdir()
    assert "Is a directory" in policies.current().held
    file.rmdir()
    os.mkfifo(file)
    assert "is no plain file" in policies.current().held
    file.unlink()
    write(file, FILE)
    assert policies.current() == good


def test_every_process_says_the_same_of_a_broken_file_and_another_fault_is_another_sentence(file):
    one, other = configured(file), configured(file)
    write(file, "groups: [")
    first = one.current().held
    assert other.current().held == first
    write(file, "groups: 1\n")
    assert one.current().held != first


def test_what_is_good_between_two_faults_holds_in_the_second(file):
    policies = configured(file)
    write(file, "groups: [")
    policies.current()
    write(file, FILE.replace("noah", "olga"))
    policies.current()
    write(file, "groups: [")
    assert "olga@example.com" in policies.current().directory.groups["managers"]


def test_a_file_that_was_empty_at_the_start_may_stay_empty(file):
    write(file, "")
    policies = configured(file)
    write(file, "# nothing yet\n")
    assert policies.current().held is None


@pytest.mark.parametrize("part", range(5))
def test_a_file_that_is_written_bit_by_bit_never_means_what_nobody_wrote(file, part):
    """Whatever a reader sees of it: the last good one holds, or whole lines of it are a file that says less."""
    for length in range(part, len(FILE), 5):
        write(file, FILE)
        policies = configured(file)
        good = policies.current()
        write(file, FILE[:length], age=0)
        now = policies.current()
        assert now.held is not None or FILE[:length].endswith("\n")
        if now.held is not None:
            assert replace(now, held=None) == good


def test_a_file_whose_last_line_has_no_end_is_taken_as_it_is_when_it_stays_so(file):
    policies = configured(file)
    changed = FILE.replace("noah", "olga").rstrip("\n")
    write(file, changed, age=0)
    assert "in the middle of a line" in policies.current().held
    write(file, changed, age=3)
    assert "olga@example.com" in policies.current().directory.groups["managers"]


def test_the_file_is_found_again_from_another_folder(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    policies = configured("interlock.yaml")
    monkeypatch.chdir("/")
    write(file, FILE.replace("noah", "olga"))
    assert "olga@example.com" in policies.current().directory.groups["managers"]


OFFICE_HOURS = """\
groups: {m: [mia]}
calendars:
  office: {timezone: Europe/Berlin, days: [fri, mon], hours: ["13:00-17:00", "09:00-12:00"], holidays: [2026-12-25]}
  always: {timezone: UTC, days: [mon, tue, wed, thu, fri, sat, sun], hours: 00:00-24:00}
policies:
  p: {calendar: office, levels: [{steps: [{ask: [group:m]}, {ask: [group:m], calendar: always}]}]}
  q: {levels: [{steps: [{ask: [group:m], calendar: office}, {ask: [group:m]}]}]}
"""


def test_a_step_has_its_own_calendar_or_its_policys(file):
    write(file, OFFICE_HOURS)
    first, second = configured(file).current().policies
    office = Calendar(
        "office", "Europe/Berlin", ("mon", "fri"), (Span(540, 720), Span(780, 1020)), (date(2026, 12, 25),)
    )
    assert [step.calendar and step.calendar.name for step in first.levels[0].steps] == ["office", "always"]
    assert [step.calendar for step in second.levels[0].steps] == [office, None]


def test_I1_a_changed_calendar_is_another_version_of_the_policy_and_leaves_the_one_that_is_pinned(file):
    write(file, OFFICE_HOURS)
    policies = configured(file)
    before = policies.current().policies[0]
    pinned = encode_policy(before)
    write(file, OFFICE_HOURS.replace("2026-12-25", "2026-12-24"))
    after = policies.current().policies[0]
    assert hash_of(before) != hash_of(after)
    assert decode_policy(pinned) == before
    assert b'"holidays":["2026-12-25"]' in pinned


def test_a_policy_that_cannot_work_is_refused_at_once(file):
    write(file, FILE.replace("group:finance", "group:finanse"))
    with pytest.raises(InvalidPolicy, match="did you mean 'finance'"):
        configured(file)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("[1].all(a, [1].all(b, [1].all(c, [1].all(d, a == d))))", "nests 4 comprehensions, more than the limit of 3"),
        ("agent.matches(action.name)", "with the pattern written there"),
    ],
)
def test_a_condition_that_is_too_much_is_named_with_its_line(file, condition, said):
    write(file, FILE.replace("amount < 10", json.dumps(condition)))
    with pytest.raises(BadInput, match=rf"interlock\.yaml:\d+: .*when.*{said}"):
        configured(file).current()


def test_what_one_call_does_is_decided_by_one_look_and_what_goes_on_after_it_looks_again(file):
    async def run():
        policies, named = configured(file), []

        async def later(gate):
            await gate.wait()
            named.append(policies.current().policies[0].name)

        gate = asyncio.Event()
        with policy_snapshot():
            first = policies.current()
            write(file, FILE.replace("first", "other"))
            assert policies.current() is first
            going_on = asyncio.create_task(later(gate))
            await asyncio.sleep(0)
        assert policies.current().policies[0].name == "other"
        gate.set()
        await going_on
        assert named == ["other"]

    asyncio.run(run())

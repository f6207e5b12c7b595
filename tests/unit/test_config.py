"""interlock.yaml: what is read, and that everything else is refused with file, line, key and what to do."""

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

import interlock
from interlock.config.load import VARIABLES, load_settings
from interlock.config.sections import config_schema
from interlock.config.values import parse_duration
from interlock.engine.configured import ConfiguredPolicies
from interlock.errors import BadInput, InvalidConfig, InvalidPolicy

GOOD = """\
groups:
  managers: [mia@example.com, noah@example.com]
  finance: [pete@example.com]
people:
  mia@example.com: {aliases: [mia, "slack:U7"]}
agents:
  mail: agents/mail.py:build
  buyer: shop.buyer:graph
policies:
  purchases:
    applies_to: action.name == "purchase"
    facts:
      amount: {from: args.amount, type: decimal, min: 0, max: 99.5, digits: 15}
    levels:
      - name: petty cash
        when: amount < 10
        approve: automatically
      - name: two
        steps:
          - ask: [group:managers, person:Olga@Example.com]
            approvals: 2
            within: 1h30m
            on_timeout: expire
          - ask: [anyone with role reviewer]
            where: reviewer.id != initiator.id
    four_eyes: true
    edits: [amount]
    reason_for: [reject]
    answer_expires: 1d
default:
  levels:
    - steps: [{ask: [group:finance]}]
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "interlock.yaml"


def read(file: Path, text: str | bytes):
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    settings = load_settings(file, {})
    ConfiguredPolicies(settings)
    return settings


def test_a_whole_file_is_read(file):
    settings = read(file, GOOD)
    step = settings.policies["purchases"].levels[1].steps[0]
    assert step.within == timedelta(minutes=90)
    assert settings.groups["finance"] == ("pete@example.com",)
    assert settings.agents == {"mail": f"{file.parent}/agents/mail.py:build", "buyer": "shop.buyer:graph"}


def test_settings_are_frozen(file):
    with pytest.raises(ValueError, match="frozen"):
        read(file, GOOD).groups = {}


# ── which file, which database ──


def test_the_argument_comes_before_the_variable_before_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}).origin is None
    for name in ("interlock", "variable", "argument"):
        Path(f"{name}.yaml").write_text(f"groups: {{{name}: []}}")
    variable = {"INTERLOCK_CONFIG": "variable.yaml"}
    assert list(load_settings("argument.yaml", variable).groups) == ["argument"]
    assert list(load_settings(None, variable).groups) == ["variable"]
    assert list(load_settings(None, {"INTERLOCK_CONFIG": ""}).groups) == ["interlock"]


@pytest.mark.parametrize("name", ["missing.yaml", ".", "a\0b"])
def test_a_file_that_was_named_and_cannot_be_read_is_an_error(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for environ, path in (({"INTERLOCK_CONFIG": name}, None), ({}, name)):
        with pytest.raises(InvalidConfig, match="cannot be read"):
            load_settings(path, environ)


def test_without_a_setting_the_database_is_in_the_users_data_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = {"HOME": "/home/mia"}
    assert load_settings(None, home).database_url == "sqlite:////home/mia/.local/share/interlock/interlock.db"
    for ignored in ("", "relative"):
        assert "/home/mia/.local/share/" in load_settings(None, home | {"XDG_DATA_HOME": ignored}).database_url
    there = load_settings(None, home | {"XDG_DATA_HOME": "/data"})
    assert there.database_url == "sqlite:////data/interlock/interlock.db"


DATABASES = {
    "postgresql://mia@db/interlock": "postgresql://mia@db/interlock",
    "sqlite:////var/lib/a.db": "sqlite:////var/lib/a.db",
    "sqlite:///a.db": "sqlite:///{folder}/a.db",
    "sqlite+aiosqlite:///sub/a.db": "sqlite+aiosqlite:///{folder}/sub/a.db",
    "sqlite:///:memory:": "sqlite:///:memory:",
    "sqlite://": "sqlite://",
}


@pytest.mark.parametrize(("given", "expected"), DATABASES.items(), ids=DATABASES)
def test_a_relative_database_is_where_its_setting_stands(file, tmp_path, monkeypatch, given, expected):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    settings = read(file, f"database: {{url: '{given}'}}")
    assert settings.database_url == expected.format(folder=tmp_path)
    override = load_settings(file, {"INTERLOCK_DATABASE_URL": given})
    assert override.database_url == expected.format(folder=elsewhere)


def test_a_password_is_not_shown(file):
    assert "hunter2" not in repr(read(file, "database: {url: 'postgresql://mia:hunter2@db/x'}"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "groups:\npolicies:\n", "\ufeffgroups: {}\n"], ids=repr)
def test_an_empty_file_is_a_file(file, text):
    settings = read(file, text)
    assert settings.origin is not None
    assert settings.groups == {}


# ── durations ──

DURATIONS = {"30s": 30, "15m": 900, "4h": 14_400, "2d": 172_800, "1w": 604_800, "1h30m": 5_400, "1w2d3h4m5s": 788_645}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items(), ids=DURATIONS)
def test_a_duration(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


NO_DURATIONS = ["", "4", "h", "4 h", "4h ", "-4h", "1.5h", "4H", "30m1h", "1h1h", "0s", "\u0664h", "9999999s", "999999w", None, 4, True]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("text", NO_DURATIONS, ids=ascii)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match=r"must be"):
        parse_duration(text)


# ── what is refused ──

P, L, S = "policies.purchases", "policies.purchases.levels[1]", "policies.purchases.levels[1].steps[0]"

CHANGED = [
    # was, becomes, line, key, what it says
    ("approvals: 2", "approvals: 0", 21, f"{S}.approvals", "must be at least 1"),
    ("approvals: 2", "approvals: 101", 21, f"{S}.approvals", "must be at most 100"),
    ("approvals: 2", "approvals: two", 21, f"{S}.approvals", "must be a whole number"),
    ("approvals: 2", "approvals: true", 21, f"{S}.approvals", "must be a whole number"),
    ("approvals: 2", "approvals: 2.0", 21, f"{S}.approvals", "must be a whole number"),
    ("approvals: 2", "approvals: 0x2", 21, f"{S}.approvals", "plain decimal digits"),
    ("approvals: 2", "approvals: 1_0", 21, f"{S}.approvals", "plain decimal digits"),
    ("approvals: 2", "approvals: 010", 21, f"{S}.approvals", "plain decimal digits"),
    ("approvals: 2", "approvals: 1:30", 21, f"{S}.approvals", "plain decimal digits"),
    ("approvals: 2", "approvals: 1e3", 21, f"{S}.approvals", "must be a whole number"),
    ("approvals: 2", "approvals:", 21, f"{S}.approvals", "must be a whole number"),
    ("approvals: 2", "aprovals: 2", 21, f"{S}.aprovals", "did you mean 'approvals'?"),
    ("approvals: 2", "2: 2", 21, S, "has a key '2' that is not text"),
    ("approvals: 2", "? [a]\n            : 2", 21, S, "has a key that is not text"),
    ("within: 1h30m", "within: 90", 22, f"{S}.within", "must be a duration such as 30s"),
    ("within: 1h30m", "within: 4 hours", 22, f"{S}.within", "must be a duration such as 30s"),
    ("within: 1h30m", "within: 99999w", 22, f"{S}.within", "at most ten years"),
    ("on_timeout: expire", "on_timeout: approve", 23, f"{S}.on_timeout", "silence never approves"),
    ("on_timeout: expire", "on_timeout: escalate", 23, f"{S}.on_timeout", "escalates to nobody"),
    ("on_timeout: expire", "remind_after: [2h]", 23, f"{S}.remind_after[0]", "not before the end of `within`"),
    ("on_timeout: expire", "remind_after: [30m, 30m]", 23, f"{S}.remind_after[1]", "not after the one before"),
    ("on_timeout: expire", "escalate: {after: 1h}", 23, f"{S}.escalate.to", "is missing"),
    ("on_timeout: expire", "escalate: {to: [group:finance]}", 23, f"{S}.escalate", "never comes"),
    (
        "on_timeout: expire",
        "escalate: {after: 2h, to: [group:finance]}",
        23,
        f"{S}.escalate.after",
        "not before the end",
    ),
    ("on_timeout: expire", "escalate: {after: 1h, to: [group:nobody]}", 23, f"{S}.escalate.to[0]", "there is no group"),
    (
        "on_timeout: expire",
        "calendar: ofice",
        23,
        f"{S}.calendar",
        "there is no calendar 'ofice': add it under `calendars`",
    ),
    ("four_eyes: true", "step_up: passkey", 26, f"{P}.step_up", "not supported yet by this version"),
    ("four_eyes: true", "delegations: []", 26, f"{P}.delegations", "it stands beside `groups`"),
    ("four_eyes: true", "extend: 1h", 26, f"{P}.extend", "not supported yet by this version"),
    ("four_eyes: true", "four_eyes: yes", 26, f"{P}.four_eyes", "write true or false"),
    ("four_eyes: true", "four_eyes: 1", 26, f"{P}.four_eyes", "must be true or false"),
    ("four_eyes: true", "four_eyes: 'true'", 26, f"{P}.four_eyes", "must be true or false"),
    ("four_eyes: true", "steps: []", 26, f"{P}.steps", "it belongs to a level"),
    ("when: amount < 10", "when: amount <", 16, f"{P}.levels[0].when", "cannot be read as CEL"),
    ("when: amount < 10", "when: amuont < 10", 16, f"{P}.levels[0].when", "did you mean 'amount'?"),
    ("when: amount < 10", "when: recent_9999d.count < 3", 16, f"{P}.levels[0].when", "recent_1h to recent_90d"),
    ("when: amount < 10", "when: recent_24h.sum.total < 3", 16, f"{P}.levels[0].when", "`sum.total` is not declared"),
    ("four_eyes: true", "windows: {by: [args.vendor]}", 26, f"{P}.windows", "no `when` counts over a window"),
    ("four_eyes: true", "windows: {by: [vendor]}", 26, f"{P}.windows.by[0]", "the path of an argument"),
    ("when: amount < 10", "when: ''", 16, f"{P}.levels[0].when", "must not be empty"),
    ("when: amount < 10", "when: true", 16, f"{P}.levels[0].when", "put it in quotes"),
    ("        when: amount < 10\n", "", 15, f"{P}.levels[0]", "has no `when`"),
    ("approve: automatically", "approve: never", 17, f"{P}.levels[0].approve", "must be 'automatically'"),
    ("        approve: automatically\n", "", 15, f"{P}.levels[0]", "has no steps"),
    ("name: petty cash", "name: two", 18, f"{L}.name", "there is a level 'two' already"),
    ("name: petty cash", "name: <b>", 15, f"{P}.levels[0].name", "must be a name of letters"),
    ("- name: two", "- name: two\n        when: amount > 5", 19, f"{L}.when", "takes what is left"),
    ("- name: two", "- name: two\n        approve: automatically", 20, f"{L}.steps", "remove one"),
    ("- name: two", "- name: two\n        ask: []", 19, f"{L}.ask", "it belongs to a step"),
    ("[group:managers, person", "[group:manager, person", 20, f"{S}.ask[0]", "did you mean 'managers'?"),
    ("[group:managers, person", "[managers, person", 20, f"{S}.ask[0]", "must be group:NAME"),
    ("[group:managers, person", "['group:', person", 20, f"{S}.ask[0]", "must be group:NAME"),
    ("[group:managers, person", "[everybody, person", 20, f"{S}.ask[0]", "must be group:NAME"),
    ("[group:managers, person:Olga@Example.com]", "[]", 20, f"{S}.ask", "must have at least 1 entry"),
    ("[group:managers, person:Olga@Example.com]", "group:managers", 20, f"{S}.ask", "must be a list"),
    ("where: reviewer.id", "where: agent", 25, f"{L}.steps[1].where", "`agent` is not declared"),
    ("from: args.amount", "from: amount", 13, f"{P}.facts.amount.from", "such as args.amount"),
    ("from: args.amount", "from: args", 13, f"{P}.facts.amount.from", "such as args.amount"),
    ("from: args.amount, ", "", 13, f"{P}.facts.amount.from", "is missing: add it"),
    ("type: decimal", "type: money", 13, f"{P}.facts.amount.type", "must be 'decimal', 'integer'"),
    ("type: decimal", "type: string", 13, f"{P}.facts.amount.digits", "belongs to a number"),
    ("digits: 15", "digits: 16", 13, f"{P}.facts.amount.digits", "must be at most 15"),
    ("digits: 15", "digits: 0", 13, f"{P}.facts.amount.digits", "must be at least 1"),
    ("min: 0", "min: '0'", 13, f"{P}.facts.amount.min", "must be a number"),
    ("min: 0", "min: .inf", 13, f"{P}.facts.amount.min", "plain decimal digits"),
    ("min: 0", "min: 100", 13, f"{P}.facts.amount.min", "must not be more than max"),
    ("      amount: {", "      agent: {", 13, f"{P}.facts.agent", "choose another"),
    ("      amount: {", "      in: {", 13, f"{P}.facts.in", "choose another"),
    ("      amount: {", "      a-b: {", 13, f"{P}.facts.a-b", "is not a name"),
    ("reason_for: [reject]", "reason_for: [rejct]", 28, f"{P}.reason_for[0]", "must be 'approve', 'edit'"),
    ("applies_to: action", "applies_to: actoin", 11, f"{P}.applies_to", "did you mean 'action'?"),
    ("applies_to: action.name", "applies_to: amount", 11, f"{P}.applies_to", "`amount` is not declared"),
    ("  purchases:", "  default:", 10, "policies.default", "choose another"),
    ("default:", "default:\n  applies_to: 'true'", 31, "default.applies_to", "remove it"),
    ("default:", "defaults:", 30, "defaults", "did you mean 'default'?"),
    ("default:", "groups: {}\ndefault:", 30, "groups", "stands twice (first in line 1)"),
    ("default:", "delegation: {}\ndefault:", 30, "delegation", "did you mean 'delegations'?"),
    ("default:", "delegations: {}\ndefault:", 30, "delegations", "must be a list"),
    *(
        ("default:", f"delegations:\n  - {{{given}}}\ndefault:", 31, f"delegations[0].{key}", says)
        for given, key, says in [
            ("from: mia, to: noah", "until", "is missing: add it"),
            ("from: mia, until: 2026-12-01T00:00:00Z", "to", "is missing: add it"),
            ("from: mia, to: noah, until: 2026-12-01", "until", "must be a moment with its offset"),
            ("from: mia, to: noah, until: 2026-12-01T00:00:00", "until", "must be a moment with its offset"),
            ("from: mia, to: noah, until: 2026-11-31T00:00:00Z", "until", "must be a moment with its offset"),
            ("from: mia, to: noah, until: 0001-01-01T00:00:00+14:00", "until", "must be a moment with its offset"),
            ("from: mia, to: noah, until: 1d", "until", "must be a moment with its offset"),
            ("from: mia, to: noah, until: 20261201", "until", "must be a moment with its offset"),
            ("from: mia, to: noah, whom: x, until: 2026-12-01T00:00:00Z", "whom", "is not known here"),
            ("from: '', to: noah, until: 2026-12-01T00:00:00Z", "from", "must be a person's id"),
            ("from: mia, to: 'agent:mail', until: 2026-12-01T00:00:00Z", "to", "agents never vote"),
            ("from: 'Agent:Mail', to: mia, until: 2026-12-01T00:00:00Z", "from", "agents never vote"),
            ("from: noah, to: ' NOAH', until: 2026-12-01T00:00:00Z", "to", "must be a person's id"),
            ("from: noah, to: NOAH, until: 2026-12-01T00:00:00Z", "to", "is the same person as 'noah'"),
            ("from: 'slack:U7', to: mia@example.com, until: 2026-12-01T00:00:00Z", "to", "is the same person as"),
            (
                "from: mia, to: noah, since: 2026-12-01T01:00:00+01:00, until: 2026-12-01T00:00:00Z",
                "until",
                "is not after `since`",
            ),
        ]
    ),
    ("default:", "limits: {action_bytes: 1}\ndefault:", 30, "limits.action_bytes", "must be at least 1000"),
    (
        "default:",
        "retries: {mail: {backoff: 2m, longest: 1m}}\ndefault:",
        30,
        "retries.mail",
        "no wait is longer than `longest` (60 s), and `backoff`, the first, is 120 s",
    ),
    (
        "default:",
        "retries: {mail: {backoff: 2m}}\ndefault:",
        30,
        "retries.mail",
        "no wait is longer than `longest` (which is not given: 60 s)",
    ),
    ("default:", "database: sqlite://\ndefault:", 30, "database", "must have keys"),
    ("default:", "database: {urll: x}\ndefault:", 30, "database.urll", "did you mean 'url'?"),
    ("  finance: [pete", "  managers: [pete", 3, "groups.managers", "stands twice (first in line 2)"),
    ("  finance: [pete@example.com]", "  finance: [1]", 3, "groups.finance[0]", "put it in quotes"),
    ("  finance: [pete@example.com]", "  finance: [no]", 3, "groups.finance[0]", "put it in quotes"),
    ("  finance: [pete@example.com]", "  finance: ['']", 3, "groups.finance[0]", "must be a person's id"),
    ("  finance: [pete@example.com]", "  finance:", 3, "groups.finance", "must be a list"),
    ("  finance: [pete@example.com]", "  'a:b': []", 3, 'groups."a:b"', "is not a name"),
    ("agents/mail.py:build", "agents/mail.py", 7, "agents.mail", "must be module:attribute"),
    ("agents/mail.py:build", "a:b-c", 7, "agents.mail", "must be module:attribute"),
    (
        "agents:",
        "  noah@example.com: {aliases: [MIA]}\nagents:",
        6,
        'people."noah@example.com".aliases[0]',
        "'MIA' is already 'mia@example.com'",
    ),
    ("agents:", "  MIA@example.com: {}\nagents:", 6, 'people."MIA@example.com"', "is the same person as"),
    ("agents:", "  slack:u7: {}\nagents:", 5, 'people."mia@example.com".aliases[1]', "is already 'slack:u7'"),
    ("{aliases: [mia", "{alias: [mia", 5, 'people."mia@example.com".alias', "did you mean 'aliases'?"),
]


@pytest.mark.parametrize("change", CHANGED, ids=[f"{change[1][:40]!a}" for change in CHANGED])
def test_an_error_names_file_line_key_and_what_to_do(file, change):
    was, becomes, line, key, says = change
    assert was in GOOD
    with pytest.raises((InvalidConfig, InvalidPolicy)) as caught:
        read(file, GOOD.replace(was, becomes, 1))
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"{file}:{line}: {key}: ")
    assert says in first
    assert caught.value.details["line"] == line


CALENDARS = """\
groups: {managers: [mia@example.com]}
calendars:
  office:
    timezone: Europe/Berlin
    days: [mon, tue, wed, thu, fri]
    hours: ["09:00-12:00", "13:00-17:00"]
    holidays: [2026-12-26, 2026-12-25]
  nights: {timezone: UTC, days: [sun], hours: "22:00-24:00"}
policies:
  purchases:
    calendar: office
    levels:
      - steps:
          - ask: [group:managers]
            within: 4h
          - {ask: [group:managers], within: 1h, calendar: nights}
default:
  levels:
    - steps: [{ask: [group:managers]}]
"""

OFFICE = "calendars.office"
WRONG_CALENDARS = [
    ("Europe/Berlin", "Europe/Berln", 4, f"{OFFICE}.timezone", "did you mean 'Europe/Berlin'?"),
    ("Europe/Berlin", "Nowhere", 4, f"{OFFICE}.timezone", "write it as Europe/Berlin or UTC"),
    ("Europe/Berlin", "localtime", 4, f"{OFFICE}.timezone", "there is no time zone 'localtime'"),
    ("Europe/Berlin", "../../etc/passwd", 4, f"{OFFICE}.timezone", "there is no time zone"),
    ("Europe/Berlin", "1", 4, f"{OFFICE}.timezone", "put it in quotes"),
    ("    timezone: Europe/Berlin\n", "", 3, f"{OFFICE}.timezone", "is missing: add it"),
    ("[mon, tue, wed, thu, fri]", "[]", 5, f"{OFFICE}.days", "must have at least 1 entry"),
    ("[mon, tue, wed, thu, fri]", "mon", 5, f"{OFFICE}.days", "must be a list"),
    ("[mon, tue, wed", "[mon, tue, mon", 5, f"{OFFICE}.days[2]", "mon stands twice"),
    ("[mon, tue, wed", "[mon, tuesday, wed", 5, f"{OFFICE}.days[1]", "must be 'mon', 'tue'"),
    ('["09:00-12:00", "13:00-17:00"]', "[]", 6, f"{OFFICE}.hours", "must have at least 1 entry"),
    ('["09:00-12:00", "13:00-17:00"]', "9-17", 6, f"{OFFICE}.hours", "must be hours such as 09:00-17:00"),
    ('["09:00-12:00", "13:00-17:00"]', "17:00-09:00", 6, f"{OFFICE}.hours", "17:00-09:00 ends before it begins"),
    ('["09:00-12:00", "13:00-17:00"]', "09:00-09:00", 6, f"{OFFICE}.hours", "ends before it begins"),
    ('["09:00-12:00", "13:00-17:00"]', "09:00-24:01", 6, f"{OFFICE}.hours", "from 00:00 to 24:00"),
    ('["09:00-12:00", "13:00-17:00"]', "{mon: 9}", 6, f"{OFFICE}.hours", "must be a list"),
    ("13:00-17:00", "25:00-26:00", 6, f"{OFFICE}.hours[1]", "must be hours such as 09:00-17:00"),
    ("13:00-17:00", "11:59-17:00", 6, f"{OFFICE}.hours[1]", "11:59-17:00 overlaps 09:00-12:00"),
    ("13:00-17:00", "08:00-10:00", 6, f"{OFFICE}.hours[1]", "overlaps"),
    ("2026-12-26", "2026-12-25", 7, f"{OFFICE}.holidays[1]", "2026-12-25 stands twice"),
    ("2026-12-26", "2026-02-30", 7, f"{OFFICE}.holidays[0]", "must be a day such as 2026-12-25"),
    ("2026-12-26", "26.12.2026", 7, f"{OFFICE}.holidays[0]", "must be a day such as 2026-12-25"),
    ("  office:\n", "  office:\n    lunch: true\n", 4, f"{OFFICE}.lunch", "is not known here"),
    ("calendar: office", "calendar: Office", 11, "policies.purchases.calendar", "did you mean 'office'?"),
    ("calendar: nights", "calendar: day", 16, "policies.purchases.levels[0].steps[1].calendar", "there is no calendar"),
    ("within: 1h", "within: 52w", 16, "policies.purchases.levels[0].steps[1].within", "does not offer in ten years"),
    (
        "      - steps:\n",
        "      - calendar: office\n        steps:\n",
        13,
        "policies.purchases.levels[0].calendar",
        "belongs to",
    ),
]


@pytest.mark.parametrize("change", WRONG_CALENDARS, ids=[f"{change[1][:40]!a}" for change in WRONG_CALENDARS])
def test_a_calendar_that_cannot_work_is_refused_with_its_place(file, change):
    was, becomes, line, key, says = change
    assert was in CALENDARS
    with pytest.raises((InvalidConfig, InvalidPolicy)) as caught:
        read(file, CALENDARS.replace(was, becomes, 1))
    first = str(caught.value).splitlines()[0]
    assert first.startswith(f"{file}:{line}: {key}: ")
    assert says in first


def test_a_wait_of_a_week_of_open_time_is_not_refused(file):
    assert read(file, CALENDARS.replace("within: 1h", "within: 1w"))


def test_a_calendar_of_holidays_alone_is_refused(file):
    sundays = ", ".join(str(date(2026, 1, 4) + timedelta(weeks=week)) for week in range(53))
    with pytest.raises(InvalidConfig, match=r"nights\.holidays: it is not open for a year from 2026-01-04 on"):
        read(file, CALENDARS.replace("days: [sun],", f"days: [sun], holidays: [{sundays}],"))
    assert read(file, CALENDARS.replace("days: [sun],", f"days: [sun, mon], holidays: [{sundays}],"))


def test_an_error_in_a_policy_is_an_invalid_policy(file):
    with pytest.raises(InvalidPolicy):
        read(file, GOOD.replace("approvals: 2", "approvals: 0"))
    with pytest.raises(InvalidConfig):
        read(file, GOOD.replace("pete@example.com", "''"))


def test_all_problems_are_told_at_once_in_the_order_of_the_lines(file):
    with pytest.raises(InvalidPolicy) as caught:
        read(file, GOOD.replace("four_eyes: true", "four_eyes: 1").replace("approvals: 2", "approvals: 0"))
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["21", "26"]


def test_a_list_is_not_called_empty_because_what_it_holds_cannot_be_read(file):
    step = "{ask: [role:reviewer], approvals: -1}"
    with pytest.raises(InvalidPolicy) as caught:
        read(file, f"policies:\n  p:\n    levels:\n      - steps: [{step}]\n")
    [line] = str(caught.value).splitlines()
    assert line == f"{file}:4: policies.p.levels[0].steps[0].approvals: must be at least 1"


@pytest.mark.parametrize("source", ["1", "'yes'", "1 + 1", "null"])
def test_a_condition_that_is_never_true_nor_false_is_refused(file, source):
    with pytest.raises(InvalidPolicy, match=r"policies.purchases.applies_to: is neither true nor false") as caught:
        read(file, GOOD.replace('applies_to: action.name == "purchase"', f'applies_to: "{source}"'))
    assert caught.value.details["line"] == 11


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)

NOT_YAML = {
    "a bomb": (BOMB, "more than 20,000 values"),
    "a thing in itself": ("groups: &g\n  a: *g\n", "nested deeper|recursive"),
    "too deep": ("[" * 40 + "]" * 40, "nested deeper"),
    "much too deep": ("[" * 5_000, "nested deeper"),
    "too large": ("#" * 300_000, "more than the limit"),
    "no UTF-8": (b"groups:\n  a: [\xff]\n", ":2: the file is not UTF-8"),
    "UTF-16": ("groups: {}".encode("utf-16"), "is not UTF-8"),
    "a control character": ("groups:\n  a: ['\x07']\n", r":2: the file holds the character"),
    "not closed": ("groups: [a\n", "is not YAML"),
    "tabs": ("groups:\n\ta: []\n", ":2: the file is not YAML"),
    "two documents": ("groups: {}\n---\ngroups: {}\n", "is not YAML"),
    "an object of Python": ("groups: !!python/object/apply:os.system [x]\n", "carries the tag"),
    "a tag of its own": ("groups:\n  a: !secret x\n", "groups.a: carries the tag !secret"),
    "a set": ("groups: !!set {a}\n", "carries the tag"),
    "binary": ("groups:\n  a: [!!binary aGk=]\n", "carries the tag"),
    "a merge": ("groups: &g {a: []}\nroles:\n  <<: *g\n", ":3: roles: uses the merge key"),
    "a list": ("- groups\n", "must consist of sections"),
    "a word": ("groups", "must consist of sections"),
    "an anchor that is not there": ("groups: *g\n", "is not YAML"),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("text", "says"), NOT_YAML.values(), ids=NOT_YAML)
def test_what_is_not_plain_yaml_is_refused(file, text, says):
    with pytest.raises(BadInput, match=says) as caught:
        read(file, text)
    assert str(caught.value).startswith(f"{file}:")
    assert len(str(caught.value)) < 1_000


def test_an_alias_may_stand_for_a_list(file):
    assert read(file, "groups: {a: &a [mia], b: *a}").groups["b"] == ("mia",)


def test_a_path_is_written_as_people_write_it(file):
    with pytest.raises(InvalidConfig, match=r'groups\."a b"\[1\]: must be text'):
        read(file, 'groups: {"a b": [mia, 2]}')


def test_a_variable_that_nobody_reads_is_refused_by_its_name():
    meant = "There is no variable INTERLOCK_DATABASE: did you mean 'INTERLOCK_DATABASE_URL'"
    with pytest.raises(InvalidConfig, match=meant):
        load_settings(None, {"INTERLOCK_DATABASE": "sqlite:///other.db"})


def test_every_variable_that_some_part_reads_is_known():
    source = Path(interlock.__file__).parent
    read = {name for path in source.rglob("*.py") for name in re.findall(r"INTERLOCK_[A-Z_]+[A-Z]", path.read_text())}
    assert read - {"INTERLOCK_VARIABLE"} == VARIABLES


# ── the published schema ──


def test_the_published_schema_is_current():
    published = Path(__file__).parents[2] / "docs" / "interlock.schema.json"
    wanted = json.dumps(config_schema(), indent=2) + "\n"
    assert json.loads(published.read_text()) == json.loads(wanted), "write `wanted` to docs/interlock.schema.json"
    assert published.read_text() == wanted


def test_the_schema_accepts_what_is_read_and_refuses_unknown_keys():
    import jsonschema_rs  # noqa: PLC0415
    import yaml  # noqa: PLC0415

    validator = jsonschema_rs.validator_for(config_schema())
    good = yaml.safe_load(GOOD)
    assert [str(error) for error in validator.iter_errors(good)] == []
    assert not validator.is_valid(good | {"groops": {}})
    office = {"timezone": "Europe/Berlin", "days": ["mon"], "hours": "09:00-17:00", "holidays": ["2026-12-25"]}
    lunch = {**office, "hours": ["09:00-12:00", "13:00-24:00"]}
    assert validator.is_valid(good | {"calendars": {"office": office, "lunch": lunch}})
    for wrong in ({**office, "hours": "9-5"}, {**office, "hours": []}, {**office, "days": ["monday"]}, {"days": []}):
        assert not validator.is_valid(good | {"calendars": {"office": wrong}})
    assert not validator.is_valid(yaml.safe_load(GOOD.replace("within: 1h30m", "within: 4 hours")))
    assert not validator.is_valid(yaml.safe_load(GOOD.replace("group:managers, ", "managers, ")))

"""The commands without a terminal, in this process: what scripts rely on."""

import json
import sqlite3

import pytest

from interlock.bootstrap import local_person
from interlock.cli.tables import table
from interlock.domain.action import Action, Question
from interlock.errors import BadInput, InvalidAnswer
from interlock.service.arguments import changed_arguments
from interlock.service.typed import read_answer
from interlock.terminal.editing import readable_json


def test_without_a_terminal_a_vote_names_what_was_seen_or_says_that_it_was_not(command):
    _, request = command.paused()
    shown = command.json("requests", "show", request)
    refused = command.run("approve", request)
    assert refused.returncode == 2
    assert "Without a terminal, say what you have seen: --digest sha256:" in refused.stderr
    short = command.run("approve", request, "--digest", "sha256:abc")
    assert short.returncode == 2
    wrong = command.run("approve", request, "--digest", "sha256:" + "0" * 64)
    assert wrong.returncode == 3
    assert "has changed since it was shown" in wrong.stderr
    assert command.sink == []
    right = command.run("approve", request, "--digest", shown["digest"][: len("sha256:") + 12])
    assert right.returncode == 0, right
    assert command.sink == ["5 shop pay for a book"]
    codes = [entry["event"].get("code") for entry in command.json("requests", "show", request)["history"]]
    assert "wrong_digest" in codes


def test_i3_a_vote_by_yes_is_logged_as_unseen_and_a_second_one_is_refused(command):
    _, request = command.paused()
    assert command.run("approve", request, "--yes").returncode == 0
    votes = [
        e["event"] for e in command.json("requests", "show", request)["history"] if e["event"]["type"] == "vote_cast"
    ]
    assert [vote["unseen"] for vote in votes] == [True]
    late = command.run("reject", request, "--yes", "-m", "late")
    assert late.returncode == 3
    assert "is already approved by local:" in late.stderr
    assert len(command.sink) == 1


def test_edits_keep_types_and_make_nothing_up(command):
    _, request = command.paused()
    assert "no argument 'amuont'" in command.run("edit", request, "--set", "amuont=7", "--yes").stderr
    seven = command.run("edit", request, "--set", "amount=seven", "--yes").stderr
    assert seven == '--set amount: write a number, such as 42, in place of "seven".\n'
    half = command.run("edit", request, "--set", "amount=[1", "--yes").stderr
    assert half.endswith('in place of "[1": it cannot be read: it ends too early, at character 3.\n')
    json_meant = command.run("edit", request, "--set", "amount:=x", "--yes").stderr
    assert json_meant.startswith("--set amount cannot be read as JSON: ")
    done = command.run("edit", request, "--set", "amount=7", "--set", "note=5", "--yes", "-m", "cheaper")
    assert done.returncode == 0, done
    stands = command.json("requests", "show", request)["stands"]
    assert stands["args"] == {"amount": 7, "to": "shop", "note": "5"}
    assert command.sink == ["7 shop 5"]


def test_answers_and_feedback_from_scripts(command):
    _, question = command.paused("questions")
    assert "does not fit" in command.run("answer", question, "Swiss", "--yes").stderr
    done = command.json("answer", question, "2", "--yes")
    assert done["request"]["answer"] == "KLM"
    seats = command.json("requests", "list")["requests"][0]["id"]
    assert command.json("answer", seats, "--answer-json", "-", "--yes", given="2")["run"]["output"]["result"] == "KLM 2"
    _, draft = command.paused("drafts")
    assert command.run("revise", draft, "-m", "more", "--yes").returncode == 0
    draft = command.json("requests", "list")["requests"][0]["id"]
    assert command.json("approve", draft, "--yes")["run"]["output"]["result"] == "Report, with more"


def test_as_is_refused_outside_of_a_demo_and_logged_within_one(command):
    _, request = command.paused()
    refused = command.run("approve", request, "--yes", "--as", "mia")
    assert refused.returncode == 3
    assert "--as is for demo databases only" in refused.stderr
    done = command.run("demo", given="quit\n")
    assert done.returncode == 7, done
    config = str(command.folder / "demo" / "interlock.yaml")
    command.patch.delenv("INTERLOCK_DATABASE_URL")
    [asked] = command.json("-c", config, "requests", "list")["requests"]
    voted = command.run("-c", config, "approve", asked["id"], "--yes", "--as", "local:mia", "--no-advance")
    assert voted.returncode == 0, voted
    assert "Acting as local:mia" in voted.stdout
    entries = [json.loads(line) for line in command.run("-c", config, "log", "show", "--json").stdout.splitlines()]
    assert any(e["by"] == "local:mia" and e["via"].startswith("terminal as local:mia by local:") for e in entries)
    shown = command.run("-c", config, "requests", "show", asked["id"]).stdout
    assert f"[local:mia, in a terminal of {local_person()}]" in " ".join(shown.split())


def test_the_commands_that_the_demo_names_look_into_the_demos_database_whatever_the_environment_says(command):
    _, elsewhere = command.paused()  # in the one that INTERLOCK_DATABASE_URL names
    command.run("demo", given="quit\n")
    assert [it["id"] for it in command.json("requests", "list")["requests"]] == [elsewhere]
    [asked] = command.json("-c", "demo/interlock.yaml", "requests", "list")["requests"]
    assert command.run("-c", "demo/interlock.yaml", "approve", asked["id"], "--yes").returncode == 0
    refused = command.run("-c", "demo/interlock.yaml", "--database", "sqlite:///other.db", "requests", "list")
    assert refused.returncode == 2
    assert "--database cannot be used with this configuration" in refused.stderr


def test_doctor_names_a_file_that_is_missing(command):
    (command.folder / "interlock.yaml").write_text("agents: {a: nope.py:x}\n")
    done = command.run("doctor")
    assert done.returncode == 8
    assert f"✗ agent a: There is no file {command.folder / 'nope.py'}" in done.stdout.replace("\n    ", " ")


def test_unknown_effects_are_listed_and_settled(command):
    run, request = command.paused("failing")
    assert command.run("approve", request, "--yes").returncode == 0
    assert command.json("runs", "show", run)["attention"] == "effect_unknown"
    assert command.run("doctor").returncode == 8
    [unknown] = command.json("effects", "list")["effects"]
    assert unknown["effect"]["state"] == "unknown"
    assert command.run("effects", "settle", request).returncode == 2
    done = command.json("effects", "settle", request, "--happened", "--result-json", "-", given='{"paid": 5}')
    assert done["run"]["status"] == "done"
    assert done["run"]["output"]["result"] == {"paid": 5}
    assert command.run("doctor", "--fold").returncode == 0


def test_json_shapes(command):
    done = command.run("run", command.agent("payer"), "a\u202e book", "--json", given="yes\n")
    assert done.stdout.isascii()
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "started"
    assert {"progress", "request", "log"} < set(kinds)
    assert kinds[-1] == "ended"
    assert events[-1]["run"]["output"]["result"] == {"paid": 5}
    run, request = events[0]["run"]["id"], events[-1]["run"]["requests"][0]["id"]
    assert command.json("runs", "list")["runs"][0]["id"] == run
    assert command.json("runs", "show", run)["requests"][0]["id"] == request
    assert command.json("requests", "list", "--all", "--run", run)["requests"][0]["id"] == request
    assert command.json("requests", "list", "--status", "rejected") == {"requests": [], "more": False}
    assert command.json("agents", "list")["agents"][0]["name"] == "approval"
    assert command.json("policy", "check") == {
        "policies": 1,
        "findings": [],
        "business_hours": [],
        "held": None,
    }
    assert "Policy local" in command.json("policy", "explain", request)["explanation"]
    assert command.json("doctor")["well"] is True
    assert command.json("work", "--once") == {"event": "drained", "advances": 0}
    entries = [json.loads(line) for line in command.run("log", "show", "--run", run, "--json").stdout.splitlines()]
    assert entries[0]["stream"] == run
    assert request in {entry["stream"] for entry in entries}
    tail = command.run("log", "show", "--after", entries[-2]["position"], "--limit", "1", "--json").stdout
    assert json.loads(tail) == entries[-1]


def test_runs_are_cancelled_and_retried(command):
    run, request = command.paused()
    assert command.run("runs", "retry", run).returncode == 3
    assert command.run("runs", "cancel", run, "-m", "not needed").returncode == 0
    assert command.json("runs", "show", run)["status"] == "cancelled"
    assert command.json("requests", "show", request)["status"] == "withdrawn"
    assert command.run("approve", request, "--yes").returncode == 3


def test_who_started_a_run_withdraws_what_it_asks_and_it_goes_on_here(command):
    _, request = command.paused()
    assert command.run("requests", "withdraw", request).returncode == 2, "without a reason"
    assert command.run("requests", "withdraw", request, "-m", " ").returncode == 3
    done = command.json("requests", "withdraw", request, "-m", "it is paid already")
    assert (done["request"]["status"], done["request"]["comment"], done["advanced"]) == (
        "withdrawn",
        "it is paid already",
        True,
    )
    assert done["request"]["decided_by"] == [done["request"]["initiator"]]
    assert done["run"]["status"] not in {"paused", "queued", "running"}
    assert command.run("approve", request, "--yes").returncode == 3
    assert command.run("doctor", "--fold").returncode == 0
    assert "it is paid already" in command.run("requests", "show", request).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["frobnicate"], 2, "No such command"),
        (["run"], 2, "Missing argument"),
        (["run", "approval"], 2, "Give the input once"),
        (["run", "nobody", "x"], 2, "There is no agent 'nobody'"),
        (["run", "./nothing.py:agent", "x"], 2, "There is no file"),
        (["run", "os:path", "x"], 2, "not an agent"),
        (["run", "no.such.module:agent", "x"], 2, "cannot be loaded"),
        (["run", "approval", "--input-json", "nothing.json"], 2, "cannot be read"),
        (["run", "approval", "--input-json", "-"], 2, "The standard input cannot be read as JSON: it ends too early"),
        (["run", "approval", "--input-json", "list.json"], 2, "takes a JSON object as its input"),
        (["--database", "", "requests", "list"], 2, "--database is empty"),
        (["requests", "show", "req_nothing"], 4, "There is no request"),
        (["requests", "list", "--status", "pending"], 2, "'pending' is not one of"),
        (["approve", "nothing", "--yes"], 4, "There is no request"),
        (["approve", "nothing", "--frob"], 2, "No such option"),
        (["edit", "nothing", "--set", "a=1", "--args-json", "-"], 2, "not both"),
        (["answer", "nothing"], 4, "There is no request"),
        (["runs", "show", "run_nothing"], 4, "There is no run"),
        (["runs", "cancel", ""], 4, "There is no run"),
        (["effects", "settle", "x", "--happened", "--retry"], 2, "with one of"),
        (["policy", "explain", "./nothing.yaml"], 2, "cannot be read"),
        (["log", "show", "--after", "yesterday"], 2, "not a position"),
        (["-c", "nothing.yaml", "runs", "list"], 2, "cannot be read"),
        (["--database", "mysql://x", "runs", "list"], 2, "There is no database of the kind"),
        (["--database", "/dev/null/x.db", "work", "--once"], 6, "is not a file"),
        (["--database", "mistyped.db", "requests", "list"], 2, "There is no database at"),
    ],
)
def test_bad_input_is_told_in_a_sentence(command, arguments, code, words):
    (command.folder / "list.json").write_text("[1, 2]")
    command.run("work", "--once")  # makes the database
    done = command.run(*arguments)
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode == code
    as_json = command.run(*arguments, "--json")
    assert as_json.returncode == code
    assert set(json.loads(as_json.stdout)["error"]) == {"code", "message", "details"}


def test_looking_for_requests_makes_no_database(command):
    assert command.run("requests", "list").returncode == 2
    assert not (command.folder / "test.db").exists()


def test_what_reads_no_requests_makes_no_database(command):
    assert command.run("agents", "list").returncode == 0
    assert command.run("policy", "check").returncode == 0
    assert not (command.folder / "test.db").exists()


def test_a_bad_configuration_is_told_with_its_line(command):
    (command.folder / "interlock.yaml").write_text("groups:\n  finance: [mia]\ndefault:\n  levels: nothing\n")
    done = command.run("runs", "list")
    assert done.returncode == 2
    assert "interlock.yaml:4: default.levels" in done.stderr


def test_something_else_in_place_of_the_database_is_told(command):
    (command.folder / "test.db").write_text("this is no database " * 100)
    done = command.run("runs", "list")
    assert done.returncode == 6
    assert "is not a SQLite database" in done.stderr
    assert "Traceback" not in done.stderr
    examined = command.json("doctor")
    assert examined["well"] is False
    assert examined["findings"][0]["what"] == "database"


def test_a_newer_database_is_left_alone(command):
    command.run("work", "--once")
    with sqlite3.connect(command.folder / "test.db") as database:
        database.execute("UPDATE schema_version SET version_num = '9999'")
    database.close()
    done = command.run("runs", "list")
    assert done.returncode == 6
    assert "newer version" in done.stderr


def test_an_ambiguous_prefix_lists_what_it_may_be(command):
    _, one = command.paused()
    assert "too short" in command.run("approve", "req_", "--yes").stderr
    _, two = command.paused()
    done = command.run("requests", "show", "req_")
    assert done.returncode == 2
    assert one in done.stderr
    assert two in done.stderr


def test_a_policy_file_is_explained_and_checked(command):
    (command.folder / "interlock.yaml").write_text(
        "groups:\n  finance: []\n"
        "default:\n  levels:\n    - name: finance\n      steps:\n        - ask: [group:finance]\n"
    )
    checked = command.run("policy", "check")
    assert checked.returncode == 2
    assert "nobody can vote" in checked.stdout
    (command.folder / "try.yaml").write_text("name: pay\nargs: {amount: 5}\n")
    assert 'level "finance"' in command.run("policy", "explain", "try.yaml").stdout
    (command.folder / "try.yaml").write_text("nome: pay\n")
    assert command.run("policy", "explain", "try.yaml").returncode == 2


def test_rows_stand_in_columns_where_there_is_room_and_below_each_other_where_not():
    wide = table(("ID", "WHAT"), [("req_1", "pay"), ("req_2", "send 日本")], 80)
    assert [line.text for line in wide] == ["ID     WHAT", "req_1  pay", "req_2  send 日本"]
    narrow = table(("ID", "STATUS", "WHAT"), [("req_1", "open", "pay")], 14)
    assert [line.indent + line.text for line in narrow] == ["ID     STATUS", "req_1  open", "  pay"]
    narrowest = table(("ID", "STATUS", "WHAT"), [("req_1", "open", "pay")], 5)
    assert [line.indent + line.text for line in narrowest] == ["req_1", "  status: open  what: pay"]


def test_a_number_that_is_also_an_option_is_asked_again():
    question = Question("How many?", options=["2", "1", "three"])
    assert read_answer(question, "3") == "three"
    assert read_answer(question, '"1"') == "1"
    assert read_answer(question, "THREE") == "three"
    with pytest.raises(InvalidAnswer):
        read_answer(question, "1")
    assert read_answer(Question("Name?"), "Mia") == "Mia"
    assert read_answer(Question("Any?"), "[1, 2]") == [1, 2]
    assert read_answer(Question("Text?", schema={"type": "string"}), "42") == "42"


ANYTHING = Question("Any?")
SOMETHING = Question("Which?", schema={"anyOf": [{"type": "object"}, {"type": "number"}, {"type": "string"}]})
OBJECT = Question("Who?", schema={"type": "object"})
NO_JSON = (
    '{"a":1,"a":2}',
    ' {"a":1,"a":2}',
    "\ufeff[1,]",
    '{"a": NaN}',
    "[1e999]",
    "[9007199254740993]",
    '["\\ud800"]',
    '"open',
)


@pytest.mark.parametrize("question", [ANYTHING, SOMETHING, OBJECT], ids=lambda question: question.text)
@pytest.mark.parametrize("text", NO_JSON)
def test_text_that_begins_as_json_and_is_none_is_refused(question, text):
    with pytest.raises(InvalidAnswer) as refused:
        read_answer(question, text)
    assert str(refused.value).startswith(("The answer cannot be read: ", "The answer is "))
    if question is not OBJECT:
        hint = str(refused.value).partition("If it is meant as text: ")[2]
        assert read_answer(question, hint) == text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9007199254740993"])
def test_a_number_that_json_does_not_carry_is_refused_where_a_number_may_be_wanted(number):
    for question in (SOMETHING, Question("How many?", schema={"type": ["number", "null"]})):
        with pytest.raises(InvalidAnswer):
            read_answer(question, number)
    assert read_answer(ANYTHING, number) == number


def test_text_is_text_where_text_is_wanted():
    text = Question("Text?", schema={"type": "string"})
    maybe = Question("Text?", schema={"type": ["string", "null"]})
    for given in ('{"a":1,"a":2}', "[sic] yes", "NaN", '"open'):
        assert read_answer(text, given) == given
        assert read_answer(Action("pay", {}), given) == given
    for given in ("Mia", "007", "1.2.3", "nan", "+49 30 1"):
        assert read_answer(maybe, given) == given
        assert read_answer(Question("Which?", schema={"enum": ["007", 1]}), given) == given
    assert read_answer(maybe, "null") is None


def test_what_is_said_on_a_command_line_is_refused_with_the_reason(command):
    run, airline = command.paused("questions")
    command.run("answer", airline, "KLM", "--yes")
    request = next(one["id"] for one in command.json("runs", "show", run)["requests"] if one["status"] == "open")
    for given, reason in (('{"a":1,"a":2}', "it must be a whole number"), ("[1,]", "it must be a whole number")):
        done = command.run("answer", request, given, "--yes")
        assert done.returncode == 2, done
        assert reason in done.stderr
    _, request = command.paused("payer")
    for change in ('amount={"a":1,"a":2}', 'amount:={"a":1,"a":2}'):
        done = command.run("edit", request, "--set", change, "--yes")
        assert done.returncode == 2, done
        assert 'the name "a" stands twice' in done.stderr
    for option, where in (("--args-json", "edit"), ("--answer-json", "answer")):
        done = command.run(where, request, option, "-", "--yes", given='{"a":1,"a":2}')
        assert 'the name "a" stands twice' in done.stderr
    done = command.run("effects", "settle", request, "--happened", "--result-json", "-", given='{"a":1,"a":2}')
    assert 'the name "a" stands twice' in done.stderr
    done = command.run("run", command.agent("payer"), "--input-json", "-", given='{"a":1,"a":2}')
    assert 'the name "a" stands twice' in done.stderr


def test_what_could_deceive_an_editor_is_escaped_in_its_file():
    text = readable_json({"a\u202e": "x\U000e0041\u200b é 日本\n"})
    assert '"a\\u202e"' in text
    assert "\\udb40\\udc41\\u200b é 日本\\n" in text
    assert json.loads(text) == {"a\u202e": "x\U000e0041\u200b é 日本\n"}


def test_what_there_is_to_change_is_said_with_the_place_that_was_meant():
    args = {"lines": [{"price": 1}, {"price": 2}], "a.b": 3, "ref": None}
    assert changed_arguments(args, ["lines.1.price=5", "a.b=4", "ref=nothing"])["lines"][1] == {"price": 5}
    said = {
        "lines.9.x=1": "There is no argument 'lines.9.x' to change; lines has the entries 0 to 1, counted from 0.",
        "lines.0.vat=1": "There is no argument 'lines.0.vat' to change; lines.0 has price.",
        "ref.x=1": "There is no argument 'ref.x' to change.",
        "nope=1": "There is no argument 'nope' to change; there is lines, a.b, ref.",
        "lines=maybe": '--set lines: write a list, such as ["a", "b"], in place of "maybe".',
    }
    for change, sentence in said.items():
        with pytest.raises(BadInput) as refused:
            changed_arguments(args, [change])
        assert refused.value.message == sentence

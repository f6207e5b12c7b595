"""The tutorial's API, as the specification's own tests use it, and what it refuses."""

import asyncio
import mailbox
import subprocess
import sys
from datetime import timedelta

import pytest

from interlock.errors import (
    BadInput,
    Closed,
    InterlockError,
    InvalidAnswer,
    InvalidValue,
    NotFound,
    TooLate,
    WrongDigest,
)
from interlock.testing.invariants import assert_invariants
from interlock.tutorial import create_approval_agent

config = {"configurable": {"thread_id": "test"}}


@pytest.fixture(autouse=True)
def box(tmp_path, monkeypatch):
    monkeypatch.setenv("INTERLOCK_MAILDIR", str(tmp_path / "mail"))
    return tmp_path / "mail"


@pytest.fixture
def app(clock):
    with create_approval_agent(timeout=5, clock=clock) as made:
        yield made
        asyncio.run(assert_invariants(made._client._client.system.store, "default"))


def mails(box):
    return [mail["subject"] for mail in mailbox.Maildir(box, create=True)]


def record(app):
    [request_id] = app.get_state(config).request_ids
    return app._client.request(request_id).request


def test_S5_the_specifications_unit_test():
    app = create_approval_agent()
    state = {"input": "test task", "approved": None}

    events = list(app.stream(state, config))
    assert len(events) > 0

    current = app.get_state(config)
    assert current.values["plan"] is not None

    app.update_state(config, {"approved": True})

    list(app.stream(None, config))
    final_state = app.get_state(config)

    assert final_state.values["result"] is not None


def test_S5_what_the_specification_writes_is_governed(app, box):
    *said, asked = app.stream({"input": "Send email to team about meeting", "plan": "", "result": ""}, config)
    assert said[0] == {"progress": '[AGENT] Generating plan for: "Send email to team about meeting"'}
    [request] = asked["__interrupt__"]
    assert (request["action"], request["args"]["to"]) == ("send_email", ["team@company.com"])
    paused = app.get_state(config)
    assert paused.values["approved"] is None
    assert paused.next == ("approval",)
    assert paused.request_ids == (request["request_id"],)

    assert app.update_state(config, {"approved": True}) == config
    assert app.get_state(config).values["approved"] is True
    assert mails(box) == [], "approved, and not yet carried on"

    *_, end = app.stream(None, config)
    assert end["values"]["result"].startswith("Sent to team@company.com")
    assert app.get_state(config).next == ()
    assert len(mails(box)) == 1
    assert record(app).decided_by == (app._client.principal.id,)
    assert list(app.stream(None, config)) == []


def test_S5_it_runs_to_the_pause_where_nobody_iterates(app):
    app.stream({"input": "test"}, config)
    assert app.get_state(config).values["plan"]["subject"]


def test_S5_only_a_vote_answers_an_open_request(app, box):
    app.stream({"input": "test"}, config)
    [event] = app.stream(None, config)
    assert "__interrupt__" in event
    assert app.get_state(config).values["approved"] is None
    assert mails(box) == []


def test_S5_a_rejection_ends_it_and_one_with_a_reason_is_planned_again(app, box):
    app.stream({"input": "test"}, config)
    app.update_state(config, {"approved": False}, comment="subject: Better")
    assert app.get_state(config).values["approved"] is False
    *_, asked = app.stream(None, config)
    assert asked["__interrupt__"][0]["args"]["subject"] == "Better"
    app.update_state(config, {"approved": False})
    *_, end = app.stream(None, config)
    assert end["values"]["outcome"] == "rejected"
    assert app.get_state(config).values["approved"] is False
    assert mails(box) == []


def test_S5_other_changed_values_are_an_edit_and_what_is_edited_is_sent(app, box):
    app.stream({"input": "test"}, config)
    values = app.get_state(config).values
    app.update_state(config, {**values, "plan": {**values["plan"], "subject": "Modified"}, "approved": True})
    assert app.get_state(config).values["plan"]["subject"] == "Modified"
    app.stream(None, config)
    assert mails(box) == ["Modified"]
    assert app.get_state(config).values["plan"]["subject"] == "Modified"
    assert record(app).edition.author == app._client.principal.id


def test_S6_silence_rejects_and_the_record_says_expired(app, clock, box):
    app.stream({"input": "test"}, config)
    clock.advance(seconds=4)
    assert app.get_state(config).values["approved"] is None
    clock.advance(seconds=2)
    final_state = app.get_state(config)
    assert final_state.values["approved"] == False  # noqa: E712 - as the specification writes it
    assert final_state.values["outcome"] == "expired"
    assert final_state.values["result"] == "Not sent: nobody decided in time."
    assert record(app).status == "expired"
    assert record(app).decided_by == ()
    assert mails(box) == []


def test_S6_a_vote_after_the_deadline_has_no_effect(app, clock):
    app.stream({"input": "test"}, config)
    clock.advance(seconds=5)
    with pytest.raises(TooLate):
        app.update_state(config, {"approved": True})
    assert app.get_state(config).values["approved"] is False
    with pytest.raises(Closed, match="asks nothing"):
        app.update_state(config, {"approved": True})


def test_a_thread_that_has_ended_may_begin_anew_and_threads_are_apart(app):
    other = {"configurable": {"thread_id": "other"}}
    app.stream({"input": "test"}, config)
    with pytest.raises(Closed, match="update_state"):
        app.stream({"input": "again"}, config)
    app.update_state(config, {"approved": False})
    with pytest.raises(Closed, match="is rejected already"):
        app.update_state(config, {"approved": True})
    app.stream(None, config)
    first = app.get_state(config).run_id
    app.stream({"input": "again"}, config)
    app.stream({"input": "other"}, other)
    assert len({first, app.get_state(config).run_id, app.get_state(other).run_id}) == 3
    assert app.get_state(config).values["input"] == "again"


def test_a_vote_is_on_what_was_shown(tmp_path):
    file = tmp_path / "app.db"
    with create_approval_agent(database=file) as mine, create_approval_agent(database=file) as other:
        mine.stream({"input": "test"}, config)
        mine._shown = dict.fromkeys(mine._shown, "sha256:" + "0" * 64)
        with pytest.raises(WrongDigest):
            mine.update_state(config, {"approved": True})
        other.update_state(config, {"approved": True})
        assert mine.get_state(config).values["approved"] is True


def test_S4_the_process_may_end_at_the_pause_and_another_goes_on(tmp_path, box):
    file = tmp_path / "app.db"
    begin = f"""
from interlock.tutorial import create_approval_agent
import os
app = create_approval_agent(database={str(file)!r})
app.stream({{"input": "Send email to team about meeting"}}, {config!r})
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", begin], check=False, timeout=300).returncode == -9
    with create_approval_agent(database=file) as app:
        app.update_state(config, {"approved": True})
        app.stream(None, config)
        assert app.get_state(config).values["approved"] is True
    assert len(mails(box)) == 1


async def test_it_works_where_an_event_loop_is_running(app):
    app.stream({"input": "test"}, config)
    with pytest.raises(BadInput, match="what you decide"):
        app.update_state(config, {})
    assert app.get_state(config).values["plan"]


def test_a_thread_whose_name_is_no_text_is_refused(app):
    with pytest.raises(InvalidValue, match=r"thread_id.*lone surrogate"):
        app.stream({"input": "x"}, {"configurable": {"thread_id": "\ud800"}})


@pytest.mark.parametrize("wrong", [None, {}, {"configurable": {}}, {"configurable": {"thread_id": 1}}])
def test_a_config_without_a_thread_is_refused(app, wrong):
    with pytest.raises(BadInput, match="thread_id"):
        app.stream({"input": "test"}, wrong)


@pytest.mark.parametrize("timeout", [0, -1, True, "5", float("nan"), float("inf"), timedelta(days=9999)])
def test_a_timeout_that_is_none_is_refused(timeout):
    with pytest.raises(BadInput, match="timeout is"):
        create_approval_agent(timeout=timeout)


def test_what_was_never_started_is_not_there(app):
    for call in (app.get_state, lambda c: app.stream(None, c), lambda c: app.update_state(c, {"approved": True})):
        with pytest.raises(NotFound, match=r"no thread 'test' here: app\.stream"):
            call(config)
    with pytest.raises(BadInput, match="a dict such as"):
        app.stream("test", config)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ("yes", "a dict such as"),
        ({"approved": "yes"}, "what you decide"),
        ({"approved": None}, "what you decide"),
        ({"plan": {"subject": "x"}}, "approved in the same step"),
        ({"approved": False, "plan": {"subject": "x"}}, "not both"),
        ({"approved": True, "plan": "just do it"}, "is a dict with body, subject, to"),
        ({"approved": True, "result": "done"}, "result cannot be changed"),
    ],
)
def test_values_that_say_no_verdict_change_nothing(app, values, why):
    app.stream({"input": "test"}, config)
    with pytest.raises(BadInput, match=why):
        app.update_state(config, values)
    assert app.get_state(config).values["approved"] is None


def test_an_edit_that_does_not_fit_is_refused(app):
    app.stream({"input": "test"}, config)
    with pytest.raises(InvalidAnswer):
        app.update_state(config, {"approved": True, "plan": {"to": ["nobody"]}})
    assert app.get_state(config).values["approved"] is None


def test_an_agent_that_cannot_plan_says_so(app):
    with pytest.raises(InterlockError, match="say what is wanted"):
        app.stream({"input": ""}, config)

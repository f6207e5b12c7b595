"""The JSON of requests, runs, entries and errors is what its schema says: no key more, none less."""

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict, get_args

import jsonschema_rs
import pytest
from langgraph.graph import START, StateGraph

from interlock import Action, Draft, Question, ask, connect_blocking
from interlock.domain.action import Kind, Verdict
from interlock.domain.authority import Delegation
from interlock.domain.credentials import Credential, Scope
from interlock.domain.directory import Account, AccountStatus
from interlock.domain.outcome_words import what_became
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.domain.statistics import Dimension, Ended, Every, Figures, Span
from interlock.engine.ports.log_subscriber import Notice
from interlock.errors import Closed, RecordAltered
from interlock.service.bundles import Bundle, Bundles
from interlock.service.error_table import error_shape
from interlock.service.from_shapes import count_of, credential_of, entry_of, listed_of, run_view_of, view_of
from interlock.service.inbox import Which
from interlock.service.pages import Count
from interlock.service.people import ListedDelegation
from interlock.service.people_shapes import account_shape, delegation_shape
from interlock.service.shapes import (
    bundles_shape,
    count_shape,
    credential_shape,
    entry_shape,
    listed_shape,
    notice_shape,
    request_shape,
    run_shape,
    run_view_shape,
    schema,
    session_shape,
    view_shape,
)
from interlock.service.statistics import Report, statistics_shape


class State(TypedDict, total=False):
    input: str
    result: object


def send(to: str, text: str) -> str:
    return f"sent {text} to {to}"


def acts(state):
    decision = ask(
        Action("send", {"to": "ann", "text": state["input"]}), context={"why": "asked"}, reference="order 17"
    )
    return {"result": decision.perform(send) if decision.approved else decision.comment}


def questions(state):
    return {"result": ask(Question("Which airline?", options=["Lufthansa", "KLM"])).answer}


def drafts(state):
    return {"result": ask(Draft({"text": state["input"]}, title="Report")).outcome}


AGENTS = {one.__name__: StateGraph(State).add_node("n", one).add_edge(START, "n") for one in (acts, questions, drafts)}


def strict(value):
    """Return a schema in which an object that names all its keys has no other one."""
    if isinstance(value, list):
        return [strict(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = value.get("properties")
    inside = {key: strict(one) for key, one in value.items()}
    return inside | ({"additionalProperties": False} if named and set(named) == set(value.get("required", ())) else {})


ALL = schema()
EXACT = strict(copy.deepcopy(ALL))
for written in ("entry", "notice"):
    EXACT["$defs"][written]["properties"]["event"].pop("additionalProperties")  # whatever happened


def check(value, name):
    document = {**EXACT, "$ref": f"#/$defs/{name}"}
    jsonschema_rs.validator_for(document, validate_formats=True).validate(json.loads(json.dumps(value)))


@pytest.fixture(scope="module")
def me():
    with connect_blocking("memory:", agents=AGENTS) as client:
        yield client


def checked(me, run_id):
    view = me.run(run_id)
    check(run_shape(view.run), "run")
    check(run_view_shape(view), "run_view")
    told = run_view_of(sent(run_view_shape(view)), "default", view.now, view.at_its_turn)
    assert run_view_shape(told) == run_view_shape(view)
    for request, again in zip(view.requests, told.requests, strict=True):
        check(request_shape(request), "request")
        assert (again.kind, again.deciders, again.takes_anything) == (
            request.kind,
            request.deciders,
            request.takes_anything,
        )
        assert what_became(again, told.run) == what_became(request, view.run)
        shown = me.request(request.id)
        check(view_shape(shown, me.history(request.id)), "request_view")
        assert view_of(sent(view_shape(shown, me.history(request.id))), "default", shown.now) == shown
    for entry in me.log():
        check(entry_shape(entry), "entry")
        check(notice_shape(Notice(entry, again=True)), "notice")
        assert entry_of(sent(entry_shape(entry)), "default") == entry
    for which in get_args(Which):
        for listed in me.inbox(which).rows:
            check(listed_shape(listed), "listed_request")
            assert listed_shape(listed_of(sent(listed_shape(listed)), "default")) == listed_shape(listed)
            check(bundles_shape(Bundles((Bundle(1, (listed.request,)),), more=False)), "bundles")
    return view.requests


def sent(shape):
    return json.loads(json.dumps(shape))


def test_what_is_told_and_was_not_written_is_found_out(me):
    run = me.start("acts", "hello")
    view = me.request(me.advance(run.id).requests[0].id)
    told = sent(view_shape(view, me.history(view.request.id)))
    assert view_of(told, "default", view.now) == view
    me.comment(view.request.id, "said while it is told")
    more = sent(view_shape(view, me.history(view.request.id)))["history"]
    assert len(more) > len(told["history"])
    assert view_of(told | {"history": more}, "default", view.now).request == view.request
    opened = told["history"][0]
    for wrong in (
        told | {"status": "approved"},
        told | {"digest": "sha256:" + "0" * 64},
        told | {"history": told["history"][1:]},
        told | {"history": [opened | {"by": "agent:else"}, *told["history"][1:]]},
        told | {"pinned_policy": told["pinned_policy"] | {"four_eyes": not told["pinned_policy"]["four_eyes"]}},
    ):
        with pytest.raises(RecordAltered):
            view_of(wrong, "default", view.now)
    with pytest.raises(RecordAltered):
        view_of(told, "another tenant", view.now)


@pytest.mark.parametrize("verdict", ["approve", "edit", "reject"])
def test_an_action_is_what_the_schema_says_at_every_moment(me, verdict):
    run = me.start("acts", "hello", thread=f"thread of {verdict}")
    me.advance(run.id)
    (request,) = checked(me, run.id)
    if verdict == "edit":
        me.edit(request.id, {"to": "bob", "text": "changed"}, digest=request.digest)
    else:
        getattr(me, verdict)(request.id, digest=request.digest, comment="so")
    checked(me, run.id)
    me.advance(run.id)
    checked(me, run.id)


def test_questions_drafts_and_forks_are_what_the_schema_says(me):
    run = me.start("questions", "fly")
    me.advance(run.id)
    (request,) = checked(me, run.id)
    fork = me.fork(run.id)
    me.answer(request.id, "KLM", digest=None)
    me.advance(run.id)
    checked(me, run.id)
    me.advance(fork.id)
    checked(me, fork.id)
    me.cancel(fork.id, reason="enough")
    checked(me, fork.id)

    run = me.start("drafts", "words")
    me.advance(run.id)
    (request,) = checked(me, run.id)
    me.revise(request.id, digest=request.digest, comment="more")
    me.advance(run.id)
    checked(me, run.id)


def test_a_token_is_what_the_schema_says():
    at = datetime(2026, 11, 29, tzinfo=UTC)
    token = Credential("token_1", "d", "token", "default", "agent:bot", "agent", at, "mia", at, frozenset(Scope))
    check(credential_shape(token), "token")
    check(credential_shape(replace(token, used_at=at, ended_at=at)), "token")
    assert credential_of(sent(credential_shape(token)), "default") == replace(token, digest="")


def test_a_session_is_what_the_schema_says():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    session = Credential("session_1", "d", "session", "default", "mia", "person", at, "mia", at, device="Firefox")
    check(session_shape(session), "session")
    check(session_shape(replace(session, used_at=at, address="192.0.2.1"), current=True), "session")


def test_an_account_and_a_delegation_are_what_the_schema_says():
    at = datetime(2026, 11, 29, tzinfo=UTC)
    for account in (Account("mia", AccountStatus.active, at, True, at), Account("bob", AccountStatus.disabled, None)):
        check(account_shape(account), "account")
    assert set(ALL["$defs"]["account"]["properties"]["status"]["enum"]) == {str(one) for one in AccountStatus}
    for given in (
        ListedDelegation(Delegation("mia", "bob", at, at, "away"), "delegation_1"),
        ListedDelegation(Delegation("mia", "bob", at)),
    ):
        check(delegation_shape(given), "standing_delegation")


def test_an_error_and_a_count_are_what_the_schema_says():
    error = Closed("It is decided.", status="approved")
    check(error_shape(error.code, error.message, error.details), "error")
    check(count_shape(Count(3, more=False)), "count")
    assert count_of(count_shape(Count(3, more=True))) == Count(3, more=True)
    with pytest.raises(jsonschema_rs.ValidationError):
        check({"code": "closed", "message": "It is decided."}, "error")
    with pytest.raises(jsonschema_rs.ValidationError):
        check({"code": "closed", "message": "It is decided.", "details": {}, "more": 1}, "error")


def test_statistics_are_what_the_schema_says():
    at = datetime(2026, 11, 29, tzinfo=UTC)
    full = Figures("ann", at.date(), {Ended.approved: 1}, timedelta(seconds=1), timedelta(seconds=2), 3)
    check(statistics_shape(Report(Span(at, at, Dimension.reviewer, Every.week), (full, Figures()))), "statistics")
    check(statistics_shape(Report(Span(at, at), ())), "statistics")
    group = ALL["$defs"]["statistics_group"]
    assert {str(one) for one in Ended} < set(group["required"]) == set(group["properties"])
    assert set(ALL["$defs"]["statistics"]["properties"]["by"]["enum"]) == {*map(str, Dimension), None}
    assert set(ALL["$defs"]["token"]["properties"]["scopes"]["items"]["enum"]) == {str(one) for one in Scope}


def test_the_schema_names_what_the_rules_name():
    named = ALL["$defs"]
    assert named["verdict"]["enum"] == [str(one) for one in Verdict]
    for where, kind in (("request", Status), ("run", RunStatus)):
        assert set(named[where]["properties"]["status"]["enum"]) == {str(one) for one in kind}
    assert set(named["effect"]["properties"]["state"]["enum"]) == {str(one) for one in EffectState}
    assert set(named["request"]["properties"]["kind"]["enum"]) == {str(one) for one in Kind}


def test_each_schema_can_be_used_by_itself_and_the_version_is_named():
    assert ALL["$id"] == "urn:interlock:shapes:1"
    for name in ALL["$defs"]:
        jsonschema_rs.validator_for({**ALL, "$ref": f"#/$defs/{name}"})

"""Each file here is one conversation in one dialect: what an interrupt holds, what it asks, and what resumes it.

The interrupts are as the real libraries make them (the integration tests run those); after a change on purpose,
`python tests/unit/runtime/dialects/test_dialects.py` writes what is read and answered now, to be looked at in the diff.
"""

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.types import Interrupt

from interlock import Action, NotApproved
from interlock.domain.action import VERDICTS, Verdict
from interlock.domain.canonical import canonical_bytes
from interlock.domain.policy import Route
from interlock.domain.request import Edition, Request, Status
from interlock.domain.retries import ANSWERS
from interlock.errors import InvalidValue
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.dialects import table

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.json"))
KEYS = [
    "action_request", "action", "args", "config", "allow_accept", "action_requests", "review_configs", "name", "type",
    "action_name", "allowed_decisions", "question", "options", "interlock", "subject", "task", "kind", "requests",
    "key", "mode", "url",
]  # fmt: skip
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def asks_of(told):
    if "stop" in told:
        given = told["stop"]
        found = stops.read(stops.Stop(**{**given, "nodes": tuple(given["nodes"]), "path": tuple(given["path"])}))
    else:
        given = told["interrupt"]
        found = table.read(Interrupt(given["value"], given["id"], response_schema=given.get("response_schema")))
    return [asking.ask for asking in found]


def shown(ask):
    shape = {"at": ask.interrupt_id, **ask.subject.content(), "description": ask.description, "context": ask.context}
    if isinstance(ask.subject, Action):
        shape["schema"] = ask.subject.schema
    return {**shape, "verdicts": [str(verdict) for verdict in ask.verdicts]}


def decided(ask, outcome):
    """Return the request that an ask became, with its outcome."""
    subject = replace(ask.subject, args=outcome["args"]) if "args" in outcome else ask.subject
    return Request(
        id="req_x",
        tenant="default",
        run_id="run_x",
        agent="agent",
        requester="agent:agent",
        initiator="local:me",
        ask=ask,
        asked_digest=ask.subject.digest,
        edition=Edition(subject, outcome.get("answer"), None),
        digest=subject.digest,
        round=0,
        route=Route("default", "sha256:0", 0, "only"),
        opened_at=NOW,
        status=Status(outcome["outcome"]),
        comment=outcome.get("comment", ""),
    )


def resumed(told, outcomes):
    requests = [decided(ask, outcome) for ask, outcome in zip(asks_of(told), outcomes, strict=True)]
    try:
        if "stop" in told:
            return {"update": stops.answer(requests)}
        given = told["interrupt"]
        interrupt = Interrupt(given["value"], given["id"], response_schema=given.get("response_schema"))
        return {"resume": table.answer(interrupt, requests)}
    except NotApproved as end:
        return {"ends": str(end)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_asked(file):
    told = json.loads(file.read_text())
    assert [shown(ask) for ask in asks_of(told)] == told["asks"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_resumes_it(file):
    told = json.loads(file.read_text())
    for answer in told["answers"]:
        outcomes = answer["outcomes"]
        assert {"outcomes": outcomes, **resumed(told, outcomes)} == answer


FILE_OF = {"langchain_hitl": "langchain_batched", "langchain_hitl per_call": "langchain_per_call"}


def test_there_is_a_file_for_every_dialect():
    kinds = {file.stem.partition(".")[0] for file in FILES}
    assert kinds == {FILE_OF.get(name, name) for name in table.DIALECTS} | {"breakpoint"}


BY_TIME = set(ANSWERS) - {rule.outcome for rule in VERDICTS.values()}
FOREIGN = {file.stem.partition(".")[0] for file in FILES} - {"native"}  # it answers with the request's id


@pytest.mark.parametrize("dialect", sorted(FOREIGN))
def test_every_outcome_of_what_a_dialect_offers_is_among_its_answers(dialect):
    files = [json.loads(file.read_text()) for file in FILES if file.stem.partition(".")[0] == dialect]
    offered = {verdict for file in files for ask in file["asks"] for verdict in ask["verdicts"]}
    heard = {one["outcome"] for file in files for answer in file["answers"] for one in answer["outcomes"]}
    assert heard == {VERDICTS[Verdict(verdict)].outcome for verdict in offered} | BY_TIME


# ── whatever is asked and decided ──

names = st.sampled_from(["pay", "tell", "ask_user"])
arguments = st.dictionaries(st.sampled_from(["a", "b"]), st.one_of(st.integers(-9, 9), st.text(max_size=5)), max_size=2)
allowed = st.lists(st.sampled_from(["approve", "edit", "reject", "respond"]), min_size=1, unique=True)
outcomes = st.sampled_from(["approve", "edit", "reject", "respond", "expire", "withdraw"])
BY_NO_VOTE = {"expire": "expired", "withdraw": "withdrawn"}
OUTCOMES = {"approve": "approved", "edit": "approved", "reject": "rejected", "respond": "answered", **BY_NO_VOTE}


def voted(draw, ask):
    """Return an outcome that people can bring about: by a verdict that is offered, or by silence."""
    offered = [str(verdict) for verdict in ask.verdicts]
    verdict = draw.draw(outcomes.filter(lambda it: it in BY_NO_VOTE or it in offered))
    outcome = {"outcome": OUTCOMES[verdict]}
    if verdict == "edit" and isinstance(ask.subject, Action):
        outcome["args"] = draw.draw(arguments)
    if verdict == "respond":
        outcome["answer"] = draw.draw(st.one_of(st.text(min_size=1), st.integers(), st.booleans()))
    return decided(ask, outcome)


@given(st.data(), st.lists(st.tuples(names, arguments), min_size=1, max_size=4), st.fixed_dictionaries({
    "pay": allowed, "tell": allowed, "ask_user": allowed,
}))  # fmt: skip
def test_I16_what_langchain_is_told_is_what_it_takes(data, calls, by_name):
    value = {
        "action_requests": [{"name": name, "args": args} for name, args in calls],
        "review_configs": [{"action_name": name, "allowed_decisions": by_name[name]} for name, _ in calls],
    }
    interrupt = Interrupt(value, "0" * 32)
    asks = [asking.ask for asking in table.read(interrupt)]
    assert len(asks) == len({ask.interrupt_id for ask in asks}) == len(calls)
    requests = [voted(data, ask) for ask in asks]
    try:
        told = table.answer(interrupt, requests)["decisions"]
    except NotApproved:
        assert any({"reject", "respond"}.isdisjoint(by_name[name]) for name, _ in calls)
        return
    for (name, args), request, decision in zip(calls, requests, told, strict=True):
        call = {"name": name, "args": args, "id": "call_0", "type": "tool_call"}
        message = HumanInTheLoopMiddleware._process_decision(decision, call, {"allowed_decisions": by_name[name]})[1]
        assert (message is None) is (request.status is Status.approved)  # a message says that the tool is not called


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from([*KEYS, "x"]), inner, max_size=4),
))  # fmt: skip
def test_I14_any_value_is_asked_or_refused_with_a_reason(value):
    interrupt = Interrupt(value, "0" * 32)
    try:
        asks = [asking.ask for asking in table.read(interrupt)]
    except InvalidValue:
        return
    assert asks
    for outcome in ("approved", "rejected", "answered", "expired"):
        requests = [decided(ask, {"outcome": outcome, "answer": "x"}) for ask in asks]
        if outcome == "approved" and not all(isinstance(ask.subject, Action) for ask in asks):
            continue  # a question is answered
        with contextlib.suppress(NotApproved):
            canonical_bytes(table.answer(interrupt, requests))


if __name__ == "__main__":
    for file in FILES:
        told = json.loads(file.read_text())
        told["asks"] = [shown(ask) for ask in asks_of(told)]
        told["answers"] = [{"outcomes": one["outcomes"], **resumed(told, one["outcomes"])} for one in told["answers"]]
        file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")

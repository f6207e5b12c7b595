"""Each file here is one conversation in one dialect: what an interrupt holds, what it asks, and what resumes it.

The interrupts are as the real libraries make them (the integration tests run those); after a change on purpose,
`python tests/unit/runtime/dialects/test_golden.py` writes what is read and answered now, to be looked at in the diff.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from langgraph.types import Interrupt

from interlock import Action, NotApproved
from interlock.domain.policy import Route
from interlock.domain.request import Edition, Request, Status
from interlock.runtime.dialects import breakpoint as stops
from interlock.runtime.dialects import table

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.json"))
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def asks_of(told):
    if "stop" in told:
        given = told["stop"]
        return (stops.read(stops.Stop(**{**given, "nodes": tuple(given["nodes"]), "path": tuple(given["path"])})),)
    given = told["interrupt"]
    return table.read(Interrupt(given["value"], given["id"], response_schema=given.get("response_schema")))


def shown(ask):
    shape = {"at": ask.interrupt_id, **ask.subject.content(), "description": ask.description, "context": ask.context}
    if isinstance(ask.subject, Action):
        shape["schema"] = ask.subject.schema
    return {**shape, "verdicts": None if ask.verdicts is None else [str(verdict) for verdict in ask.verdicts]}


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
        asked=ask.subject,
        asked_digest=ask.subject.digest,
        edition=Edition(subject, outcome.get("answer"), None),
        digest=subject.digest,
        description=ask.description,
        context=ask.context,
        verdicts=(),
        interrupt_id=ask.interrupt_id,
        task=ask.task,
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
            return {"update": stops.answer(requests[0])}
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


def test_there_is_a_file_for_every_dialect():
    kinds = {file.stem.partition(".")[0] for file in FILES}
    assert kinds == {"agent_inbox", "breakpoint", "langchain_batched", "langchain_per_call", "native", "plain"}


if __name__ == "__main__":
    for file in FILES:
        told = json.loads(file.read_text())
        told["asks"] = [shown(ask) for ask in asks_of(told)]
        told["answers"] = [{"outcomes": one["outcomes"], **resumed(told, one["outcomes"])} for one in told["answers"]]
        file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")

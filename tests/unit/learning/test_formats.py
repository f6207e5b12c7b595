"""What a decision comes to in each format. The rules of each form stand beside it, with where they are written."""

import json

import jsonschema_rs
import pytest
from tests.unit.learning.lessons import MAIL, answer, draft, example

from interlock.domain.statistics import Ended
from interlock.learning.formats import DatasetFormat, rows_of

TASK = [{"role": "user", "content": "Invite Ann to lunch"}]
ASKED = '{"arguments":{"subject":"Lunch","to":"ann@example.com"},"name":"send_email"}'
CHANGED = ASKED.replace("Lunch", "Lunch on Friday")


def said(content):
    return {"role": "assistant", "content": content}


def written(one, form):
    return [dict(row.content) for row in rows_of(one, DatasetFormat(form))]


@pytest.mark.parametrize(
    ("one", "form", "rows"),
    [
        # An approval is a demonstration.
        (example(), "sft", [{"prompt": TASK, "completion": [said(ASKED)]}]),
        (example(), "dpo", []),
        (example(), "kto", [{"prompt": TASK, "completion": [said(ASKED)], "label": True}]),
        # A change is a preference.
        (example(Ended.changed), "sft", [{"prompt": TASK, "completion": [said(CHANGED)]}]),
        (example(Ended.changed), "dpo", [{"prompt": TASK, "chosen": [said(CHANGED)], "rejected": [said(ASKED)]}]),
        (example(Ended.changed), "reward", [{"chosen": [*TASK, said(CHANGED)], "rejected": [*TASK, said(ASKED)]}]),
        (
            example(Ended.changed),
            "kto",
            [
                {"prompt": TASK, "completion": [said(CHANGED)], "label": True},
                {"prompt": TASK, "completion": [said(ASKED)], "label": False},
            ],
        ),
        # A rejection shows nothing that is right.
        (example(Ended.rejected), "sft", []),
        (example(Ended.rejected), "openai", []),
        (example(Ended.rejected), "dpo", []),
        (example(Ended.rejected), "kto", [{"prompt": TASK, "completion": [said(ASKED)], "label": False}]),
        # Of rounds, the accepted draft is preferred to those before, and the conversation leads to it.
        (
            draft(),
            "sft",
            [
                {
                    "prompt": [*TASK, said("Sales."), {"role": "user", "content": "Say what they did."}],
                    "completion": [said("Sales rose.")],
                }
            ],
        ),
        (draft(), "dpo", [{"prompt": TASK, "chosen": [said("Sales rose.")], "rejected": [said("Sales.")]}]),
        (draft(Ended.revised), "kto", [{"prompt": TASK, "completion": [said("Sales rose.")], "label": False}]),
        # People answer as the agent should have known.
        (
            answer(),
            "sft",
            [
                {
                    "prompt": [{"role": "user", "content": "Fly to Oslo\n\nWhich airline?"}],
                    "completion": [said("Any but Budget Air")],
                }
            ],
        ),
        (answer(), "kto", []),
        (answer(), "dpo", []),
    ],
)
def test_S19_a_decision_becomes_what_it_teaches(one, form, rows):
    assert written(one, form) == rows


MESSAGES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {"role": {"enum": ["system", "user", "assistant"]}, "content": {"type": "string"}},
        "required": ["role", "content"],
        "additionalProperties": False,
    },
}


def row(**columns):
    return {"type": "object", "properties": {"about": True, **columns}, "required": [*columns]}


# https://huggingface.co/docs/trl/dataset_formats, "Overview of the dataset formats and types", conversational
TRL = {
    "sft": row(prompt=MESSAGES, completion=MESSAGES),
    "dpo": row(prompt=MESSAGES, chosen=MESSAGES, rejected=MESSAGES),
    "reward": row(chosen=MESSAGES, rejected=MESSAGES),
    "kto": row(prompt=MESSAGES, completion=MESSAGES, label={"type": "boolean"}),
}

# OpenAI's API document: FineTuneChatRequestInput, and the messages of chat completions; it refuses further keys
CALL = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "properties": {"name": {"pattern": "^[A-Za-z0-9_-]{1,64}$"}, "arguments": {"type": "string"}},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        },
    },
    "required": ["id", "type", "function"],
    "additionalProperties": False,
}
OPENAI = {
    "type": "object",
    "properties": {
        "messages": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "role": {"enum": ["system", "user", "assistant", "tool"]},
                    "content": {"type": "string"},
                    "weight": {"enum": [0, 1]},
                    "tool_calls": {"type": "array", "minItems": 1, "items": CALL},
                },
                "required": ["role"],
                "anyOf": [{"required": ["content"]}, {"required": ["tool_calls"]}],
                "additionalProperties": False,
            },
        },
        "tools": {"type": "array"},
        "parallel_tool_calls": {"type": "boolean"},
    },
    "required": ["messages"],
    "additionalProperties": False,
}

# `Record.from_dict` of argilla 2.8; fields are texts, metadata are scalars
ARGILLA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
        "suggestions": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"value": {"type": "string"}, "agent": {"type": "string"}},
                "required": ["value"],
                "additionalProperties": False,
            },
        },
        "responses": {"type": "object"},
        "metadata": {"type": "object", "additionalProperties": {"type": ["string", "number"]}},
        "vectors": {"type": "object"},
    },
    "required": ["fields"],
    "additionalProperties": False,
}
FORMS = {**TRL, "openai": OPENAI, "argilla": ARGILLA}


@pytest.mark.parametrize("form", DatasetFormat)
def test_every_row_has_the_form_that_its_reader_asks_for(form):
    every = [*map(example, Ended), draft(), draft(Ended.revised, reason="Too short"), answer()]
    taught = [one for one in every if one.ended not in {Ended.automatic, Ended.expired, Ended.withdrawn}]
    lines = [row.line for one in taught for row in rows_of(one, form)]
    assert lines
    for line in lines:
        jsonschema_rs.validator_for(FORMS[form]).validate(json.loads(line))
        assert line.endswith(b"}\n")
        assert line.count(b"\n") == 1


def test_a_call_is_a_tool_call_for_openai_and_earlier_drafts_are_not_trained_on():
    (row,) = written(example(Ended.changed, action="mail: send!"), "openai")
    (call,) = row["messages"][-1]["tool_calls"]
    (tool,) = row["tools"]
    assert call["function"]["name"] == tool["function"]["name"]
    assert call["function"]["name"].startswith("mail__send__")
    assert json.loads(call["function"]["arguments"]) == {**MAIL, "subject": "Lunch on Friday"}
    assert tool["function"]["parameters"]["properties"] == {"to": {"type": "string"}}
    (other,) = written(example(action="mail? send!"), "openai")
    assert other["tools"][0]["function"]["name"] != tool["function"]["name"]
    (told,) = written(draft(), "openai")
    assert [one.get("weight") for one in told["messages"]] == [None, 0, None, None]


def test_a_reason_goes_along_and_no_person_does():
    (row,) = rows_of(example(Ended.rejected, reason="Ann is on leave"), DatasetFormat.kto)
    assert json.loads(row.line)["about"] == {
        "request": "req_0", "agent": "mailer", "action": "send_email", "outcome": "rejected",
        "decided_at": "2026-11-02T09:00:00+00:00", "reason": "Ann is on leave",
    }  # fmt: skip

"""What each contract asks, what it reads, and what it says of an answer that does not fit."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from interlock.agents.sagemaker.contracts import (
    Chat,
    ContractMismatch,
    Custom,
    Delta,
    ModelReportedError,
    ModelRequest,
    TextGeneration,
    check_error,
    shape,
)
from interlock.agents.sagemaker.templates import BadTemplate, Path, Template

HELLO = ModelRequest([HumanMessage("Hello")], 99)
TALK = ModelRequest(
    [SystemMessage("Be brief."), HumanMessage("Hello"), AIMessage("Hi."), HumanMessage("Well?")], 99, ["END"]
)


def custom(template='{"prompt": "{{prompt}}"}', answer="out", streamed=None):
    return Custom(Template.read(template), Path.read(answer), Path.read(streamed) if streamed else None)


# ── what is asked ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_chat_asks_by_messages():
    assert Chat().request(HELLO) == {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 99}
    body = Chat().request(TALK._replace(stream=True))
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert (body["stop"], body["stream"]) == (["END"], True)


def test_text_generation_asks_by_a_prompt():
    assert TextGeneration().request(HELLO) == {
        "inputs": "Hello",
        "parameters": {"max_new_tokens": 99, "return_full_text": False},
    }
    body = TextGeneration().request(TALK._replace(stream=True))
    assert body["inputs"] == "System: Be brief.\nHuman: Hello\nAI: Hi.\nHuman: Well?\nAI:"
    assert (body["parameters"]["stop"], body["stream"]) == (["END"], True)


def test_a_template_is_filled_by_values_and_by_texts():
    written = """{"q": ["{{ messages }}", {"text": "<s>{{prompt}}</s>"}], "limit": "{{max_tokens}}", "s": "{{stream}}",
                  "until": "{{stop}}", "n": 1, "on": true, "none": null}"""
    assert custom(written).request(HELLO) == {
        "q": [[{"role": "user", "content": "Hello"}], {"text": "<s>Hello</s>"}],
        "limit": 99,
        "s": False,
        "until": [],
        "n": 1,
        "on": True,
        "none": None,
    }


def test_what_is_filled_in_is_neither_json_nor_a_template():
    hostile = '", "admin": true, "x": "{{max_tokens}}'
    asked = HELLO._replace(messages=[HumanMessage(hostile)])
    filled = custom('{"p": "{{prompt}}", "q": "a{{prompt}}"}').request(asked)
    assert filled == {"p": hostile, "q": "a" + hostile}


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["{{prompt}}"]', "not a JSON object"),
        ("{}", "would be asked nothing"),
        ('{"n": "{{max_tokens}}"}', "would be asked nothing"),
        (
            '{"p": "{{promt}}", "q": "{{prompt}}"}',
            r"\{\{promt\}\} is none of max_tokens, messages, prompt, stop",
        ),
    ],
)
def test_a_template_that_cannot_be_used_says_why(written, reason):
    with pytest.raises(BadTemplate, match=reason):
        Template.read(written)


@pytest.mark.parametrize("written", ["", "a..b", "a[", "no_such_function(a)("])
def test_a_path_that_cannot_be_used_says_why(written):
    with pytest.raises(BadTemplate, match="not a JMESPath"):
        Path.read(written)


def test_stop_words_need_a_place_in_a_template():
    with pytest.raises(ValueError, match=r"no \{\{stop\}\}"):
        custom().request(TALK)


# ── what is answered as a whole ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("contract", "answer"),
    [
        (Chat(), {"choices": [{"message": {"role": "assistant", "content": "plan"}, "finish_reason": "stop"}]}),
        (
            Chat(),
            {"choices": [{"message": {"content": [{"text": "pl"}, {"type": "text", "text": "an"}]}}]},
        ),
        (TextGeneration(), {"generated_text": "plan"}),
        (TextGeneration(), [{"generated_text": "plan"}]),
        (TextGeneration(), [[{"generated_text": "plan"}]]),
        (TextGeneration(), [{"generation": {"role": "assistant", "content": "plan"}}]),
        (TextGeneration(), {"outputs": "plan"}),
        (TextGeneration(), {"outputs": ["plan"]}),
        (TextGeneration(), {"predictions": ["plan"]}),
        (TextGeneration(), {"generated_text": "Helloplan"}),
        (TextGeneration(), "plan"),
        (custom(), {"out": "plan"}),
        (custom(), {"out": ["pl", "an"]}),
        (
            custom(answer="results[?kind=='text'].body | [0]"),
            {"results": [{"kind": "text", "body": "plan"}]},
        ),
        (custom(answer="join('', parts[].t)"), {"parts": [{"t": "pl"}, {"t": "an"}]}),
    ],
)
def test_the_text_of_an_answer(contract, answer):
    assert contract.text(answer, HELLO) == "plan"


def test_an_object_where_the_path_leads_is_its_json():
    assert custom(answer="@").text({"to": ["ä"]}, HELLO) == '{"to": ["ä"]}'


@pytest.mark.parametrize(
    ("contract", "answer", "reason"),
    [
        (
            Chat(),
            {"generated_text": "x"},
            r"`choices\[0\]\.message\.content` is expected, and came an object with",
        ),
        (Chat(), {"choices": [{"message": {"content": None}}]}, "came an object with `choices`"),
        (Chat(), {"choices": []}, "came an object with `choices`"),
        (Chat(), [], "came a list"),
        (TextGeneration(), {"choices": []}, "`generated_text` is expected, and came an object with `choices`"),
        (TextGeneration(), {"generated_text": 7}, "came an object with `generated_text`"),
        (TextGeneration(), 7, "came a number"),
        (TextGeneration(), None, "came null"),
        (TextGeneration(), [[[[[[["deep"]]]]]]], "came a list of a list of a list of a list of a list"),
        (custom(), {"in": "x"}, "`out` is to lead to a text, and came an object with `in`"),
        (custom(), {"out": 7}, "`out` is to lead to a text"),
        (custom(), {"out": []}, "`out` is to lead to a text"),
        (custom(answer="length(out)"), {"in": True}, r"`length\(out\)` is to lead to a text"),
    ],
)
def test_an_answer_that_does_not_fit_is_described_by_its_form(contract, answer, reason):
    with pytest.raises(ContractMismatch, match=reason):
        contract.text(answer, HELLO)


def test_a_form_is_told_without_what_it_holds():
    assert shape({"k" * 50: "secret"}) == f"an object with `{'k' * 40}`"
    assert shape(dict.fromkeys("abcdefghijk")).endswith("`h`, and more")
    assert (shape({}), shape([]), shape(True)) == ("an empty object", "a list", "true or false")


# ── what is streamed ─────────────────────────────────────────────────────────────────────────────────────────────────


def delta(content, reason=None):
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": reason}]}


@pytest.mark.parametrize(
    ("contract", "value", "piece"),
    [
        (Chat(), delta("pl"), Delta("pl", ended=False)),
        (Chat(), delta(None), Delta("", ended=False)),
        (Chat(), {"choices": [{"delta": {"role": "assistant"}}]}, Delta("", ended=False)),
        (Chat(), delta("", "length"), Delta("", ended=True)),
        (Chat(), {"choices": [], "usage": {"total_tokens": 9}}, Delta()),
        (Chat(), {"choices": [{"message": {"content": "plan"}}]}, Delta("plan", ended=True)),
        (TextGeneration(), {"token": {"id": 1, "text": "pl", "special": False}}, Delta("pl", ended=False)),
        (
            TextGeneration(),
            {"token": {"text": "</s>", "special": 1}, "generated_text": "plan"},
            Delta("", ended=True),
        ),
        (TextGeneration(), {"token": {"text": "an"}, "details": {"finish_reason": "length"}}, Delta("an", ended=True)),
        (TextGeneration(), {"token": {"text": "an", "special_token": True}}, Delta("", ended=False)),
        (TextGeneration(), {"outputs": ["pl"]}, Delta("pl")),
        (custom(streamed="d.t"), {"d": {"t": "pl"}}, Delta("pl")),
        (custom(streamed="d.t"), {"end": True}, Delta()),
    ],
)
def test_the_text_of_a_piece(contract, value, piece):
    assert contract.piece(value, HELLO) == piece


@pytest.mark.parametrize("contract", [Chat(), TextGeneration(), custom(streamed="length(@)")])
def test_a_piece_that_does_not_fit_is_none(contract):
    with pytest.raises(ContractMismatch):
        contract.piece({"x": 1}, HELLO)


# ── errors in the place of an answer ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "status", "said"),
    [
        ({"error": "Model is overloaded", "error_type": "overloaded"}, 429, "overloaded"),
        ({"error": "`inputs` must have less tokens", "error_type": "validation"}, 422, "less tokens"),
        ({"error": "Request failed during generation", "error_type": "generation"}, 500, "failed"),
        ({"error": "bad parameter", "code": 424}, 500, "bad parameter"),
        ({"error": {"message": "too long", "type": "BadRequestError", "code": 400}}, 400, "too long"),
        ({"error": {"type": "invalid_request_error"}}, 422, "invalid_request_error"),
        ({"object": "error", "message": "no such model", "type": "NotFoundError", "code": 404}, 404, "no such model"),
        ({"object": "error", "message": "wait", "code": "rate_limit"}, 500, "wait"),
        ([{"error": "x", "error_type": "validation"}], 422, "x"),
        ({"token": {"text": ""}, "generated_text": "", "details": {"finish_reason": "error"}}, 500, "failed"),
    ],
)
def test_an_error_is_not_taken_for_an_answer(value, status, said):
    with pytest.raises(ModelReportedError, match=said) as raised:
        check_error(value)
    assert raised.value.status == status


@pytest.mark.parametrize("value", [{"error": None, "out": 1}, {"error": "", "out": 1}, {"generated_text": "x"}, 7, []])
def test_an_answer_is_no_error(value):
    check_error(value)

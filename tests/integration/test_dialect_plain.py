"""S7: graphs that pause by `interrupt(value)` of whatever shape are governed unchanged."""

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from interlock import Action, Question, Verdict, ask
from interlock.domain.request import Status
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAnswer, NotOffered


class Flight(BaseModel):
    airline: str
    seats: int = Field(gt=0)


class Typed(TypedDict):
    airline: str


def asking(circle, value, schema=None):
    def act(state):
        answer = interrupt(value) if schema is None else interrupt(value, response_schema=schema)
        return {"out": [answer.model_dump() if isinstance(answer, BaseModel) else answer]}

    return circle.chain(act)


async def answered(circle, run_id, answer):
    await circle.vote(await circle.asked(run_id), "respond", answer=answer)
    await circle.drain()
    run = await circle.run(run_id)
    assert run.status is RunStatus.done, run.note
    return run.output["out"][0]


@pytest.mark.parametrize("answer", ["Delta", 5, True, False, {"a": [1]}, [], "", 1.5])
async def test_S7_an_answer_of_any_shape_reaches_the_graph_as_it_was_given(circle, answer):
    run_id = await circle.go(asking(circle, "Which airline?"))
    assert (await circle.asked(run_id)).asked == Question("Which airline?")
    assert await answered(circle, run_id, answer) == answer


@pytest.mark.parametrize(
    ("value", "text", "options"),
    [
        ({"question": "Which?", "options": ["Delta", "United"]}, "Which?", ["Delta", "United"]),
        ({"message": "Send it?", "draft": {"to": "a@b.c"}}, "Send it?", None),
        ({"amount": 5}, 'The agent asks for an answer: {"amount": 5}', None),
        (None, "The agent asks for an answer.", None),
        ("", "The agent asks for an answer.", None),
        ([1, 2], "The agent asks for an answer: [1, 2]", None),
        (Flight(airline="Delta", seats=2), 'The agent asks for an answer: {"airline": "Delta", "seats": 2}', None),
    ],
)
async def test_S7_whatever_is_asked_is_shown(circle, value, text, options):
    run_id = await circle.go(asking(circle, value))
    request = await circle.asked(run_id)
    assert (request.asked.text, request.asked.options) == (text, options)
    if isinstance(value, dict):
        assert request.ask.context == value
    assert await answered(circle, run_id, "Delta") == "Delta"


@pytest.mark.parametrize(
    ("schema", "bad", "good", "reaches"),
    [
        (Flight, {"airline": "Delta", "seats": 0}, {"airline": "Delta", "seats": 2}, {"airline": "Delta", "seats": 2}),
        (Typed, {"airline": 5}, {"airline": "Delta"}, {"airline": "Delta"}),
        ({"type": "integer"}, "five", 5, 5),
    ],
)
async def test_I16_an_answer_that_does_not_fit_never_reaches_the_graph(circle, schema, bad, good, reaches):
    run_id = await circle.go(asking(circle, "Which?", schema))
    with pytest.raises(InvalidAnswer):
        await circle.vote(await circle.asked(run_id), "respond", answer=bad)
    assert await answered(circle, run_id, good) == reaches


@pytest.mark.parametrize(("schema", "given", "reaches"), [
    ({"type": "integer"}, "42", 42),
    ({"type": "boolean"}, "true", True),
    (Flight, {"airline": "5", "seats": "2"}, {"airline": "5", "seats": 2}),
    ({"type": "string"}, "42", "42"),
    ({"type": "array", "items": {"type": "number"}}, ["1", 2], [1, 2]),
])  # fmt: skip
async def test_text_from_a_form_becomes_what_the_schema_says(circle, schema, given, reaches):
    run_id = await circle.go(asking(circle, "Which?", schema))
    assert await answered(circle, run_id, given) == reaches


class Even(BaseModel):
    seats: int

    @field_validator("seats")
    @classmethod
    def even(cls, seats):
        if seats % 2:
            raise ValueError("must be even")
        return seats


def how_many(state):
    return {"out": [interrupt("How many?", response_schema=Even).seats]}


async def test_I16_an_answer_that_fits_the_schema_and_not_the_graph_is_asked_for_again(circle):
    def which(state):
        return {"out": [interrupt("Which?")]}

    run_id = await circle.go(circle.fan(how_many, which))
    answers = {"Which?": "that", "How many?": {"seats": 3}}
    for seats in (5, 4, None):
        for request in await circle.open(run_id):
            await circle.vote(request, "respond", answer=answers.pop(request.asked.text))
        await circle.drain()
        answers["How many?"] = {"seats": seats}
    run = await circle.run(run_id)
    assert (run.status, sorted(map(str, run.output["out"]))) == (RunStatus.done, ["4", "that"]), run.note
    again = [request for request in await circle.every(run_id) if "must be even" in request.ask.description]
    assert [request.asked.text for request in again] == ["How many?"] * 2


async def test_I2_beside_an_effect_only_the_question_is_asked_again(circle):
    paid = []

    def pay(state):
        return {"out": [ask(Action("pay", {})).perform(lambda: paid.append(1))]}

    run_id = await circle.go(circle.fan(how_many, pay))
    for request in await circle.open(run_id):
        answers = {"answer": {"seats": 3}} if request.kind == "input" else {}
        await circle.vote(request, "respond" if answers else "approve", **answers)
    await circle.drain()
    request = await circle.asked(run_id)
    assert "must be even" in request.ask.description
    assert paid == [1]
    await circle.vote(request, "respond", answer={"seats": 4})
    await circle.drain()
    assert ((await circle.run(run_id)).status, paid) == (RunStatus.done, [1])


@pytest.mark.parametrize("silent", [False, True])
async def test_I5_a_refusal_of_a_yes_or_no_is_no(circle, silent):
    run_id = await circle.go(asking(circle, "Send it?", {"type": "boolean"}))
    await (circle.later(days=30) if silent else circle.decide(await circle.asked(run_id), "reject"))
    assert (await circle.run(run_id)).output["out"] == [False]


@pytest.mark.parametrize("value", ["Which airline?", {"question": "Which?", "options": ["Delta", "United"]}])
@pytest.mark.parametrize(("silent", "status"), [(False, Status.rejected), (True, Status.expired)])
async def test_I5_a_graph_that_takes_only_answers_ends_without_one(circle, value, silent, status):
    schema = {"type": "string"} if isinstance(value, str) else None
    run_id = await circle.go(asking(circle, value, schema))
    await (circle.later(days=30) if silent else circle.decide(await circle.asked(run_id), "reject", "none of them"))
    run = await circle.run(run_id)
    assert (run.status, f"was {status}" in run.note) == (RunStatus.failed, True)


@pytest.mark.parametrize("value", ["Delete it?", {"question": "Delete it?", "details": "x"}, {"amount": 5}, None])
@pytest.mark.parametrize(("verdict", "reaches"), [("approve", True), ("reject", False)])
async def test_I5_where_any_answer_will_do_approving_is_true_and_rejecting_false(circle, value, verdict, reaches):
    run_id = await circle.go(asking(circle, value))
    request = await circle.decide(await circle.asked(run_id), verdict)
    assert request.status is (Status.approved if reaches else Status.rejected)
    assert (await circle.run(run_id)).output["out"] == [reaches]


async def test_I5_silence_answers_nothing(circle):
    run_id = await circle.go(asking(circle, "Delete it?"))
    await circle.later(days=30)
    run = await circle.run(run_id)
    assert (run.status, "was expired" in run.note) == (RunStatus.failed, True)


async def test_approving_sends_nothing_where_a_certain_answer_is_wanted(circle):
    run_id = await circle.go(asking(circle, "Which airline?", {"type": "string"}))
    with pytest.raises(NotOffered):
        await circle.vote(await circle.asked(run_id), "approve")


async def test_I16_several_interrupts_of_one_node_and_of_nodes_side_by_side_get_their_own_answers(circle):
    def one(state):
        return {"out": [("one", interrupt("first?"), interrupt("second?"))]}

    def two(state):
        return {"out": [("two", interrupt("third?"))]}

    run_id = await circle.go(circle.fan(one, two))
    for texts in (["third?", "first?"], ["second?"]):
        found = {request.asked.text: request for request in await circle.open(run_id)}
        assert sorted(found) == sorted(texts)
        for text in texts:
            await circle.vote(found[text], "respond", answer=f"to {text}")
        await circle.drain()
    run = await circle.run(run_id)
    assert sorted(run.output["out"]) == [["one", "to first?", "to second?"], ["two", "to third?"]]


async def test_S20_an_interrupt_of_a_sub_graph_surfaces_like_any_other(circle):
    inner = asking(circle, "Which?").compile()
    graph = StateGraph(circle.State).add_node("team", inner).add_edge(START, "team").add_edge("team", END)
    run_id = await circle.go(graph)
    assert await answered(circle, run_id, "that") == "that"


async def test_I10_a_crash_after_the_answer_gives_it_again_once_a_person_lets_it(circle):
    crashes = [True]

    def act(state):
        answer = interrupt("Which?")
        if crashes:
            crashes.pop()
            raise ConnectionError
        return {"out": [answer]}

    run_id = await circle.go(circle.chain(act))
    await circle.vote(await circle.asked(run_id), "respond", answer="that")
    await circle.drain()
    await circle.later(seconds=60)
    assert (await circle.run(run_id)).attention == "may_have_happened"
    await circle.retry(run_id)
    assert (await circle.run(run_id)).output["out"] == ["that"]


# ── Agent Inbox ──


def human(**config):
    allowed = {"allow_ignore": True, "allow_respond": True, "allow_edit": True, "allow_accept": True, **config}
    return {"action_request": {"action": "pay", "args": {"amount": 900}}, "config": allowed, "description": "Pay?"}


TEN = Action("pay", {"amount": 10})


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    ("verdict", "more", "response"),
    [
        ("approve", {}, {"type": "accept", "args": {"action": "pay", "args": {"amount": 900}}}),
        ("edit", {"subject": TEN}, {"type": "edit", "args": {"action": "pay", "args": {"amount": 10}}}),
        ("respond", {"answer": "ask finance"}, {"type": "response", "args": "ask finance"}),
        ("reject", {}, {"type": "ignore", "args": None}),
    ],
)  # fmt: skip
async def test_S7_an_agent_inbox_interrupt_is_an_approval(circle, listed, verdict, more, response):
    run_id = await circle.go(asking(circle, [human()] if listed else human()))
    request = await circle.asked(run_id)
    assert (request.asked.name, request.asked.args, request.ask.description) == ("pay", {"amount": 900}, "Pay?")
    await circle.vote(request, verdict, **more)
    await circle.drain()
    assert (await circle.run(run_id)).output["out"] == [[response]]


async def test_an_agent_inbox_edit_keeps_the_kinds_of_its_arguments(circle):
    run_id = await circle.go(asking(circle, human()))
    with pytest.raises(InvalidAnswer, match="amount"):
        await circle.vote(await circle.asked(run_id), "edit", subject=Action("pay", {"amount": "much"}))
    await circle.vote(await circle.asked(run_id), "edit", subject=Action("pay", {"amount": "90"}))
    await circle.drain()
    assert (await circle.run(run_id)).output["out"][0][0]["args"]["args"] == {"amount": 90}


async def test_what_an_agent_inbox_interrupt_does_not_allow_is_not_offered(circle):
    run_id = await circle.go(asking(circle, human(allow_edit=False, allow_respond=False, allow_ignore=False)))
    assert (await circle.asked(run_id)).ask.verdicts == (Verdict.approve,)
    await circle.later(days=30)
    run = await circle.run(run_id)
    assert (run.status, "cannot be told to ignore it" in run.note) == (RunStatus.failed, True)


async def test_I5_silence_ignores_an_agent_inbox_interrupt(circle):
    run_id = await circle.go(asking(circle, [human()]))
    await circle.later(days=30)
    assert (await circle.run(run_id)).output["out"] == [[{"type": "ignore", "args": None}]]


PAY = {"name": "pay", "args": {}}


@pytest.mark.parametrize(
    "value",
    [
        {"action_request": {"args": {}}, "config": {}},
        {"action_request": {"action": "pay", "args": [1]}, "config": {"allow_accept": True}},
        {"action_request": {"action": "pay", "args": {}}, "config": {"allow_accept": False}},
        {"action_requests": [], "review_configs": []},
        {"action_requests": [{"name": "pay", "args": {}}], "review_configs": []},
        {"action_requests": [{"name": 5, "args": {}}], "review_configs": [{"action_name": 5}]},
        {"action_requests": [PAY], "review_configs": [{"action_name": "pay", "allowed_decisions": ["x"]}]},
        {"action_requests": ["pay"], "review_configs": [{"action_name": "pay"}]},
        {"type": "tool_approval", "name": 5, "args": {}},
    ],
)  # fmt: skip
async def test_a_value_that_only_looks_like_a_known_one_needs_attention(circle, value):
    run = await circle.run(await circle.go(asking(circle, value)))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask"), run.note


async def test_a_value_that_is_too_large_to_be_shown_needs_attention(circle):
    run = await circle.run(await circle.go(asking(circle, {"text": "x" * 3_000_000})))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask"), run.note

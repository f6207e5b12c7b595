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


def asking(story, value, schema=None):
    def act(state):
        answer = interrupt(value) if schema is None else interrupt(value, response_schema=schema)
        return {"out": [answer.model_dump() if isinstance(answer, BaseModel) else answer]}

    return story.chain(act)


async def answered(story, run_id, answer):
    await story.vote(await story.asked(run_id), "respond", answer=answer)
    await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    return run.output["out"][0]


@pytest.mark.parametrize("answer", ["Delta", 5, True, False, {"a": [1]}, [], "", 1.5])
async def test_S7_an_answer_of_any_shape_reaches_the_graph_as_it_was_given(story, answer):
    run_id = await story.go(asking(story, "Which airline?"))
    assert (await story.asked(run_id)).asked == Question("Which airline?")
    assert await answered(story, run_id, answer) == answer


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
async def test_S7_whatever_is_asked_is_shown(story, value, text, options):
    run_id = await story.go(asking(story, value))
    request = await story.asked(run_id)
    assert (request.asked.text, request.asked.options) == (text, options)
    if isinstance(value, dict):
        assert request.ask.context == value
    assert await answered(story, run_id, "Delta") == "Delta"


@pytest.mark.parametrize(
    ("schema", "bad", "good", "reaches"),
    [
        (Flight, {"airline": "Delta", "seats": 0}, {"airline": "Delta", "seats": 2}, {"airline": "Delta", "seats": 2}),
        (Typed, {"airline": 5}, {"airline": "Delta"}, {"airline": "Delta"}),
        ({"type": "integer"}, "five", 5, 5),
    ],
)
async def test_I16_an_answer_that_does_not_fit_never_reaches_the_graph(story, schema, bad, good, reaches):
    run_id = await story.go(asking(story, "Which?", schema))
    with pytest.raises(InvalidAnswer):
        await story.vote(await story.asked(run_id), "respond", answer=bad)
    assert await answered(story, run_id, good) == reaches


@pytest.mark.parametrize(("schema", "given", "reaches"), [
    ({"type": "integer"}, "42", 42),
    ({"type": "boolean"}, "true", True),
    (Flight, {"airline": "5", "seats": "2"}, {"airline": "5", "seats": 2}),
    ({"type": "string"}, "42", "42"),
    ({"type": "array", "items": {"type": "number"}}, ["1", 2], [1, 2]),
])  # fmt: skip
async def test_text_from_a_form_becomes_what_the_schema_says(story, schema, given, reaches):
    run_id = await story.go(asking(story, "Which?", schema))
    assert await answered(story, run_id, given) == reaches


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


async def test_I16_an_answer_that_fits_the_schema_and_not_the_graph_is_asked_for_again(story):
    def which(state):
        return {"out": [interrupt("Which?")]}

    run_id = await story.go(story.fan(how_many, which))
    answers = {"Which?": "that", "How many?": {"seats": 3}}
    for seats in (5, 4, None):
        for request in await story.open(run_id):
            await story.vote(request, "respond", answer=answers.pop(request.asked.text))
        await story.drain()
        answers["How many?"] = {"seats": seats}
    run = await story.run(run_id)
    assert (run.status, sorted(map(str, run.output["out"]))) == (RunStatus.done, ["4", "that"]), run.note
    again = [request for request in await story.every(run_id) if "must be even" in request.ask.description]
    assert [request.asked.text for request in again] == ["How many?"] * 2


async def test_I2_beside_an_effect_only_the_question_is_asked_again(story):
    paid = []

    def pay(state):
        return {"out": [ask(Action("pay", {})).perform(lambda: paid.append(1))]}

    run_id = await story.go(story.fan(how_many, pay))
    for request in await story.open(run_id):
        answers = {"answer": {"seats": 3}} if request.kind == "input" else {}
        await story.vote(request, "respond" if answers else "approve", **answers)
    await story.drain()
    request = await story.asked(run_id)
    assert "must be even" in request.ask.description
    assert paid == [1]
    await story.vote(request, "respond", answer={"seats": 4})
    await story.drain()
    assert ((await story.run(run_id)).status, paid) == (RunStatus.done, [1])


@pytest.mark.parametrize("silent", [False, True])
async def test_I5_a_refusal_of_a_yes_or_no_is_no(story, silent):
    run_id = await story.go(asking(story, "Send it?", {"type": "boolean"}))
    await (story.later(days=30) if silent else story.decide(await story.asked(run_id), "reject"))
    assert (await story.run(run_id)).output["out"] == [False]


@pytest.mark.parametrize("value", ["Which airline?", {"question": "Which?", "options": ["Delta", "United"]}])
@pytest.mark.parametrize(("silent", "status"), [(False, Status.rejected), (True, Status.expired)])
async def test_I5_a_graph_that_takes_only_answers_ends_without_one(story, value, silent, status):
    schema = {"type": "string"} if isinstance(value, str) else None
    run_id = await story.go(asking(story, value, schema))
    await (story.later(days=30) if silent else story.decide(await story.asked(run_id), "reject", "none of them"))
    run = await story.run(run_id)
    assert (run.status, f"was {status}" in run.note) == (RunStatus.failed, True)


@pytest.mark.parametrize("value", ["Delete it?", {"question": "Delete it?", "details": "x"}, {"amount": 5}, None])
@pytest.mark.parametrize(("verdict", "reaches"), [("approve", True), ("reject", False)])
async def test_I5_where_any_answer_will_do_approving_is_true_and_rejecting_false(story, value, verdict, reaches):
    run_id = await story.go(asking(story, value))
    request = await story.decide(await story.asked(run_id), verdict)
    assert request.status is (Status.approved if reaches else Status.rejected)
    assert (await story.run(run_id)).output["out"] == [reaches]


async def test_I5_silence_answers_nothing(story):
    run_id = await story.go(asking(story, "Delete it?"))
    await story.later(days=30)
    run = await story.run(run_id)
    assert (run.status, "was expired" in run.note) == (RunStatus.failed, True)


async def test_approving_sends_nothing_where_a_certain_answer_is_wanted(story):
    run_id = await story.go(asking(story, "Which airline?", {"type": "string"}))
    with pytest.raises(NotOffered):
        await story.vote(await story.asked(run_id), "approve")


async def test_I16_several_interrupts_of_one_node_and_of_nodes_side_by_side_get_their_own_answers(story):
    def one(state):
        return {"out": [("one", interrupt("first?"), interrupt("second?"))]}

    def two(state):
        return {"out": [("two", interrupt("third?"))]}

    run_id = await story.go(story.fan(one, two))
    for texts in (["third?", "first?"], ["second?"]):
        found = {request.asked.text: request for request in await story.open(run_id)}
        assert sorted(found) == sorted(texts)
        for text in texts:
            await story.vote(found[text], "respond", answer=f"to {text}")
        await story.drain()
    run = await story.run(run_id)
    assert sorted(run.output["out"]) == [["one", "to first?", "to second?"], ["two", "to third?"]]


async def test_S20_an_interrupt_of_a_sub_graph_surfaces_like_any_other(story):
    inner = asking(story, "Which?").compile()
    graph = StateGraph(story.State).add_node("team", inner).add_edge(START, "team").add_edge("team", END)
    run_id = await story.go(graph)
    assert await answered(story, run_id, "that") == "that"


async def test_I10_a_crash_after_the_answer_gives_it_again_once_a_person_lets_it(story):
    crashes = [True]

    def act(state):
        answer = interrupt("Which?")
        if crashes:
            crashes.pop()
            raise ConnectionError
        return {"out": [answer]}

    run_id = await story.go(story.chain(act))
    await story.vote(await story.asked(run_id), "respond", answer="that")
    await story.drain()
    await story.later(seconds=60)
    assert (await story.run(run_id)).attention == "may_have_happened"
    await story.retry(run_id)
    assert (await story.run(run_id)).output["out"] == ["that"]


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
async def test_S7_an_agent_inbox_interrupt_is_an_approval(story, listed, verdict, more, response):
    run_id = await story.go(asking(story, [human()] if listed else human()))
    request = await story.asked(run_id)
    assert (request.asked.name, request.asked.args, request.ask.description) == ("pay", {"amount": 900}, "Pay?")
    await story.vote(request, verdict, **more)
    await story.drain()
    assert (await story.run(run_id)).output["out"] == [[response]]


async def test_an_agent_inbox_edit_keeps_the_kinds_of_its_arguments(story):
    run_id = await story.go(asking(story, human()))
    with pytest.raises(InvalidAnswer, match="amount"):
        await story.vote(await story.asked(run_id), "edit", subject=Action("pay", {"amount": "much"}))
    await story.vote(await story.asked(run_id), "edit", subject=Action("pay", {"amount": "90"}))
    await story.drain()
    assert (await story.run(run_id)).output["out"][0][0]["args"]["args"] == {"amount": 90}


async def test_what_an_agent_inbox_interrupt_does_not_allow_is_not_offered(story):
    run_id = await story.go(asking(story, human(allow_edit=False, allow_respond=False, allow_ignore=False)))
    assert (await story.asked(run_id)).ask.verdicts == (Verdict.approve,)
    await story.later(days=30)
    run = await story.run(run_id)
    assert (run.status, "cannot be told to ignore it" in run.note) == (RunStatus.failed, True)


async def test_I5_silence_ignores_an_agent_inbox_interrupt(story):
    run_id = await story.go(asking(story, [human()]))
    await story.later(days=30)
    assert (await story.run(run_id)).output["out"] == [[{"type": "ignore", "args": None}]]


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
async def test_a_value_that_only_looks_like_a_known_one_needs_attention(story, value):
    run = await story.run(await story.go(asking(story, value)))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask"), run.note


async def test_a_value_that_is_too_large_to_be_shown_needs_attention(story):
    run = await story.run(await story.go(asking(story, {"text": "x" * 3_000_000})))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask"), run.note

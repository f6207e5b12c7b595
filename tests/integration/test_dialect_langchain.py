"""LangChain agents with `HumanInTheLoopMiddleware`, governed unchanged: batched and per call, with the real library."""

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from interlock import Action, Verdict
from interlock.domain.request import Status
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAnswer, NotOffered

PAID: list = []


class Scripted(GenericFakeChatModel):
    """A model that says what the test says."""

    def bind_tools(self, tools, **kwargs):
        return self


@tool
def pay(vendor: str, amount: int) -> str:
    """Pay a vendor."""
    PAID.append((vendor, amount))
    return f"paid {amount} to {vendor}"


@tool
def ask_user(question: str) -> str:
    """Ask the user."""
    raise AssertionError("a person answers in its place")


@tool
def look(what: str) -> str:
    """Look something up."""
    return f"{what}: found"


@pytest.fixture(autouse=True)
def nothing_paid():
    PAID.clear()


def call(name, number, **args):
    return {"name": name, "args": args, "id": f"call_{number}", "type": "tool_call"}


def agent(*turns, mode="batched", **interrupt_on):
    """Return an agent whose model makes these calls, turn by turn, and then says that it is done."""
    messages = [AIMessage("", tool_calls=list(turn)) for turn in turns]
    return create_agent(
        Scripted(messages=iter([*messages, AIMessage("done")])),
        [pay, ask_user, look],
        middleware=[HumanInTheLoopMiddleware(interrupt_on=interrupt_on, interrupt_mode=mode)],
    )


def told(run):
    """Return what the model was told by its tools, in order."""
    return [message["content"] for message in run.output["messages"] if message["type"] == "tool"]


MODES = pytest.mark.parametrize("mode", ["batched", "per_call"])
FOUR = (
    call("pay", 0, vendor="ACME", amount=500),
    call("pay", 1, vendor="Evil", amount=900),
    call("pay", 2, vendor="Bolt", amount=100),
    call("ask_user", 3, question="Which department?"),
    call("look", 4, what="rate"),
)
HI = {"messages": [{"role": "user", "content": "pay the bills"}]}


@MODES
async def test_S7_each_call_of_a_turn_is_a_request_and_verdicts_may_differ(story, mode):
    graph = agent(FOUR, mode=mode, pay=True, ask_user={"allowed_decisions": ["respond"]})
    run_id = await story.go(graph, HI)
    found = {
        request.asked.args["vendor"] if request.kind == "approval" else "asked": request
        for request in await story.open(run_id)
    }
    assert sorted(found) == ["ACME", "Bolt", "Evil", "asked"]
    assert found["asked"].asked.text == "Which department?"
    assert found["ACME"].ask.verdicts == (Verdict.approve, Verdict.edit, Verdict.reject, Verdict.respond)
    await story.decide(found["Evil"], "reject", "never heard of them")
    await story.decide(found["ACME"])
    await story.vote(found["asked"], "respond", answer="finance")
    await story.drain()
    assert PAID == []  # one is still open, so nothing resumes
    await story.vote(found["Bolt"], "edit", subject=Action("pay", {"vendor": "Bolt", "amount": 90}))
    await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert sorted(PAID) == [("ACME", 500), ("Bolt", 90)]
    answers = told(run)
    assert "paid 500 to ACME" in answers
    assert "finance" in answers
    assert any("never heard of them" in answer for answer in answers)
    assert any("human reviewer replaced" in answer and "paid 90 to Bolt" in answer for answer in answers)


@MODES
async def test_I5_nobody_answered_in_time_is_a_rejection_that_says_so(story, mode):
    graph = agent(FOUR, mode=mode, pay=True, ask_user={"allowed_decisions": ["respond"]})
    run_id = await story.go(graph, HI)
    await story.later(days=30)
    run = await story.run(run_id)
    assert (run.status, PAID) == (RunStatus.done, []), run.note
    assert {request.status for request in await story.every(run_id)} == {Status.expired}
    assert sum("Nobody decided in time" in answer for answer in told(run)) == 4


@MODES
async def test_a_person_may_answer_in_the_place_of_an_action(story, mode):
    run_id = await story.go(agent([call("pay", 0, vendor="ACME", amount=5)], mode=mode, pay=True), HI)
    await story.vote(await story.asked(run_id), "respond", answer="it is paid already")
    await story.drain()
    assert [request.status for request in await story.every(run_id)] == [Status.answered]
    assert told(await story.run(run_id)) == ["it is paid already"]
    assert PAID == []


@MODES
async def test_I16_two_equal_calls_are_two_requests_and_keep_their_places(story, mode):
    twice = [call("pay", 0, vendor="ACME", amount=5), call("pay", 1, vendor="ACME", amount=5)]
    run_id = await story.go(agent(twice, mode=mode, pay=True), HI)
    first, second = sorted(await story.open(run_id), key=lambda request: request.ask.interrupt_id)
    assert first.id != second.id
    await story.decide(first, "reject", "only once")
    await story.decide(second)
    assert PAID == [("ACME", 5)]
    run = await story.run(run_id)
    rejected = [message for message in run.output["messages"] if "only once" in str(message["content"])]
    if mode == "batched":
        assert [message["tool_call_id"] for message in rejected] == ["call_0"]
    assert len(rejected) == 1


@MODES
async def test_a_verdict_that_the_middleware_does_not_allow_is_not_offered(story, mode):
    run_id = await story.go(
        agent([call("pay", 0, vendor="ACME", amount=5)], mode=mode, pay={"allowed_decisions": ["approve", "reject"]}),
        HI,
    )
    request = await story.asked(run_id)
    assert request.ask.verdicts == (Verdict.approve, Verdict.reject)
    with pytest.raises(NotOffered):
        await story.vote(request, "edit", subject=Action("pay", {"vendor": "ACME", "amount": 4}))
    await story.decide(request)
    assert PAID == [("ACME", 5)]


@MODES
async def test_I5_where_no_refusal_can_be_told_silence_ends_the_run(story, mode):
    run_id = await story.go(
        agent([call("pay", 0, vendor="ACME", amount=5)], mode=mode, pay={"allowed_decisions": ["approve"]}), HI
    )
    await story.later(days=30)
    run = await story.run(run_id)
    assert run.status is RunStatus.failed
    assert "was expired, and the agent can only be told: approve" in run.note
    assert PAID == []


@MODES
@pytest.mark.parametrize("amount", ["much", 5.5, None])
async def test_an_edit_that_the_tool_does_not_take_never_reaches_the_graph(story, mode, amount):
    run_id = await story.go(agent([call("pay", 0, vendor="ACME", amount=5)], mode=mode, pay=True), HI)
    request = await story.asked(run_id)
    with pytest.raises(InvalidAnswer, match="amount"):
        await story.vote(request, "edit", subject=Action("pay", {"vendor": "ACME", "amount": amount}))
    await story.decide(await story.asked(run_id))
    assert PAID == [("ACME", 5)]


@MODES
async def test_a_second_turn_asks_again(story, mode):
    turns = [[call("pay", n, vendor="ACME", amount=5)] for n in range(2)]
    run_id = await story.go(agent(*turns, mode=mode, pay=True), HI)
    await story.decide(await story.asked(run_id), "reject", "not yet")
    await story.decide(await story.asked(run_id))
    assert (await story.run(run_id)).status is RunStatus.done
    assert PAID == [("ACME", 5)]


@MODES
async def test_I10_a_retry_after_a_crash_gives_the_decisions_again(story, mode):
    crashes = [True, True]

    @tool
    def pay(vendor: str, amount: int) -> str:
        """Pay."""
        if crashes:
            crashes.pop()
            raise ConnectionError("away")
        PAID.append((vendor, amount))
        return "paid"

    model = Scripted(messages=iter([AIMessage("", tool_calls=[FOUR[0]]), AIMessage("done")]))
    graph = create_agent(
        model, [pay], middleware=[HumanInTheLoopMiddleware(interrupt_on={"pay": True}, interrupt_mode=mode)]
    )
    run_id = await story.go(graph, HI)
    await story.vote(await story.asked(run_id), "edit", subject=Action("pay", {"vendor": "ACME", "amount": 1}))
    await story.drain()
    for left in (1, 0):
        assert len(crashes) == left
        assert (PAID, (await story.run(run_id)).status) == ([], RunStatus.needs_attention)
        await story.retry(run_id)
    run = await story.run(run_id)
    assert (run.status, PAID) == (RunStatus.done, [("ACME", 1)]), run.note
    assert len(await story.every(run_id)) == 1

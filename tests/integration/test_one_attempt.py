"""One approval is one attempt, whatever stands around the tool; and what a tool says of its failure is believed."""

import asyncio
import re
from typing import Any

import pytest
import tenacity
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ToolRetryMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import StructuredTool, ToolException
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, RetryPolicy
from pydantic import BaseModel, field_validator

from interlock import Action, InvalidAgent, NotDone, ToolFailed, ask, gated
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus
from interlock.langchain import GatedTools, idempotency_key

HI = {"messages": [{"role": "user", "content": "pay"}]}
COLOURS = pytest.mark.parametrize("colour", ["plain", "async"])


class Scripted(BaseChatModel):
    """Calls once, and is done."""

    args: Any

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **options):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **options):
        call = {"name": "pay", "args": self.args, "id": "c1"}
        first = isinstance(messages[-1], HumanMessage)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call] if first else []))])


class Amount(BaseModel):
    amount: int

    @field_validator("amount")
    @classmethod
    def odd(cls, value):
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value


def tool(fn, colour="plain", **options):
    def call(amount: int):
        return fn(amount)

    async def acall(amount: int):
        await asyncio.sleep(0)
        return fn(amount)

    made = StructuredTool.from_function(
        call if colour == "plain" else None,
        acall if colour == "async" else None,
        "pay",
        "Pay.",
        args_schema=Amount,
    )
    for name, value in options.items():
        setattr(made, name, value)
    return made


async def approved(story, tools, *middleware, args=None):
    model = Scripted(args=args or {"amount": 5})
    run_id = await story.go(create_agent(model, tools, middleware=middleware), HI)
    request = await story.asked(run_id)
    await story.decide(request)
    return await story.run(run_id), await story.request(request.id)


def told(run):
    return [message["content"] for message in run.output["messages"] if message["type"] == "tool"]


RETRY = {"max_retries": 3, "initial_delay": 0.001, "jitter": False}


@COLOURS
@pytest.mark.parametrize("place", ["inside", "outside", "both"])
@pytest.mark.parametrize("on_failure", ["continue", "error"])
async def test_retried_one_approval_is_one_call_wherever_a_retry_stands(story, colour, place, on_failure):
    calls = []

    def fails(amount):
        calls.append(amount)
        raise ConnectionError("reset")

    retry = ToolRetryMiddleware(**RETRY, on_failure=on_failure)
    around = {"inside": [GatedTools("pay"), retry], "outside": [retry, GatedTools("pay")]}
    around["both"] = [retry, GatedTools("pay"), ToolRetryMiddleware(**RETRY, tools=["pay"])][: 2 if on_failure else 3]
    run, request = await approved(story, [tool(fails, colour)], *around[place])
    assert (calls, run.attention, request.effect) == ([5], "effect_unknown", EffectState.unknown)
    assert "reset" in run.note


@COLOURS
async def test_retried_what_certainly_did_not_happen_is_not_called_again_either(story, colour):
    calls = []

    def fails(amount):
        calls.append(amount)
        raise LookupError("no such account")

    gate = GatedTools("pay", not_done=(LookupError,))
    run, request = await approved(story, [tool(fails, colour)], gate, ToolRetryMiddleware(**RETRY))
    assert (calls, request.effect, run.status) == ([5], EffectState.failed, RunStatus.done)
    assert told(run) == ["It was approved and not done: no such account"]


@COLOURS
async def test_retried_middleware_that_calls_again_after_success_is_given_the_first_result(story, colour):
    calls = []

    class Twice(AgentMiddleware):
        def wrap_tool_call(self, request, handler):
            handler(request)
            return handler(request)

        async def awrap_tool_call(self, request, handler):
            await handler(request)
            return await handler(request)

    run, request = await approved(
        story, [tool(lambda amount: calls.append(amount) or "paid", colour)], GatedTools("pay"), Twice()
    )
    assert (calls, request.effect, told(run)) == ([5], EffectState.executed, ["paid"])


async def test_retried_a_nodes_retry_policy_and_tenacity_around_call_once(story):
    calls = []

    def fails(amount):
        calls.append(amount)
        raise ConnectionError("reset")

    def act(state):
        decision = ask(Action("pay", {"amount": 5}))

        @tenacity.retry(stop=tenacity.stop_after_attempt(3), retry=tenacity.retry_always)
        def again():
            return decision.perform(fails)

        return {"out": [again()]}

    policy = RetryPolicy(max_attempts=3, initial_interval=0.001, retry_on=lambda _: True)
    run_id = await story.go(story.chain(act, retry=policy))
    run = await story.approve_all(run_id)
    assert (calls, run.attention) == ([5], "effect_unknown")


def test_retried_a_tool_that_retries_by_itself_is_refused_unless_it_is_idempotent():
    @tenacity.retry(stop=tenacity.stop_after_attempt(3))
    def pay(amount: int, idempotency_key: str):
        return amount

    with pytest.raises(InvalidAgent, match="one approval is one attempt"):
        gated(pay)
    assert gated(idempotent=True)(pay)


async def test_retried_performing_a_function_that_retries_begins_nothing(story):
    calls = []

    @tenacity.retry(stop=tenacity.stop_after_attempt(3))
    def pay(amount):
        calls.append(amount)

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 5})).perform(pay)]}

    run_id = await story.go(story.chain(act))
    run = await story.approve_all(run_id)
    assert (run.attention, calls) == ("invalid_ask", [])
    assert (await story.every(run_id))[0].effect is EffectState.none


# ── what a tool says of its failure ──


def handled(amount):
    raise ToolException("insufficient funds")


def says_so(amount):
    return ToolMessage("insufficient funds", tool_call_id="c1", status="error")


def commands(amount):
    return Command(update={"messages": [says_so(amount)]})


FAILURES = pytest.mark.parametrize(
    ("fn", "options"),
    [
        (handled, {"handle_tool_error": True}),
        (handled, {"handle_tool_error": "insufficient funds"}),
        (handled, {"handle_tool_error": lambda error: f"{error}"}),
        (says_so, {}),
        (commands, {}),
    ],
)


@FAILURES
@COLOURS
async def test_said_error_is_unknown_where_the_tool_declares_nothing(story, fn, options, colour):
    run, request = await approved(story, [tool(fn, colour, **options)], GatedTools("pay"))
    assert (request.effect, run.attention) == (EffectState.unknown, "effect_unknown")
    assert "insufficient funds" in run.note


@FAILURES
async def test_said_error_is_failed_where_the_tool_declares_that_nothing_happened(story, fn, options):
    gate = GatedTools("pay", not_done=(ToolFailed, ToolException))
    run, request = await approved(story, [tool(fn, **options)], gate)
    assert (request.effect, run.status) == (EffectState.failed, RunStatus.done)
    assert told(run) == ["It was approved and not done: insufficient funds"]


@pytest.mark.parametrize("declared", [(), (ToolFailed,)])
@pytest.mark.parametrize("shape", ["dict", "object", "message"])
@COLOURS
async def test_said_error_of_mcp_and_of_messages_is_read_where_it_is_performed(story, shape, declared, colour):
    class Result:
        isError = True  # noqa: N815 - MCP's name
        content = ({"type": "text", "text": "no funds"},)

    value = {"dict": {"isError": True, "content": [*Result.content]}, "object": Result(), "message": says_so(1)}[shape]

    async def acall(amount):
        return value

    def act(state):
        try:
            return {"out": [ask(Action("pay", {"amount": 5})).perform(lambda amount: value, not_done=declared)]}
        except NotDone as error:
            return {"out": [str(error)]}

    async def aact(state):
        try:
            return {"out": [await ask(Action("pay", {"amount": 5})).aperform(acall, not_done=declared)]}
        except NotDone as error:
            return {"out": [str(error)]}

    run_id = await story.go(story.chain(act if colour == "plain" else aact))
    run = await story.approve_all(run_id)
    request = (await story.every(run_id))[0]
    if declared:
        assert (request.effect, run.status) == (EffectState.failed, RunStatus.done)
        assert "funds" in run.output["out"][0]
    else:
        assert (request.effect, run.attention) == (EffectState.unknown, "effect_unknown")


async def test_said_error_a_result_that_is_no_error_is_executed(story):
    def act(state):
        return {"out": [ask(Action("pay", {"amount": 5})).perform(lambda amount: {"isError": False, "content": []})]}

    run = await story.approve_all(await story.go(story.chain(act)))
    assert run.output["out"] == [{"isError": False, "content": []}]


@COLOURS
@pytest.mark.parametrize("handles", [False, True])
async def test_said_error_refused_arguments_certainly_did_nothing(story, colour, handles):
    calls = []
    pay = tool(calls.append, colour, handle_validation_error=handles)
    run_id = await story.go(create_agent(Scripted(args={"amount": 5}), [pay], middleware=[GatedTools("pay")]), HI)
    request = await story.asked(run_id)
    await story.vote(request, "edit", subject=Action("pay", {"amount": 4}))  # fits the schema, and not the validator
    await story.drain()
    run, request = await story.run(run_id), await story.request(request.id)
    assert (calls, request.effect, run.status, run.note) == ([], EffectState.failed, RunStatus.done, "")
    assert "must be odd" in told(run)[0]


@COLOURS
async def test_said_error_that_toolnode_makes_of_any_exception_is_not_executed(story, colour):
    def fails(amount):
        raise ConnectionError("reset")

    graph = create_agent(Scripted(args={"amount": 5}), [tool(fails, colour)], middleware=[GatedTools("pay")])
    node = graph.nodes["tools"].bound
    assert isinstance(node, ToolNode)
    node._handle_tool_errors = True
    run_id = await story.go(graph, HI)
    run = await story.approve_all(run_id)
    assert (run.attention, (await story.every(run_id))[0].effect) == ("effect_unknown", EffectState.unknown)


@COLOURS
async def test_a_tool_that_another_rule_blocks_is_not_done_and_says_so(story, colour):
    calls = []

    class Limit(AgentMiddleware):
        def wrap_tool_call(self, request, handler):
            return ToolMessage("only on weekdays", tool_call_id=request.tool_call["id"], status="error")

        async def awrap_tool_call(self, request, handler):
            return self.wrap_tool_call(request, handler)

    run, request = await approved(story, [tool(calls.append, colour)], GatedTools("pay"), Limit())
    assert (calls, request.effect, run.status) == ([], EffectState.failed, RunStatus.done)
    assert request.effect_note == "the tool was blocked by another rule of the agent: only on weekdays"


async def test_a_failure_of_a_tool_that_was_put_in_its_place_is_not_taken_for_blocked(story):
    class Other(AgentMiddleware):
        def wrap_tool_call(self, request, handler):
            return handler(request.override(tool=tool(says_so)))

    _, request = await approved(story, [tool(lambda amount: "paid")], GatedTools("pay"), Other())
    assert request.effect is EffectState.unknown


# ── called again with the same key ──


@COLOURS
async def test_idempotent_what_raises_is_called_again_with_the_same_key(story, colour):
    keys = []

    def pay(amount, idempotency_key):
        keys.append(idempotency_key)
        if len(keys) < 3:
            raise ConnectionError("try again")
        return "paid"

    async def apay(amount, idempotency_key):
        return pay(amount, idempotency_key)

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 5})).perform(pay, idempotent=True)]}

    async def aact(state):
        return {"out": [await ask(Action("pay", {"amount": 5})).aperform(apay, idempotent=True)]}

    run_id = await story.go(story.chain(act if colour == "plain" else aact))
    await story.decide(await story.asked(run_id))
    run = await story.run(run_id)
    assert run.status is RunStatus.queued
    assert re.search(r"ConnectionError: try again \(.*\.py, line \d+\); it is called again with the same key", run.note)
    await story.later(minutes=5)
    await story.later(minutes=5)
    run, request = await story.run(run_id), (await story.every(run_id))[0]
    assert (run.output["out"], request.effect, request.claim.attempt) == (["paid"], EffectState.executed, 3)
    assert set(keys) == {request.id}


@COLOURS
async def test_idempotent_tools_of_langchain_are_called_again_once_in_each_attempt(story, colour):
    keys = []

    def pay(amount):
        keys.append(idempotency_key())
        if len(keys) < 2:
            raise ConnectionError("try again")
        return "paid"

    gate = GatedTools("pay", idempotent=["pay"])
    run_id = await story.go(
        create_agent(
            Scripted(args={"amount": 5}), [tool(pay, colour)], middleware=[gate, ToolRetryMiddleware(**RETRY)]
        ),
        HI,
    )
    await story.decide(await story.asked(run_id))
    assert len(keys) == 1
    await story.later(minutes=5)
    assert (told(await story.run(run_id)), len(set(keys)), len(keys)) == (["paid"], 1, 2)


async def test_idempotent_what_fails_at_every_attempt_is_a_persons_question(story):
    def pay(amount, idempotency_key):
        raise ConnectionError("gone")

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 5})).perform(pay, idempotent=True)]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(run_id))
    for _ in range(6):
        await story.later(hours=1)
    run, request = await story.run(run_id), (await story.every(run_id))[0]
    assert (run.attention, request.effect) == ("attempts_exhausted", EffectState.claimed)
    await story.settle(request.id, "happened", "the receipt")
    assert (await story.retry(run_id)).output["out"] == ["the receipt"]


@pytest.mark.parametrize("found", [{"paid": 5}, None])
async def test_idempotent_a_verifiable_tool_that_raised_is_verified_before_it_is_called_again(story, found):
    calls, looked = [], []

    def pay(amount):
        calls.append(amount)
        if len(calls) == 1:
            raise TimeoutError
        return "second"

    def verify(amount, idempotency_key):
        looked.append(idempotency_key)
        return found

    def act(state):
        return {"out": [ask(Action("pay", {"amount": 5})).perform(pay, verify=verify)]}

    run_id = await story.go(story.chain(act))
    await story.decide(await story.asked(run_id))
    await story.later(minutes=5)
    assert (await story.run(run_id)).output["out"] == [found or "second"]
    assert (len(looked), len(calls)) == (1, 1 if found else 2)


async def test_idempotent_beside_an_unknown_effect_a_person_looks_first(story):
    def known(state):
        return {"out": [ask(Action("known", {})).perform(broken, idempotent=True)]}

    def unknown(state):
        return {"out": [ask(Action("unknown", {})).perform(broken)]}

    def broken():
        raise TimeoutError

    run_id = await story.go(story.fan(known, unknown))
    run = await story.approve_all(run_id)
    assert run.attention is not None or run.status is RunStatus.queued
    await story.later(minutes=5)
    (effect,) = [one.effect for one in await story.every(run_id) if one.asked.name == "unknown"]
    # Its node may have come too late to begin its effect: it was allowed to act, and a person looks then as well.
    expected = {EffectState.unknown: "effect_unknown", EffectState.none: "may_have_happened"}
    assert (await story.run(run_id)).attention == expected[effect]

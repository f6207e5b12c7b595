"""`interlock.langchain.GatedTools`: a LangChain agent's tools go through the ledger, whatever other middleware does."""

import asyncio

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, HumanInTheLoopMiddleware, hook_config
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool, tool
from langgraph.types import Command

from interlock import Action, NotDone
from interlock.domain.commands import WithdrawAsPerson
from interlock.domain.request import EffectState, Status
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAgent
from interlock.langchain import GatedTools, idempotency_key

HI = {"messages": [{"role": "user", "content": "pay the bills"}]}


class Scripted(GenericFakeChatModel):
    """A model that says what the test says."""

    def bind_tools(self, tools, **kwargs):
        return self


def call(number=0, **args):
    return {"name": "pay", "args": {"vendor": "ACME", "amount": 5, **args}, "id": f"call_{number}", "type": "tool_call"}


def agent(tools, *middleware, turns=None):
    said = [AIMessage("", tool_calls=list(turn)) for turn in turns or ([call()],)]
    model = Scripted(messages=iter([*said, *(AIMessage(f"done {n}") for n in range(5))]))
    return create_agent(model, tools, middleware=middleware)


def payer(paid, *, colour, fails=None):
    """Return a tool in either colour."""

    def pay(vendor: str, amount: int) -> str:
        """Pay a vendor."""
        paid.append((vendor, amount))
        if fails:
            raise fails.pop()
        return f"paid {amount} to {vendor}"

    async def apay(vendor: str, amount: int) -> str:
        """Pay a vendor."""
        await asyncio.sleep(0)
        return pay(vendor, amount)

    return StructuredTool.from_function(pay if colour == "plain" else None, apay if colour == "async" else None, "pay")


def told(run):
    return [message["content"] for message in run.output["messages"] if message["type"] == "tool"]


COLOURS = pytest.mark.parametrize("colour", ["plain", "async"])


async def test_a_call_is_found_by_what_it_is_about(story):
    gate = GatedTools("pay", reference=lambda tool, args: f"{tool} {args['vendor']}")
    run_id = await story.go(agent([payer([], colour="plain")], gate), HI)
    assert (await story.asked(run_id)).reference == "pay ACME"


@COLOURS
async def test_I2_an_approved_call_is_one_effect(story, colour):
    paid = []
    run_id = await story.go(agent([payer(paid, colour=colour)], GatedTools("pay")), HI)
    request = await story.asked(run_id)
    assert (request.asked.name, request.asked.args, request.ask.description) == (
        "pay", {"vendor": "ACME", "amount": 5}, "Pay a vendor.",
    )  # fmt: skip
    assert paid == []
    await story.decide(request)
    request = await story.request(request.id)
    assert (request.effect, request.result) == (
        EffectState.executed, {"content": "paid 5 to ACME", "status": "success"},
    )  # fmt: skip
    assert paid == [("ACME", 5)]
    assert told(await story.run(run_id)) == ["paid 5 to ACME"]


@COLOURS
async def test_S3_a_changed_call_runs_as_it_was_changed_and_the_model_is_told(story, colour):
    paid = []
    run_id = await story.go(agent([payer(paid, colour=colour)], GatedTools("pay")), HI)
    await story.vote(await story.asked(run_id), "edit", subject=Action("pay", {"vendor": "ACME", "amount": 4}))
    await story.drain()
    assert paid == [("ACME", 4)]
    assert "a reviewer changed this call" in told(await story.run(run_id))[0]


async def test_the_model_is_told_that_its_call_was_withdrawn(story):
    paid = []
    run_id = await story.go(agent([payer(paid, colour="plain")], GatedTools("pay")), HI)
    request = await story.asked(run_id)
    await story.system.desk.handle(WithdrawAsPerson(request.id, "the invoice is paid"), story.me)
    await story.drain()
    run = await story.run(run_id)
    assert (run.status, paid) == (RunStatus.done, [])
    assert told(run)[0] == "The request to do pay was withdrawn, so it was not done: the invoice is paid"


@pytest.mark.parametrize(("silent", "says"), [(False, "with reason: too much"), (True, "Nobody decided")])
async def test_I5_the_model_is_told_of_a_rejection_and_of_silence(story, silent, says):
    paid = []
    run_id = await story.go(agent([payer(paid, colour="plain")], GatedTools("pay")), HI)
    request = await story.asked(run_id)
    await (story.later(days=30) if silent else story.decide(request, "reject", "too much"))
    run = await story.run(run_id)
    assert (run.status, paid) == (RunStatus.done, [])
    assert says in told(run)[0]


async def test_several_calls_of_a_turn_are_several_requests(story):
    paid = []
    turn = [call(0), call(1), call(2, vendor="Evil")]
    run_id = await story.go(agent([payer(paid, colour="async")], GatedTools(), turns=[turn]), HI)
    for request in await story.open(run_id):
        await story.vote(request, "reject" if request.asked.args["vendor"] == "Evil" else "approve")
    await story.drain()
    assert paid == [("ACME", 5), ("ACME", 5)]
    assert (await story.run(run_id)).status is RunStatus.done


@COLOURS
async def test_I2_a_crash_after_the_effect_does_not_repeat_it(story, colour):
    paid, crashes = [], [True]

    class Crashing(AgentMiddleware):
        """Breaks after the tool, before the advance can be committed."""

        def before_model(self, state, runtime):
            if len(state["messages"]) > 2 and crashes:
                crashes.pop()
                raise ConnectionError("away")

    run_id = await story.go(agent([payer(paid, colour=colour)], GatedTools("pay"), Crashing()), HI)
    await story.decide(await story.asked(run_id))
    assert (await story.run(run_id)).status is RunStatus.queued
    await story.later(seconds=60)
    run = await story.run(run_id)
    assert (run.status, told(run), paid) == (RunStatus.done, ["paid 5 to ACME"], [("ACME", 5)])


@COLOURS
async def test_I2_a_tool_that_breaks_leaves_an_unknown_effect_for_a_person(story, colour):
    paid = []
    run_id = await story.go(agent([payer(paid, colour=colour, fails=[OSError("cut")])], GatedTools("pay")), HI)
    request = await story.asked(run_id)
    await story.decide(request)
    assert (await story.run(run_id)).attention == "effect_unknown"
    await story.settle(request.id, "happened", {"content": "paid, as I saw", "status": "success"})
    run = await story.run(run_id)
    assert (run.status, told(run), paid) == (RunStatus.done, ["paid, as I saw"], [("ACME", 5)])


@COLOURS
@pytest.mark.parametrize("error", [NotDone("no money"), LookupError("no money")])
async def test_the_model_reads_what_was_certainly_not_done(story, colour, error):
    gate = GatedTools("pay", not_done=(LookupError,))
    run_id = await story.go(agent([payer([], colour=colour, fails=[error])], gate), HI)
    request = await story.asked(run_id)
    await story.decide(request)
    assert (await story.request(request.id)).effect is EffectState.failed
    assert "approved and not done" in told(await story.run(run_id))[0]


@COLOURS
async def test_I2_a_tool_finds_the_key_of_its_effect(story, colour):
    keys = []

    def pay(vendor: str, amount: int) -> str:
        """Pay."""
        keys.append(idempotency_key())
        return "paid"

    async def apay(vendor: str, amount: int) -> str:
        """Pay."""
        return pay(vendor, amount)

    made = StructuredTool.from_function(pay if colour == "plain" else None, apay if colour == "async" else None, "pay")
    run_id = await story.go(agent([made], GatedTools("pay", idempotent=["pay"])), HI)
    request = await story.asked(run_id)
    await story.decide(request)
    assert keys == [(await story.request(request.id)).claim.key]
    with pytest.raises(InvalidAgent, match="in a tool that GatedTools gates"):
        idempotency_key()


async def test_a_call_that_does_not_fit_its_tool_is_told_to_the_model_and_asks_nobody(story):
    paid = []
    turns = [[call(amount="much")], [call(1)]]
    run_id = await story.go(agent([payer(paid, colour="plain")], GatedTools("pay"), turns=turns), HI)
    await story.decide(await story.asked(run_id))
    run = await story.run(run_id)
    assert "arguments do not fit" in told(run)[0]
    assert paid == [("ACME", 5)]


async def test_tools_that_are_not_named_run_unasked(story):
    paid = []
    run_id = await story.go(agent([payer(paid, colour="plain")], GatedTools("refund")), HI)
    assert (await story.run(run_id)).status is RunStatus.done
    assert paid == [("ACME", 5)]


async def test_a_tool_that_returns_a_command_is_executed_once(story):
    @tool
    def pay(vendor: str, amount: int) -> Command:
        """Pay."""
        from langchain_core.messages import ToolMessage  # noqa: PLC0415

        return Command(update={"messages": [ToolMessage("paid by command", tool_call_id="call_0")]})

    run_id = await story.go(agent([pay], GatedTools("pay")), HI)
    await story.decide(await story.asked(run_id))
    assert told(await story.run(run_id)) == ["paid by command"]


def test_an_idempotent_tool_that_is_not_gated_is_a_mistake():
    with pytest.raises(InvalidAgent, match="refund"):
        GatedTools("pay", idempotent=["refund"])


# ── what another middleware can do ──


class Jumps(AgentMiddleware):
    """Sends every turn's calls to the tools, whatever was decided about them."""

    @hook_config(can_jump_to=["tools"])
    def after_model(self, state, runtime):
        last = next(message for message in reversed(state["messages"]) if isinstance(message, AIMessage))
        return {"jump_to": "tools"} if last.tool_calls else None


def rejecting():
    return HumanInTheLoopMiddleware(interrupt_on={"pay": True})


async def test_without_gated_tools_a_rejected_call_that_is_jumped_to_the_tools_runs(story):
    """LangChain's own rule, documented in docs/how-to/langchain.md: if this fails, LangChain has mended it."""
    paid = []
    run_id = await story.go(agent([payer(paid, colour="plain")], Jumps(), rejecting()), HI)
    await story.decide(await story.asked(run_id), "reject", "no")
    assert paid == [("ACME", 5)]


async def test_I1_with_gated_tools_a_rejected_call_that_is_jumped_to_the_tools_is_refused(story):
    paid = []
    graph = agent([payer(paid, colour="plain")], Jumps(), rejecting(), GatedTools("pay"))
    run_id = await story.go(graph, HI)
    await story.decide(await story.asked(run_id), "reject", "no")
    run = await story.run(run_id)
    assert (run.status, paid) == (RunStatus.done, []), run.note
    assert any("answered already: it is not done" in answer for answer in told(run))
    assert [request.status for request in await story.every(run_id)] == [Status.rejected]


async def test_I1_a_jump_past_gated_tools_alone_asks_all_the_same(story):
    paid = []
    run_id = await story.go(agent([payer(paid, colour="plain")], Jumps(), GatedTools("pay")), HI)
    await story.decide(await story.asked(run_id), "reject", "no")
    assert (await story.run(run_id)).status is RunStatus.done
    assert paid == []

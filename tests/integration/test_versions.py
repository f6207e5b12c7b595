"""Fault 12, I16: the graph is deployed anew while runs are paused: each goes on rightly, or asks for attention."""

from collections import Counter

import pytest

from interlock import Action, Agent, ask
from interlock.domain.events import Opened
from interlock.domain.request import EffectState
from interlock.domain.run import RunStatus
from interlock.testing.invariants import whole_log

REFERENCE = "tests:payer"
RIGHT = "paid {}"


class Payer:
    """An agent in several versions, and the sink that its payments go to."""

    def __init__(self, story):
        self.story = story
        self.paid = []

    def pay(self, amount):
        self.paid.append(amount)
        return RIGHT.format(amount)

    def plan(self, state):
        return {"input": state["input"]}

    def act(self, state):
        return {"out": [ask(Action("pay", {"amount": state["input"]})).perform(self.pay)]}

    def asks_first(self, state):
        if not ask(Action("really", {})).approved:
            return {"out": ["no"]}
        return self.act(state)

    def asks_no_more(self, state):
        return {"out": ["unasked"]}

    def audit(self, state):
        return {"out": ["audited"]}

    def deploy(self, *nodes, **options):
        """Put a version of the agent in place, its nodes given as name and function."""
        named = []
        for name, function in nodes:
            node = self.wrapped(function)
            node.__name__ = name
            named.append(node)
        self.story.register(Agent(self.story.chain(*named), **options), REFERENCE)

    @staticmethod
    def wrapped(function):
        def node(state):
            return function(state)

        return node

    def deploy_first(self, **options):
        self.deploy(("plan", self.plan), ("act", self.act), **options)

    async def pause(self, count):
        return [await self.story.start(REFERENCE, {"input": number}) for number in range(count)]

    async def answer(self):
        """Approve whatever stands, odd numbers rejected."""
        for request in await self.story.open():
            odd = request.asked.args.get("amount", 0) % 2
            await self.story.vote(request, "reject" if odd else "approve", "odd" if odd else "")
        await self.story.drain()


@pytest.fixture
def payer(story):
    return Payer(story)


MANY = [pytest.param(10, id="ten"), pytest.param(1_000, id="thousand", marks=pytest.mark.soak)]


async def statuses(story, runs):
    return Counter([(run := await story.run(run_id)).attention or str(run.status) for run_id in runs])


async def assert_only_right_payments(story, payer):
    """Whatever became of the runs: what was paid was approved, once each."""
    approved = set()
    for entry in await whole_log(story.store):
        if isinstance(entry.event, Opened):
            request = await story.request(entry.stream)
            if request.effect is EffectState.executed:
                approved.add(request.edition.subject.args["amount"])
    assert sorted(payer.paid) == sorted(approved)
    assert all(amount % 2 == 0 for amount in payer.paid)


@pytest.mark.parametrize(
    "many",
    [
        pytest.param(30, id="thirty"),
        pytest.param(10_000, id="ten thousand", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_fault_12_a_renamed_node_needs_attention(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy(("plan", payer.plan), ("act_now", payer.act))
    await payer.answer()
    assert await statuses(story, runs) == {"version_mismatch": many}
    assert payer.paid == []
    payer.deploy_first()  # the earlier one is put back
    for run_id in runs[:10]:
        run = await story.retry(run_id)
        assert run.status is (RunStatus.failed if run.input["input"] % 2 else RunStatus.done)
    await assert_only_right_payments(story, payer)


@pytest.mark.parametrize("many", MANY)
async def test_I16_accepting_the_version_of_a_renamed_node_still_fails_closed(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy(("plan", payer.plan), ("act_now", payer.act))
    await payer.answer()
    for run_id in runs:
        await story.system.runs.accept_version(run_id, story.me)
    await story.drain()
    assert await statuses(story, runs) == {"version_mismatch": many}
    assert payer.paid == []
    run = await story.run(runs[0])
    assert payer.story.system.registry.load(REFERENCE).version in run.note
    payer.deploy_first()  # back to the one that paused: retry is enough
    assert (await story.retry(runs[0])).status is RunStatus.done


@pytest.mark.parametrize("many", MANY)
async def test_fault_12_an_ask_inserted_first_gets_no_answer_that_was_meant_for_another(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy(("plan", payer.plan), ("act", payer.asks_first))
    await payer.answer()
    assert payer.paid == []
    assert {request.asked.name for request in await story.open()} <= {"really"}
    for _ in range(4):
        await payer.answer()
    await assert_only_right_payments(story, payer)
    assert set(await statuses(story, runs)) <= {"done", "failed", "arguments_changed"}


@pytest.mark.parametrize("many", MANY)
async def test_fault_12_an_ask_that_was_removed_executes_nothing_by_the_old_answer(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy(("plan", payer.plan), ("act", payer.asks_no_more))
    await payer.answer()
    assert await statuses(story, runs) == {"done": many}
    assert payer.paid == []


@pytest.mark.parametrize("many", MANY)
async def test_fault_12_an_added_node_needs_a_persons_word_and_then_goes_on(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy(("plan", payer.plan), ("act", payer.act), ("audit", payer.audit))
    await payer.answer()
    assert await statuses(story, runs) == {"version_mismatch": many}
    for run_id in runs:
        await story.system.runs.accept_version(run_id, story.me)
    await story.drain()
    assert await statuses(story, runs) == {"done": many // 2, "failed": many - many // 2}
    assert (await story.run(runs[0])).output["out"] == ["paid 0", "audited"]
    await assert_only_right_payments(story, payer)


@pytest.mark.parametrize("many", MANY)
async def test_fault_12_a_raised_version_needs_attention(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy_first(version="2")
    await payer.answer()
    assert await statuses(story, runs) == {"version_mismatch": many}
    assert payer.paid == []


@pytest.mark.parametrize("many", MANY)
async def test_fault_12_a_version_that_says_it_is_compatible_goes_on(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy(("plan", payer.plan), ("act", payer.act), ("audit", payer.audit), version="2", compatible_with=["1"])
    await payer.answer()
    assert await statuses(story, runs) == {"done": many // 2, "failed": many - many // 2}
    await assert_only_right_payments(story, payer)


@pytest.mark.parametrize("many", MANY)
async def test_I16_a_version_that_wrongly_says_it_is_compatible_fails_closed(story, payer, many):
    payer.deploy_first()
    runs = await payer.pause(many)
    payer.deploy(("plan", payer.plan), ("act_now", payer.act), version="2", compatible_with=["1"])
    await payer.answer()
    assert await statuses(story, runs) == {"version_mismatch": many}
    assert payer.paid == []


async def test_fault_12_an_agent_that_cannot_be_loaded_any_more_waits_and_goes_on_when_it_is_back(story, payer):
    payer.deploy_first()
    runs = await payer.pause(3)
    agent = story.system.registry._loaded.pop(REFERENCE)
    await payer.answer()
    assert payer.paid == []
    story.system.registry._loaded[REFERENCE] = agent
    for _ in range(10):
        await story.later(seconds=60)
    for run_id in runs:
        if (await story.run(run_id)).status is RunStatus.needs_attention:
            await story.retry(run_id)
    assert await statuses(story, runs) == {"done": 2, "failed": 1}

"""What a fork does again: nothing unasked, and who is asked is told that it was done before."""

import operator
from typing import Annotated, TypedDict

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from interlock import Action, ask
from interlock.domain.request import EffectState
from interlock.engine.ports.store import RequestFilter
from interlock.service.simulate import simulate
from interlock.testing.people import principal

CONFIG = """\
default: {initiator_may_approve: true, levels: [{steps: [{ask: ["person:local:me"], within: 1d}]}]}
"""


class Kept(TypedDict, total=False):
    input: str
    heard: Annotated[list, operator.add]


BY_RULE = """\
policies:
  sending:
    applies_to: action.name == "send"
    levels: [{name: free, when: "true", approve: automatically}, {steps: [{ask: ["person:local:me"], within: 1d}]}]
    initiator_may_approve: true
"""


def acts_then_asks(world):
    """Return an agent whose node acts, and then asks a question: it runs again from its top when that is forked."""

    def act(state):
        ask(Action("send", {"text": state["input"]})).perform(lambda **arguments: world.append(arguments) or "sent")
        return {"heard": [interrupt("and then?")]}

    return StateGraph(Kept).add_node("act", act).add_edge(START, "act")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_what_a_rule_approves_is_asked_in_a_fork_and_who_is_asked_is_told(make_story, tmp_path, kind):
    (tmp_path / "interlock.yaml").write_text(CONFIG + BY_RULE)
    story, world = make_story(kind, tmp_path / "interlock.yaml"), []
    run_id = await story.start(story.register(acts_then_asks(world)), {"input": "hi"})
    asked = [request async for request in story.system.client(story.me).requests(RequestFilter(()))]
    (done,) = [request for request in asked if request.effect is EffectState.executed]
    for origin, pause in ((run_id, 2), (run_id, 1)):
        fork = await story.system.runs.fork(origin, story.me, pause=pause)
        await story.drain()
        request = await story.asked(fork.id)
        assert (world, request.asked.name) == ([{"text": "hi"}], "send")
        view = await story.system.client(principal("local:me")).request(request.id)
        assert 'no rule approves in a fork, as the level "free" would' in view.why
        assert f"{run_id} has asked the same ({done.id}): approved; done, " in view.done_before
    again = await story.system.runs.fork(fork.id, story.me)  # from a fork: at two removes
    await story.drain()
    request = await story.asked(again.id)
    assert run_id in (await story.system.client(principal("local:me")).request(request.id)).done_before
    await story.decide(request)
    assert len(world) == 2
    since = again.started_at.replace(year=2000)
    policies = story.system.policies.current()
    simulated = await simulate(story.store, story.system.pinned_policies, policies, since=since, tenant="default")
    assert (simulated.requests > 1, simulated.differences) == (True, ())
    story.clock.advance(hours=1)
    later = await story.system.runs.fork(fork.id, story.me)
    await story.drain()
    read, feed = [], story.store.feed

    async def counted(*given, **more):
        found = await feed(*given, **more)
        read.extend(found)
        return found

    story.store.feed = counted
    simulated = await simulate(
        story.store, story.system.pinned_policies, policies, since=later.started_at, tenant="default"
    )
    assert (simulated.requests, simulated.differences) == (1, ())
    story.store.feed = feed
    assert 0 < len(read) < len(await feed("default", limit=1000)), "what is long past is not read again"

"""One trace from an agent's start over its pause to the effect, in whatever processes; and no content in it (S18)."""

import pytest
from langgraph.graph import START, StateGraph
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from interlock import Action, Agent, ask
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.engine import tracing
from interlock.testing.story import Story

SECRET = "hunter2"


@pytest.fixture
def spans(monkeypatch):
    """Return what is exported; the provider of this process is put back."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter.get_finished_spans


def pays(amount, to):
    return {"paid": amount}


def agent(*, fails=False):
    def act(state):
        done = ask(Action("pay", {"amount": 5, "to": SECRET})).perform(pays)
        if fails:
            raise RuntimeError(SECRET)
        return {"out": done}

    return Agent(StateGraph(dict).add_node("act", act).add_edge(START, "act"))


async def opened(tmp_path, clock, found):
    """Return a system of a process of its own, as far as the database tells."""
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": str(tmp_path / "traced.db")}), {}, clock=clock)
    system.registry._loaded["tests:traced"] = found
    return Story(system, clock)


async def test_S18_the_effect_is_in_the_trace_of_the_start_though_another_worker_carries_it_on(tmp_path, clock, spans):
    first = await opened(tmp_path, clock, agent())
    with trace.get_tracer("caller").start_as_current_span("call"):
        started = await first.system.runs.start("traced", "tests:traced", {"input": SECRET}, first.me)
    await first.drain()
    await first.system.close()
    second = await opened(tmp_path, clock, agent())
    await second.decide(await second.asked(started.id))
    assert (await second.run(started.id)).status == "done"
    await second.system.close()
    by_name = {}
    for one in spans():
        by_name.setdefault(one.name, []).append(one)
    assert {name: len(found) for name, found in by_name.items()} == {
        "call": 1, "interlock.start": 1, "interlock.advance": 2, "interlock.effect": 1,
    }  # fmt: skip
    (call,), (begun,), (effect,) = (by_name[name] for name in ("call", "interlock.start", "interlock.effect"))
    assert len({one.context.trace_id for one in spans()}) == 1
    assert begun.parent.span_id == call.context.span_id
    assert {one.parent.span_id for one in by_name["interlock.advance"]} == {begun.context.span_id}
    assert effect.parent.span_id == by_name["interlock.advance"][1].context.span_id
    assert effect.attributes["interlock.tool"].endswith("pays")
    assert SECRET not in str([one.to_json() for one in spans()])


async def test_what_fails_is_marked_and_not_quoted(tmp_path, clock, spans):
    story = await opened(tmp_path, clock, agent(fails=True))
    started = await story.system.runs.start("traced", "tests:traced", {"input": "x"}, story.me)
    await story.drain()
    await story.decide(await story.asked(started.id))
    await story.system.close()
    with pytest.raises(RuntimeError), tracing.span("outer"):
        raise RuntimeError(SECRET)
    outer = next(one for one in spans() if one.name == "outer")
    assert (outer.status.status_code, outer.status.description) == (trace.StatusCode.ERROR, None)
    assert SECRET not in str([one.to_json() for one in spans()])


async def test_without_an_sdk_nothing_is_traced_and_nothing_is_kept(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(tracing, "SDK", "no such module")
    story = await opened(tmp_path, clock, agent())
    started = await story.system.runs.start("traced", "tests:traced", {"input": "x"}, story.me)
    assert started.trace is None
    assert tracing.current() is None
    await story.drain()
    await story.system.close()

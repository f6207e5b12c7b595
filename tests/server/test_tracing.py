"""One trace from the question to the effect, whichever servers are called; one span a call, and no secret (S18)."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

ASK = {"asked": {"kind": "approval", "name": "send", "args": {"to": "hunter2"}}, "description": "hunter2"}


@pytest.fixture
def spans(monkeypatch):
    """Return what is exported; the provider of this process is put back."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter.get_finished_spans


def named(spans, name):
    (found,) = [one for one in spans() if one.name == name]
    return found


async def test_S18_the_effect_is_in_the_trace_of_the_question_though_others_are_called_for_it(open_server, spans):
    first, second = open_server("sqlite"), open_server("sqlite")
    with trace.get_tracer("agent").start_as_current_span("agent") as begun:
        of = begun.get_span_context()
    bot, mia = await first.agent(), await first.person("mia@example.com")
    parent = f"00-{of.trace_id:032x}-{of.span_id:016x}-01"
    sent = {"Idempotency-Key": "k", "traceparent": parent}
    asked = (await bot.post("/requests", json=ASK, headers=sent)).json()
    place = f"/requests/{asked['id']}"
    await mia.post(f"{place}/votes", json={"verdict": "approve", "digest": asked["digest"]})
    first.clock.advance(hours=1)
    bot = await second.agent()
    claim = {"digest": asked["digest"], "tool": "bot:send", "lasts": 60}
    claimed = await bot.post(f"{place}/claim", json=claim, headers={"Idempotency-Key": "c"})
    second.clock.advance(seconds=2)
    recorded = await bot.post(f"{place}/result", json={"attempt": 1, "state": "executed", "result": "hunter2"})
    assert (claimed.status_code, recorded.json()["effect"]["state"]) == (200, "executed")
    calls = [one for one in spans() if one.kind is trace.SpanKind.SERVER]
    assert [one.name.rpartition("/")[2] for one in calls] == ["requests", "votes", "claim", "result"]
    assert len(spans()) == 1 + len(calls) + 3  # the agent's, one for each call, and ours
    asking, claiming, acting = (named(spans, f"interlock.{name}") for name in ("ask", "claim", "effect"))
    assert (calls[0].parent.span_id, asking.parent.span_id) == (of.span_id, calls[0].context.span_id)
    for one, call in ((claiming, calls[2]), (acting, calls[3])):
        assert (one.context.trace_id, one.parent.span_id) == (of.trace_id, asking.context.span_id)
        assert [link.context.span_id for link in one.links] == [call.context.span_id]
        assert call.context.trace_id != of.trace_id
    assert acting.attributes["interlock.tool"] == "bot:send"
    assert acting.start_time == (first.clock.at.timestamp() - 2) * 1e9
    assert "hunter2" not in str([one.to_json() for one in spans()])


async def test_asked_again_it_stays_in_the_trace_in_which_it_was_asked_first(open_server, spans):
    server = open_server()
    bot = await server.agent()
    opened = [(await bot.post("/requests", json=ASK, headers={"Idempotency-Key": "k"})).json() for _ in range(2)]
    kept = (await server.system.store.load("default", [opened[1]["id"]])).requests[opened[0]["id"]].trace
    first, _ = [one for one in spans() if one.name == "interlock.ask"]
    assert kept.split("-")[1:3] == [f"{first.context.trace_id:032x}", f"{first.context.span_id:016x}"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/requests?reference=hunter2", 401),
        ("GET", "../../auth/oidc/company/callback?code=hunter2&state=hunter2", 404),
        ("GET", "/requests/ilk_hunter2", 401),
        ("POST", "/session", 400),
        ("GET", "../../livez", 200),
    ],
)
async def test_a_call_has_one_span_and_no_secret_is_in_it(server, spans, method, path, status):
    body = {"json": {"link": ["hunter2"]}} if method == "POST" else {}
    answer = await server.client().request(method, path, **body)
    (one,) = spans()
    assert (answer.status_code, one.kind, one.attributes["http.response.status_code"]) == (
        status,
        trace.SpanKind.SERVER,
        status,
    )
    assert "hunter2" not in one.to_json()


async def test_where_nobody_traces_a_question_keeps_no_trace(server):
    bot = await server.agent()
    asked = (await bot.post("/requests", json=ASK, headers={"Idempotency-Key": "k"})).json()
    assert (await server.system.store.load("default", [asked["id"]])).requests[asked["id"]].trace is None

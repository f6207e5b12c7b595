"""What LangGraph's own server gives: a context, ids, and who started the run; the same after each pause."""

import dataclasses
import datetime as dt
import json
from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, ToolRuntime
from langgraph.runtime import Runtime, get_runtime
from langgraph.types import Send, interrupt
from pydantic import BaseModel, Field

from interlock import Agent
from interlock.engine import runs
from interlock.engine.audit import audit_record
from interlock.errors import InvalidContext, InvalidValue
from interlock.runtime.served.context_and_ids import Initiator, assistant_id


@dataclasses.dataclass
class Team:
    name: str
    size: int = 1


@dataclasses.dataclass
class Context:
    user: str = "anonymous"
    since: dt.date | None = None
    team: Team | None = None


@dataclasses.dataclass
class Deep:
    teams: list[Team] = dataclasses.field(default_factory=list)
    by_name: dict[str, Team] = dataclasses.field(default_factory=dict)
    team: Team | None = None


class Limits(BaseModel):
    highest: int = Field(gt=0)
    currency: str = "EUR"


class Known(TypedDict, total=False):
    language: str


class Inside(TypedDict, total=False):
    known: Known
    several: list[Known]
    team: Team


@dataclasses.dataclass
class Needed:
    user: str


async def to_the_end(story, run_id, answers=20):
    for _ in range(answers):
        waiting = await story.open(run_id)
        if not waiting:
            break
        for request in waiting:
            await story.vote(request, "respond", answer="yes")
        await story.drain()
    run = await story.run(run_id)
    assert run.status == "done", run.note
    return run.output


# ── everywhere, and after each pause ──


async def test_S14_a_context_is_the_same_after_each_pause(story):
    def first(_, runtime: Runtime[Context]):
        before = runtime.context.user
        interrupt("one?")
        interrupt("two?")
        return {"out": [before, get_runtime(Context).context.user]}

    async def second(_, runtime: Runtime[Context]):
        interrupt("three?")
        return {"out": [runtime.context.user, runtime.context.since.isoformat(), runtime.context.team.name]}

    graph = StateGraph(story.State, context_schema=Context).add_node(first).add_node(second)
    graph.add_edge(START, "first").add_edge("first", "second").add_edge("second", END)
    given = {"user": "ann", "since": "2027-01-05", "team": {"name": "ops"}}
    run_id = await story.start(story.register(graph), {}, context=given)
    assert await to_the_end(story, run_id) == {"out": ["ann", "ann", "ann", "2027-01-05", "ops"]}
    assert (await story.run(run_id)).context == given


async def test_S14_it_reaches_send_sub_graphs_and_tools(story):
    def seen(where):
        return {"out": [f"{where}: {get_runtime(Context).context.user} {interrupt(f'{where}?')}"]}

    def fans(_):
        return [Send("section", {"input": n}) for n in (1, 2)]

    def section(state, runtime: Runtime[Context]):
        return {"out": [f"{state['input']}: {runtime.context.user} {interrupt(state['input'])}"]}

    inner = StateGraph(story.State).add_node("deep", lambda _: seen("deep")).add_edge(START, "deep").compile()

    def calls(_):
        return {"out": inner.invoke({})["out"]}

    def tool(runtime: ToolRuntime[Context]) -> str:
        """Look."""
        return f"{runtime.context.user} {interrupt('tool?')} {runtime.config['configurable']['user_id']}"

    class Both(MessagesState):
        out: Annotated[list, lambda a, b: a + b]
        input: str

    graph = StateGraph(Both, context_schema=Context)
    graph.add_node("start", lambda _: {}).add_node(section).add_node("inner", inner).add_node(calls)
    graph.add_node(
        "asks", lambda _: {"messages": [AIMessage("", tool_calls=[{"name": "tool", "args": {}, "id": "1"}])]}
    )
    graph.add_node("tools", ToolNode([tool]))
    graph.add_edge(START, "start").add_conditional_edges("start", fans, ["section"])
    graph.add_edge("section", "inner").add_edge("inner", "calls").add_edge("calls", "asks").add_edge("asks", "tools")
    reference = story.register(Agent(graph))
    run_id = await story.start(reference, {"input": "", "out": []}, context={"user": "ann"})
    output = await to_the_end(story, run_id)
    assert set(output["out"]) == {"1: ann yes", "2: ann yes", "deep: ann yes"}
    assert output["messages"][-1]["content"] == "ann yes local:me"


async def test_S14_the_ids_are_those_of_langgraphs_server(story):
    seen = []

    async def looks(_, config: RunnableConfig, runtime: Runtime):
        interrupt("go on?")
        seen.append((config["configurable"], runtime.server_info, get_config()["metadata"]))
        return {}

    reference = story.register(story.chain(looks), reference="tests:mailer")
    run_id = await story.start(reference, {})
    await to_the_end(story, run_id)
    ((configurable, info, metadata),) = seen
    ids = {"graph_id": "mailer", "assistant_id": assistant_id("mailer"), "run_id": run_id, "user_id": "local:me"}
    assert ids.items() <= configurable.items()
    assert {name: metadata[name] for name in ("graph_id", "assistant_id", "run_id")}.items() <= ids.items()
    assert configurable["langgraph_auth_user_id"] == "local:me"
    assert configurable["thread_id"]
    assert (info.graph_id, info.assistant_id) == ("mailer", assistant_id("mailer"))
    assert (info.user.identity, info.user["display_name"], "permissions" in info.user) == ("local:me", "local:me", True)
    assert dict.fromkeys(info.user) == dict.fromkeys(["identity", "display_name", "is_authenticated", "permissions"])
    with pytest.raises(KeyError):
        info.user["password"]


def test_an_assistants_id_is_that_of_langgraphs_server():
    assert assistant_id("agent") == "fe096781-5601-53d2-b2f6-0d3403f7e9ca"  # as langgraph-api 0.16.7 gave it


async def test_what_is_given_as_configurable_is_found_there_and_never_passes_for_ours(make_story, monkeypatch):
    seen = []

    def looks(_, config: RunnableConfig):
        seen.append(config["configurable"])
        return {}

    story = make_story("memory")
    reference = story.register(story.chain(looks))
    forged = dict.fromkeys(("thread_id", "run_id", "langgraph_auth_user_id", "__pregel_strict_resume"), "forged")
    given = {"language": "en", "user_id": "u1", **forged}
    with pytest.raises(InvalidContext, match="thread_id cannot be given as configurable"):
        await story.start(reference, {}, configurable=given)
    assert await story.store.runs("default") == []
    monkeypatch.setattr(runs, "check_configurable", lambda _: None)  # as it was recorded before that was refused
    run_id = await story.start(reference, {}, configurable=given)
    (found,) = seen
    assert (await story.run(run_id)).status == "done"
    assert (found["language"], found["user_id"]) == ("en", "u1")
    assert (found["run_id"], found["langgraph_auth_user_id"]) == (run_id, "local:me")
    assert "forged" not in [str(value) for value in found.values()]


async def test_one_of_the_two_is_the_other_as_well_as_on_the_server(make_story):
    seen = []

    def looks(_, config: RunnableConfig, runtime: Runtime[Known]):
        seen.append((config["configurable"].get("language"), runtime.context))
        return {}

    story = make_story("memory")
    graph = StateGraph(story.State, context_schema=Known).add_node(looks).add_edge(START, "looks")
    reference = story.register(graph)
    await story.start(reference, {}, context={"language": "en"})
    await story.start(reference, {}, configurable={"language": "de", "else": 1})
    await story.start(reference, {}, context={"language": "en"}, configurable={"else": 1})
    await story.start(reference, {})
    assert seen == [("en", {"language": "en"}), ("de", {"language": "de"}), (None, {"language": "en"}), (None, None)]


# ── what does not fit ──


def agent(schema):
    class State(TypedDict):
        x: int

    graph = StateGraph(State, context_schema=schema).add_node("n", lambda _: {}).add_edge(START, "n")
    return Agent(graph)


@pytest.mark.parametrize(
    ("schema", "context", "says"),
    [
        (Context, {"colour": "red"}, r"does not fit the graph's Context: it has no colour\. Its fields: user, since"),
        (Context, {"user": 5}, "user: it must be text"),
        (Context, {"since": "tomorrow"}, "since"),
        (Context, {"team": {"size": 2}}, "team: "),
        (Context, {"team": {"name": "ops", "sise": 2}}, "team"),
        (Deep, {"teams": [{"name": "ops", "sise": 2}]}, "teams, entry 1, sise"),
        (Deep, {"by_name": {"ops": {"name": "ops", "sise": 2}}}, "by_name.*sise"),
        (Deep, {"team": {"name": "ops", "boss": {"name": "ann", "age": 5}}}, "team"),
        (Inside, {"known": {"lang": "en"}}, "known.*lang"),
        (Inside, {"several": [{"language": 5}]}, "several, entry 1"),
        (Inside, {"team": {"name": "ops", "sise": 1}}, "team.*sise"),
        (Needed, None, "user"),
        (Needed, {}, "user"),
        (Limits, {"highest": 0}, "highest: it must be more than 0"),
        (Limits, None, "highest"),
        (Known, {"language": 1}, "language: it must be text"),
        (Known, {"lang": "en"}, "it has no lang"),
        (Known, ["en"], "must be a JSON object"),
        (None, "ann", "must be a JSON object"),
    ],
)
def test_S14_what_does_not_fit_is_named_when_the_run_is_started(schema, context, says):
    with pytest.raises(InvalidContext, match=says) as refused:
        agent(schema).check_context(context)
    assert refused.value.code == "invalid_context"


def test_a_model_says_itself_what_becomes_of_fields_that_it_does_not_know():
    """As without Interlock: pydantic leaves them out, unless the model forbids them."""

    class Open(BaseModel):
        limits: Limits | None = None

    agent(Open).check_context({"limits": {"highest": 1, "else": 2}, "more": 1})
    agent(Inside).check_context({"known": {"language": "en"}, "several": [{}], "team": {"name": "ops", "size": 2}})


@pytest.mark.parametrize(
    "name",
    [
        *("thread_id", "run_id", "assistant_id", "langgraph_auth_user", "__pregel_x", "graph_id"),
        *("checkpoint_id", "checkpoint_ns", "checkpoint_map", "thread_ts"),
    ],
)
def test_nobody_gives_what_interlock_gives(name):
    with pytest.raises(InvalidContext, match=f"{name} cannot be given"):
        agent(None).check_context(None, {name: "x", "language": "en"})


def test_what_json_cannot_carry_may_be_in_a_schema_that_has_a_default_for_it():
    @dataclasses.dataclass
    class WithTool:
        user: str
        connect: object = print
        opened: type[Initiator] = Initiator

    agent(WithTool).check_context({"user": "ann"})
    with pytest.raises(InvalidContext, match="user"):
        agent(WithTool).check_context({})


async def test_a_context_that_fits_no_more_needs_a_person_and_no_attempts(make_story):
    story = make_story("memory")
    graph = StateGraph(story.State, context_schema=Needed).add_node("n", lambda _: {}).add_edge(START, "n")
    run_id = await story.start(story.register(graph), {})
    run = await story.run(run_id)
    assert (run.status, run.attention, run.attempts) == ("needs_attention", "invalid_context", 0)
    assert "user" in run.note


@pytest.mark.parametrize(
    "given", ["text", [1], {"n": float("nan")}, {"big": "x" * 300_000}, {"when": dt.date(2027, 1, 5)}]
)
async def test_a_run_keeps_only_objects_of_json(make_story, given):
    story = make_story("memory")
    with pytest.raises(InvalidValue, match="context"):
        await story.start("tests:any", {}, context=given)
    assert not await story.store.runs("default")


# ── the record ──


@pytest.mark.parametrize("name", ["context", "configurable"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_I11_a_context_that_was_altered_is_refused(make_story, backdoor, name, kind):
    story = make_story(kind)

    def asks(_, config: RunnableConfig):
        interrupt("go on?")
        read.append(config["configurable"]["team"])
        return {}

    read = []
    await story.start(story.register(story.chain(asks)), {}, **{name: {"team": "ops"}})
    request = await story.asked()
    door = backdoor(story.address)
    ((body,),) = door.sql("SELECT body FROM runs")
    altered = json.loads(bytes(body))
    altered[name]["team"] = "admins"
    door.run([("UPDATE runs SET body = ?", (json.dumps(altered).encode(),))])
    assert request.run_id in [one.stream[1] for one in await audit_record(story.store)]
    await story.vote(request, "respond", answer="yes")
    await story.drain()
    assert read == []
    assert (await story.types(request.run_id))[-1] == "attention_needed"

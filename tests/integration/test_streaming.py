"""What a graph streams reaches whoever watches, as LangGraph streams it, bounded; and it changes nothing."""

from typing import Annotated, TypedDict

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import interrupt

from interlock.engine.watching import Streamed
from interlock.runtime.graph_advance import A_SECOND, _Passing

ALL = ("messages", "custom", "updates")
SAID = "It rains in Bergen, and it will rain tomorrow."


class Watching:
    """Keeps what it is told."""

    def __init__(self, *modes):
        self.modes = modes
        self.lines, self.pieces = [], []

    def said(self, run_id, text):
        self.lines.append(text)

    def streamed(self, piece):
        self.pieces.append(piece)

    def of(self, mode):
        return [piece for piece in self.pieces if piece.mode == mode]

    @property
    def text(self):
        return "".join(piece.data[0]["content"] for piece in self.of("messages"))


class Failing(Watching):
    def said(self, run_id, text):
        raise OSError("the pipe is broken")

    streamed = said


class Chat(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    step: int


def model():
    return GenericFakeChatModel(messages=iter([AIMessage(SAID)]))


def talk(state):
    return {"messages": [model().invoke(state["messages"])]}


async def talk_async(state):
    return {"messages": [await model().ainvoke(state["messages"])]}


def count(state):
    write = get_stream_writer()
    write("half done")
    write({"done": 2, "of": 2})
    return {"step": 2}


def chain(*nodes):
    graph = StateGraph(Chat)
    before = START
    for node in nodes:
        graph.add_node(node.__name__, node)
        graph.add_edge(before, node.__name__)
        before = node.__name__
    return graph.add_edge(before, END).compile()


async def watched(story, graph, watching, given=None):
    name = story.register(graph)
    run = await story.system.runs.start("streaming", name, given or {"messages": [["user", "The weather?"]]}, story.me)
    await story.system.worker(watcher=watching).drain()
    return run.id


@pytest.mark.parametrize("node", [talk, talk_async])
async def test_tokens_come_one_by_one_with_their_node(story, node):
    watching = Watching("messages")
    run_id = await watched(story, chain(node), watching)
    tokens = watching.of("messages")
    assert len(tokens) > 5
    assert watching.text == SAID
    assert {piece.data[1]["langgraph_node"] for piece in tokens} == {node.__name__}
    assert {piece.run_id for piece in tokens} == {run_id}
    assert (await story.record(run_id)).run.output["messages"][-1]["content"] == SAID


async def test_what_a_node_writes_and_what_it_changes_come_in_order(story):
    watching = Watching("custom", "updates")
    await watched(story, chain(count), watching)
    assert [(piece.mode, piece.data) for piece in watching.pieces] == [
        ("custom", "half done"),
        ("custom", {"done": 2, "of": 2}),
        ("updates", {"count": {"step": 2}}),
    ]


async def test_a_sub_graph_streams_under_its_name(story):
    watching = Watching("messages", "custom")
    graph = StateGraph(Chat).add_node("inner", chain(talk, count)).add_edge(START, "inner").add_edge("inner", END)
    await watched(story, graph.compile(), watching)
    assert watching.text == SAID
    assert all(piece.namespace[0].startswith("inner:") for piece in watching.pieces)


async def test_what_nobody_watches_is_not_streamed(story):
    watching = Watching()
    run_id = await watched(story, chain(talk, count), watching)
    assert not watching.pieces
    assert (await story.record(run_id)).run.output["step"] == 2


async def test_the_end_is_the_same_whoever_watches(story):
    ends = []
    for modes in ((), ALL):
        run_id = await watched(story, chain(talk, count), Watching(*modes))
        output = (await story.record(run_id)).run.output
        ends.append([message["content"] for message in output["messages"]])
    assert ends[0] == ends[1] == ["The weather?", SAID]


async def test_a_pause_is_asked_and_what_comes_after_it_is_streamed(story):
    def confirm(state):
        get_stream_writer()("before")
        answer = interrupt("Which city?")
        get_stream_writer()(f"after {answer}")

    watching = Watching(*ALL)
    run_id = await watched(story, chain(confirm), watching)
    assert [piece.data for piece in watching.of("custom")] == ["before"]
    await story.vote(await story.asked(run_id), "respond", answer="Bergen")
    again = Watching("custom")
    await story.system.worker(watcher=again).drain()
    assert [piece.data for piece in again.of("custom")] == ["before", "after Bergen"]
    assert (await story.record(run_id)).run.status == "done"


async def test_a_watcher_that_fails_harms_nothing(story):
    run_id = await watched(story, chain(talk, count), Failing(*ALL))
    assert (await story.record(run_id)).run.status == "done"
    assert (await story.record(run_id)).run.attempts == 0


async def test_what_a_graph_streams_is_not_logged(story):
    await watched(story, chain(count), Watching(*ALL))
    log = [repr(entry.event) for entry in await story.system.store.feed(story.me.tenant, limit=1_000)]
    assert log
    assert not any("half done" in entry for entry in log)


async def test_a_large_piece_is_described(story):
    def flood(state):
        get_stream_writer()("x" * 1_000_000)
        get_stream_writer()(b"\xff\xfe")

    watching = Watching("custom")
    await watched(story, chain(flood), watching)
    large, binary = (piece.data for piece in watching.pieces)
    assert set(large) <= {"not_shown", "not_recorded"}
    assert binary == {"not_recorded": "bytes, 2 of them"}


def test_only_so_many_pieces_a_second_are_passed_on():
    now = [0.0]
    watching = Watching("custom")
    passing = _Passing(watching, "run_1", lambda: now[0])
    for number in range(3 * A_SECOND):
        passing.part("custom", (), number)
    assert len(watching.pieces) == A_SECOND
    now[0] = 1.0
    passing.part("custom", (), "later")
    assert watching.pieces[-1] == Streamed("run_1", "custom", (), "later")


async def test_messages_that_a_graph_was_given_are_no_stream(story):
    watching = Watching("messages")
    await watched(story, chain(count), watching, {"messages": [["user", "hello"]], "step": 1})
    assert not watching.text


def test_a_person_is_no_model():
    watching = Watching("messages")
    _Passing(watching, "run_1").part("messages", (), (HumanMessage("hello"), {"langgraph_node": "a", "secret": 1}))
    assert watching.pieces[0].data[1] == {"langgraph_node": "a"}

"""A workflow that takes text is given text."""

from typing import Annotated

import pytest
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from interlock import Agent


@entrypoint()
def essay(topic: str) -> dict:
    return {"essay": f"about {topic}", "ok": interrupt(f"Publish an essay about {topic}?")}


@entrypoint()
async def essay_async(topic: str) -> dict:
    return {"essay": f"about {topic}", "ok": interrupt(f"Publish an essay about {topic}?")}


@pytest.mark.parametrize("workflow", [essay, essay_async])
async def test_an_essay_is_about_the_text(story, workflow):
    agent = Agent(workflow)
    run_id = await story.start(story.register(agent), agent.input_from("cats"))
    assert (await story.asked(run_id)).asked.text == "Publish an essay about cats?"
    await story.decide(await story.asked(run_id))
    assert (await story.run(run_id)).output == {"essay": "about cats", "ok": True}


def test_what_others_take_is_as_ever(story):
    @entrypoint()
    def with_input(inputs: dict) -> dict:
        return inputs

    @entrypoint()
    def anything(inputs):
        return inputs

    whole = StateGraph(Annotated[str, lambda _, text: text]).add_node("n", lambda text: text).add_edge(START, "n")
    talk = StateGraph(MessagesState).add_node("n", lambda _: {}).add_edge(START, "n")
    assert [Agent(one).input_from("cats") for one in (with_input, anything, whole)] == [
        {"input": "cats"}, {"input": "cats"}, "cats",
    ]  # fmt: skip
    assert Agent(talk).input_from("cats") == {"messages": [{"role": "user", "content": "cats"}]}

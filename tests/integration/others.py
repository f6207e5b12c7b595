"""Graphs of the shapes that people publish, with models that say what a script says. They do not know Interlock.

Every model is stateless: what it says depends on the messages that it is given, so another process goes on alike.
What the tools of a graph do is written to a file, one line each, so that it can be read from any process.
"""

import os
from pathlib import Path

from deepagents import create_deep_agent
from langchain.agents.middleware import TodoListMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

DONE = "OTHERS_DONE"
"""The environment's name for the file of what was done."""


class Scripted(BaseChatModel):
    """A model with a script: what it says next depends on how often it has spoken in the messages that it is given."""

    turns: list

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **kwargs):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        spoken = sum(message.type == "ai" for message in messages)
        said = self.turns[min(spoken, len(self.turns) - 1)]
        message = AIMessage(said) if isinstance(said, str) else AIMessage("", tool_calls=[*said])
        return ChatResult(generations=[ChatGeneration(message=message)])


def call(name, number, **args):
    return {"name": name, "args": args, "id": f"call_{number}", "type": "tool_call"}


def did(what):
    """Note something that has happened in the world."""
    with Path(os.environ[DONE]).open("a") as file:
        file.write(f"{what}\n")
    return f"did {what}"


def done():
    """Return what has happened in the world, in order."""
    path = Path(os.environ[DONE])
    return path.read_text().splitlines() if path.exists() else []


@tool
def delete(path: str) -> str:
    """Delete a file."""
    return did(f"delete {path}")


@tool
def search(query: str) -> str:
    """Search; nobody is asked."""
    return did(f"search {query}")


def deep(turns, *, sub=(), **options):
    """Return a deep agent that asks before it deletes; `sub` are its sub-agents, as name and turns."""
    return create_deep_agent(
        Scripted(turns=turns),
        [delete, search],
        interrupt_on={"delete": True, "write_file": True},
        subagents=[
            {
                "name": name,
                "description": name,
                "system_prompt": name,
                "model": Scripted(turns=said),
                "tools": [delete, search],
                "interrupt_on": {"delete": True},
            }
            for name, said in sub
        ],
        **options,
    )


def task(number, who):
    return call("task", number, description=f"clean up as {who}", subagent_type=who)


def cleaner(who):
    """Return what a sub-agent says that looks, deletes two files in two turns, and says so."""
    return [
        [call("search", f"{who}0", query=who)],
        [call("delete", f"{who}1", path=f"{who}/1")],
        [call("delete", f"{who}2", path=f"{who}/2")],
        f"{who} is clean",
    ]


def deep_with_two():
    """A deep agent with files, todos and two sub-agents of one turn, each of which asks twice."""
    return deep(
        [
            [
                call("write_todos", 0, todos=[{"content": "clean up", "status": "in_progress"}]),
                call("write_file", 1, file_path="/plan.md", content="left and right"),
            ],
            [task(2, "left"), task(3, "right")],
            [call("read_file", 4, file_path="/plan.md"), call("delete", 5, path="rest")],
            "all clean",
        ],
        sub=[(who, cleaner(who)) for who in ("left", "right")],
        middleware=[TodoListMiddleware()],
    )


def deep_in_a_tool():
    """An agent whose tool calls a deep agent, twice in one turn."""

    @tool
    def assistant(what: str) -> str:
        """Let an assistant do something."""
        inner = deep(cleaner(what))
        return inner.invoke({"messages": [{"role": "user", "content": what}]})["messages"][-1].content

    @tool
    async def later(what: str) -> str:
        """Let an assistant do something, in a coroutine."""
        inner = deep(cleaner(what))
        return (await inner.ainvoke({"messages": [{"role": "user", "content": what}]}))["messages"][-1].content

    return create_deep_agent(
        Scripted(turns=[[call("assistant", 0, what="a"), call("later", 1, what="b")], "both are done"]),
        [assistant, later],
    )

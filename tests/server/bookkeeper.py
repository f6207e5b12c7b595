"""A LangChain agent with its own middleware, as somebody has it who knows nothing of Interlock."""

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

PAID: list = []


@tool
def pay(vendor: str, amount: int) -> str:
    """Pay a vendor."""
    PAID.append((vendor, amount))
    return f"paid {amount} to {vendor}"


@tool
def ask_user(question: str) -> str:
    """Ask the user."""
    raise AssertionError("a person answers in its place")


@tool
def look(what: str) -> str:
    """Look something up."""
    return f"{what}: found"


def call(name, number, **args):
    return {"name": name, "args": args, "id": f"call_{number}", "type": "tool_call"}


BILLS = [
    call("pay", 0, vendor="ACME", amount=500),
    call("pay", 1, vendor="Evil", amount=900),
    call("pay", 2, vendor="Bolt", amount=100),
    call("pay", 5, vendor="Cord", amount=70),
    call("ask_user", 3, question="Which department?"),
    call("look", 4, what="rate"),
]


class Planner(BaseChatModel):
    """Pays the bills, and is done."""

    @property
    def _llm_type(self):
        return "planner"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        message = AIMessage("", tool_calls=BILLS) if isinstance(messages[-1], HumanMessage) else AIMessage("done")
        return ChatResult(generations=[ChatGeneration(message=message)])

    def bind_tools(self, tools, **kwargs):
        return self


agent = create_agent(
    Planner(),
    [pay, ask_user, look],
    middleware=[
        HumanInTheLoopMiddleware(interrupt_on={"pay": True, "ask_user": {"allowed_decisions": ["respond"]}}),
    ],
)

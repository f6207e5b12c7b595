"""Detect a graph that interrupts where Interlock cannot see it, and stop the run."""

from __future__ import annotations

from langgraph.callbacks import GraphCallbackHandler, GraphInterruptEvent, GraphResumeEvent
from langgraph.types import Interrupt

from interlock.engine.ports.runtime import Attention
from interlock.runtime.state.run_state import RunState

__all__ = ["Elsewhere"]


SHOWN = 200
"""How many characters of what was asked elsewhere are shown."""


class Elsewhere(GraphCallbackHandler):
    """Hears of graphs that pause in a thread of their own: their interrupts come to nobody by themselves.

    LangGraph tells of the pauses of outermost graphs alone; a graph that a node calls is one of them if it is given
    another `thread_id` and keeps its own checkpoints.
    """

    run_inline = True  # in the order in which it happens
    ignore_llm = ignore_chain = ignore_agent = ignore_retriever = ignore_chat_model = ignore_custom_event = True

    def __init__(self) -> None:
        self._paused: dict[str, tuple[Interrupt, ...]] = {}

    def on_interrupt(self, event: GraphInterruptEvent) -> None:
        """Note that a graph has paused."""
        self._paused[event.checkpoint_id] = event.interrupts

    def on_resume(self, event: GraphResumeEvent) -> None:
        """Note that a graph goes on: whoever called it has answered it."""
        self._paused.pop(event.checkpoint_id, None)

    def unheard(self, state: RunState) -> Attention | None:
        """Return what has become of a pause that nobody was asked for.

        Args:
            state: of the run, whose own pause is asked.
        """
        others = [interrupts for key, interrupts in self._paused.items() if key != state.stands_at()]
        if not others:
            return None
        asked = "; ".join(str(interrupt.value)[:SHOWN] for interrupts in others for interrupt in interrupts)
        return Attention(
            "not_governed",
            "A node called a graph that has a thread of its own (its own `thread_id` and checkpointer). It paused "
            f"there{f' by asking {asked}' if asked else ''}, where nobody is asked, and the node went on. Call it "
            "without a config of its own, and compile it without a checkpointer: then its questions are the run's.",
        )

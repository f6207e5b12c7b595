"""What an agent asks at one interrupt: one value, carried whole from the dialect that reads it to the request."""

from __future__ import annotations

from dataclasses import dataclass

from interlock.domain.action import Subject, Verdict
from interlock.domain.canonical import Json
from interlock.domain.verdicts import VERDICTS

__all__ = ["Ask", "default_verdicts"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of people, and where.

    Args:
        interrupt_id: the LangGraph interrupt that waits for the answer, with `/position` where it asks several things.
        task: the LangGraph task that asks; empty where the graph asks by itself, without `interlock.ask`.
        subject: what is to be decided, as the agent asked it.
        verdicts: what people may say.
        description: what it is about, in the agent's words.
        context: JSON that helps to decide.
        policy: the policy that the graph's author names; None for the first that applies.
    """

    interrupt_id: str
    task: str
    subject: Subject
    verdicts: tuple[Verdict, ...]
    description: str = ""
    context: Json = None
    policy: str | None = None


def default_verdicts(subject: Subject) -> tuple[Verdict, ...]:
    """Return what people may say of a subject if the graph's author does not choose."""
    return tuple(verdict for verdict, rule in VERDICTS.items() if subject.kind in rule.kinds)

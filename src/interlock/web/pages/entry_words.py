"""Entries of the log in words for people who decide, without names of commands or functions."""

from __future__ import annotations

from interlock.domain import collaboration, events, run_events
from interlock.domain.action import Ask
from interlock.engine.changes import Entry
from interlock.service.failures import in_plain_words
from interlock.service.hostile_text import shortened
from interlock.service.request_status import asked_words
from interlock.service.sentences import SHORT, sentence
from interlock.service.summary import summary, summary_words

_AGENT = "agent:"


def entry_words(entry: Entry) -> str:  # noqa: PLR0911 - one line an event
    """Say what an entry states. Texts of others in it are not made safe to show."""
    match entry.event:
        case events.RefusalNoted(by=by, message=message):
            return f"{by} was refused: {asked_words(message)}"
        case events.EffectClaimed(claim=claim):
            return "it is begun" if claim.attempt == 1 else f"it is begun again, for the time no. {claim.attempt}"
        case collaboration.AskedBack(by=by, text=text):
            return f"{by} asks: {shortened(text, SHORT)}"
        case collaboration.Clarified(by=by, text=text):
            return f"{_named(by)} answers: {shortened(text, SHORT)}"
        case events.Opened(ask=Ask(subject=subject)):
            return _named(f"{entry.by} asks: {summary_words(summary(subject))}")
        case run_events.RunPaused(pause=pause):
            return f"it waits for {'a decision' if len(pause) == 1 else f'{len(pause)} decisions'}"
        case events.Escalated():
            return asked_words(sentence(entry))
        case _:
            return _named(in_plain_words(sentence(entry)))


def _named(words: str) -> str:
    return f"the agent {words.removeprefix(_AGENT)}" if words.startswith(_AGENT) else words

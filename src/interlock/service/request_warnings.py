"""Warnings about a request: characters that do not show, and words that mix scripts."""

from __future__ import annotations

from collections.abc import Iterator

from interlock.domain.action import Action, Draft, Question
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.service.hostile_text import quoted, shortened, warnings_about
from interlock.service.inline import FLOW


def request_warnings(request: Request) -> list[str]:
    """Return warnings about deceptive text in what is decided on, each once, in words that are safe to show."""
    return list(dict.fromkeys(one for text, what in _texts(request) for one in warnings_about(text, what)))


def _texts(request: Request) -> Iterator[tuple[str, str]]:
    match request.edition.subject:
        case Action(name=name, args=args):
            yield name, "the action's name"
            yield from _leaves(args, "an argument")
        case Question(text=text, options=options):
            yield text, "the question"
            yield from _leaves(options, "an option")
        case Draft(body=body):
            yield from _leaves(body, "the draft")


def _leaves(value: Json, what: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield value, what
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key, f"the name of {what}"
            yield from _leaves(item, quoted(shortened(key, FLOW)) if what == "an argument" else what)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, what)

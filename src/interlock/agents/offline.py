"""The planner that asks nobody: rules over words, the same plan for the same text every time.

It is there so that everything runs on a laptop without a model, and so that tests know what comes. It says in every
plan what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from interlock.agents.plans import MAX_SUMMARY, Feedback, MailPlan, PlanningFailed
from interlock.agents.recipients import addresses_in
from interlock.agents.tools import MAX_BODY, MAX_RECIPIENTS, MAX_SUBJECT, is_address

DOMAIN = "company.com"
"""Where `the team` and other groups have their addresses."""

_MAX_REQUEST = 10_000
_MAX_NOTE = 2_000
_MAX_NOTES = 20

_FILLER: Final = r"(?:(?:the|our|my|all|whole|every|a|an|new)\s+)*"
_WHO: Final = re.compile(
    rf"\b(?:to|email|mail|tell|notify|inform|invite|remind|ask)\s+(?={_FILLER}([a-z][a-z0-9-]*)"
    rf"(?:(?:\s*,\s*|\s+and\s+){_FILLER}([a-z][a-z0-9-]*))?)",
    re.IGNORECASE,
)
_NOBODY: Final = re.compile(
    "about|and|ask|body|draft|email|for|from|how|in|inform|invite|mail|message|news|notify|of|on|remind|reminder"
    "|say|send|submit|tell|that|them|to|us|with|write|you"
)
_ABOUT: Final = re.compile(
    r"\b(?:about|regarding|concerning|re:)\s+(?:the\s+|our\s+|a\s+|an\s+)?(.+)", re.IGNORECASE | re.DOTALL
)
_ORDER: Final = re.compile(
    r"^(?:please\s+)?(?:(?:draft|send|write|compose|prepare)\s+)?(?:an?\s+|the\s+)?(?:e-?mail|message|mail|note)?\s*"
    rf"(?:to\s+{_FILLER}\S+\s*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A message in parts, so that feedback can change one of them."""

    to: tuple[str, ...]
    audience: str
    topic: str
    subject: str
    points: tuple[str, ...] = ()
    body: str = ""
    short: bool = False
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OfflinePlanner:
    """Plans by rules. Feedback such as `shorter`, `add a@example.com`, `subject: X` or `mention Y` is followed.

    Anything else that people say is added to the message as a noted point, so that nothing is lost.
    """

    name: str = "offline planner"
    note: str = "offline planner: deterministic, no model was asked"

    def plan(self, request: str, feedback: Sequence[Feedback] = ()) -> MailPlan:
        """Plan a message by a request and the feedback on earlier plans, the oldest first; or raise PlanningFailed."""
        text = _clean(request[:_MAX_REQUEST])
        if not text:
            raise PlanningFailed('say what is wanted, for example "Send email to team about meeting"')
        first = draft = _first_draft(text)
        for entry in feedback:
            for note in re.split(r"[;\n]", entry.comment)[:_MAX_NOTES]:
                draft = _follow(draft, _clean(note[:_MAX_NOTE]))
        return MailPlan(_summary(draft), draft.to or first.to, draft.subject, _body(draft)[:MAX_BODY])


def _first_draft(text: str) -> _Draft:
    to, audience = _recipients(text)
    topic = _topic(text, audience)
    return _Draft(to, audience, topic, _clip(topic[:1].upper() + topic[1:], MAX_SUBJECT))


def _recipients(text: str) -> tuple[tuple[str, ...], str]:
    """Return the addresses, and the name of the group they are for ("" where addresses were given)."""
    given = _addresses(text)
    if given:
        return given, ""
    for match in _WHO.finditer(text):
        names = [name.lower() for name in match.groups() if name]
        if _NOBODY.fullmatch(names[0]):
            continue
        names = list(dict.fromkeys(name for name in names if not _NOBODY.fullmatch(name)))
        addresses = tuple(address for name in names if is_address(address := f"{name}@{DOMAIN}"))
        if addresses:
            return addresses, " and ".join(names)
    return (f"team@{DOMAIN}",), "team"


def _topic(text: str, audience: str) -> str:
    about = _ABOUT.search(text)
    topic = (about[1] if about else _ORDER.sub("", text, count=1)).strip(" .!?\"'")
    if not topic:
        return f"news for {audience}" if audience else "news"
    return f"team {topic}" if audience == "team" and about and " " not in topic else topic


def _addresses(text: str) -> tuple[str, ...]:
    return addresses_in(text)[:MAX_RECIPIENTS]


# ── feedback ─────────────────────────────────────────────────────────────────────────────────────────────────────────


_RULES: Final = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("subject", r"^(?:change\s+)?(?:the\s+)?subject(?:\s+should\s+be|\s+to|\s*[:=])\s*(.+)"),
        ("body", r"^(?:the\s+)?(?:body|text)\s*[:=]\s*(.+)"),
        ("mention", r"^(?:please\s+)?(?:also\s+)?(?:mention|include|say)\s+(?:that\s+)?(.+)"),
        ("only", r".*\b(?:only|instead)\b.*@.*|.*@.*\b(?:only|instead)\b.*|^to\s*:.*@.*"),
        ("remove", r".*\b(?:remove|without|drop|not\s+to)\b.*@.*"),
        ("add", r".*\b(?:add|also|cc|copy|include|to|and)\b.*@.*"),
        ("shorten", r".*\b(?:shorter|shorten|short|brief|briefer|concise|too\s+long)\b.*"),
    )
)


def _follow(draft: _Draft, note: str) -> _Draft:
    """Apply the first rule that fits; keep the note in the message where none does."""
    if not note:
        return draft
    changed = replace(draft, changes=(*draft.changes, note))
    for rule, pattern in _RULES:
        found = pattern.match(note)
        if found and not (rule == "mention" and _addresses(found[1])):
            return replace(changed, **_change(rule, draft, found))
    return replace(changed, points=(*draft.points, f"Noted: {_sentence(note)}"))


def _change(rule: str, draft: _Draft, found: re.Match[str]) -> dict[str, Any]:
    change: dict[str, Any]
    addresses = _addresses(found[0])
    match rule:
        case "subject":
            change = {"subject": _clip(found[1], MAX_SUBJECT)}
        case "body":
            change = {"body": found[1], "points": ()}
        case "mention":
            change = {"points": (*draft.points, f"Please note: {_sentence(found[1])}")}
        case "only":
            change = {"to": addresses, "audience": ""}
        case "remove":
            gone = {address.lower() for address in addresses}
            change = {"to": tuple(address for address in draft.to if address.lower() not in gone)}
        case "add":
            change = {"to": tuple(dict.fromkeys((*draft.to, *addresses)))[:MAX_RECIPIENTS]}
        case _:
            change = {"short": True}
    return change


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _summary(draft: _Draft) -> str:
    revised = f" (revised: {'; '.join(draft.changes)})" if draft.changes else ""
    return _clip(f"Draft email about {draft.topic}{revised}", MAX_SUMMARY)


def _body(draft: _Draft) -> str:
    points = "".join(f"\n\n{point}" for point in draft.points)
    if draft.body:
        return draft.body + points
    if draft.short:
        return f"In short: {draft.topic}.{points}"
    greeting = f"Hello {draft.audience}," if draft.audience else "Hello,"
    return f"{greeting}\n\nI am writing to you about {draft.topic}.{points}\n\nKind regards"


def _clean(text: str) -> str:
    """Return the text in one line of Unicode, without control characters."""
    text = text.encode("utf-8", "replace").decode()
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text).split())


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

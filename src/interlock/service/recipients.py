"""Whom an action reaches, by the names of its arguments."""

from __future__ import annotations

from interlock.domain.action import Action, Subject
from interlock.domain.canonical import Json

OF_MAIL = ("to", "recipient", "recipients", "cc", "bcc")
RECIPIENTS = frozenset({*OF_MAIL, "customers", "users", "emails", "addresses"})
"""The arguments that name whom an action reaches."""


def recipients(subject: Subject) -> int:
    """Return how many addresses an action names as its recipients; 0 if it names none."""
    if not isinstance(subject, Action):
        return 0
    named = (value for name, value in subject.args.items() if name.casefold() in RECIPIENTS)
    return len({one for value in named for one in _addresses(value)})


def _addresses(value: Json) -> list[str]:
    given = value if isinstance(value, list) else str(value).split(",") if isinstance(value, str) else []
    return [one.strip().casefold() for one in given if isinstance(one, str) and "@" in one]

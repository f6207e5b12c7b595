"""Decisions of people, made up for the tests of what is learnt from them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from interlock.domain.action import Kind
from interlock.domain.statistics import Ended
from interlock.learning.examples import Example, Round

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
MAIL = {"to": "ann@example.com", "subject": "Lunch"}


def example(ended=Ended.approved, number=0, **given):
    """Return a decision on a mail; one that people changed says another subject."""
    accepted = {
        Ended.approved: given.get("proposed", MAIL),
        Ended.changed: {**MAIL, "subject": "Lunch on Friday"},
    }.get(ended)
    made = Example(
        request=f"req_{number}",
        run=f"run_{number}",
        agent="mailer",
        action="send_email",
        kind=Kind.approval,
        ended=ended,
        level="mails: manager",
        decided_at=START + timedelta(hours=number),
        position=f"{number:04}",
        given={"input": "Invite Ann to lunch"},
        schema={"type": "object", "properties": {"to": {"type": "string"}}},
        proposed=MAIL,
        accepted=accepted,
    )
    return replace(made, **given)


def draft(ended=Ended.approved, **given):
    """Return a decision on the second draft of a report."""
    made = {"proposed": "Sales rose.", "accepted": "Sales rose." if ended is Ended.approved else None} | given
    rounds = (Round("Sales.", "Say what they did."),)
    return example(ended, action="report", kind=Kind.review, schema=None, rounds=rounds, **made)


def answer():
    """Return an answered question."""
    asked = {"proposed": "Which airline?", "accepted": "Any but Budget Air", "given": {"input": "Fly to Oslo"}}
    return example(Ended.answered, action="Which airline?", kind=Kind.input, schema=None, **asked)

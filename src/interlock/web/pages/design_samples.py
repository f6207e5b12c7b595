"""What the page of the design system shows: values of every kind, changes, views by content, a form, charts."""

from __future__ import annotations

from functools import cache

from interlock.domain.action import Action, Draft
from interlock.domain.canonical import Json
from interlock.web.pages.charts import Chart, Series, bars, lines
from interlock.web.pages.content import View, views_of
from interlock.web.pages.differences import Change, changes_between
from interlock.web.pages.form_builder import form
from interlock.web.pages.form_input import Given
from interlock.web.pages.schema_forms import Field
from interlock.web.pages.statistics import Figure
from interlock.web.pages.values import Node, node_of

VALUE: Json = {
    "to": "ann@example.com",
    "body": "Dear Ann,\n\nwe meet on Monday.",
    "amount": 120.5,
    "code": "0012",
    "dryRun": True,
    "reply": None,
    "note": "",
    "tags": [],
    "options": {},
    "file": "invoice\u202efdp.exe",
    "lines": [{"item": "Paper", "quantity": 4, "code": "12"}, {"item": "Delivery", "quantity": 1}],
    "steps": ["Write", {"then": {"wait": "a week"}}],
    "letter": "We write to you because our prices change. " * 40,
}
SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {
        "to": {"type": "string", "format": "email", "title": "Recipient", "description": "Who gets it."},
        "amount": {"type": "number", "minimum": 0},
        "due": {"type": "string", "format": "date"},
        "body": {"type": "string", "maxLength": 2_000},
        "currency": {"enum": ["EUR", "USD"]},
        "days": {"type": "array", "items": {"enum": ["Mon", "Tue", "Wed"]}, "uniqueItems": True},
        "version": {"const": 2},
        "account": {"type": "string"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"item": {"type": "string"}}}},
        "by": {"oneOf": [{"type": "string", "title": "Mail"}, {"type": "integer", "title": "Telephone"}]},
        "extra": {},
        "note": {"type": "string"},
    },
    "required": ["to", "amount", "due", "body", "currency", "days", "version", "account", "lines", "by", "extra"],
}
FORM: dict[str, Json] = {
    "to": "ann",
    "amount": 120.5,
    "due": "2026-12-24",
    "body": "Dear Ann,\n\nwe meet on Monday.",
    "currency": "EUR",
    "days": ["Mon"],
    "version": 2,
    "account": "DE89",
    "lines": [{"item": "Paper"}, {"item": "De\u200blivery"}],
    "by": "mail",
    "extra": [1, "two"],
    "unknown": "more",
}
_SUBJECTS = (
    Action("send_email", {"to": ["ann@example.com", "ben@example.com"], "subject": "Monday", "body": "We meet."}),
    Action("apply", {"patch": "--- a/prices\n+++ b/prices\n@@ -1,2 +1,2 @@\n rate\n-19\n+21\n"}),
    Action("visit", {"url": "https://ann@xn--bcher-kva.example/prices"}),
    Draft({"notes": "# Prices\n\n- Team: **21**\n- Studio: 54\n\n```\nrate\n```\n"}),
    Action("pay", {"amount": "499.90", "currency": "EUR"}),
)
_ENDED = {
    "approved": "Approved",
    "changed": "Approved with changes",
    "rejected": "Rejected",
    "revised": "Sent back",
    "answered": "Answered",
    "automatic": "By a rule",
    "expired": "Expired",
    "withdrawn": "Taken back",
}
_DAYS = ("28 Nov", "29 Nov", "30 Nov")


@cache
def value() -> Node:
    """Return a value with parts of every kind."""
    return node_of(VALUE)


@cache
def deep() -> Node:
    """Return a part that is nested too deep to be shown as fields."""
    return Node("json", '{"deeper":{"still":[1,2,3]}}')


@cache
def changes() -> tuple[Change, ...]:
    """Return changes of every kind: of lines, of a number, of a list."""
    before: Json = {"body": "First\nSecond line\nThird\n" + "Same\n" * 30, "amount": 120, "to": ["ann"], "old": True}
    after: Json = {"body": "First\nA second line\nMore\n" + "Same\n" * 30, "amount": 125, "to": ["ann", "ben"]}
    return changes_between(before, after)


@cache
def views() -> tuple[View, ...]:
    """Return what is decided on as what it is: a mail, a patch, an address, a formatted text, an amount."""
    return tuple(view for subject in _SUBJECTS for view in views_of(subject))


def fields() -> Field:
    """Return a form with fields of every kind, one of which is wrong."""
    whole = form(SCHEMA, Given(FORM), kept={"account": "DE89"})
    for one in whole.walk():
        if one.path == ("to",):
            one.error = "Must be an address of mail."
    return whole


@cache
def charts() -> tuple[Figure, ...]:
    """Return a chart with bars of every style, and two with lines of every style."""
    ended = [Series(name, style, [4 + at, 2, 1 + at]) for at, (style, name) in enumerate(_ENDED.items())]
    took = [Series("Half within", "p50", [3, 2, 4]), Series("95 of 100 within", "p95", [9, 7, 8])]
    ways = [Series(f"Way {number}", f"way{number}", [number, number + 1, number]) for number in range(1, 5)]
    bar, top = bars(_chart("How requests ended", ended))
    found = [Figure(_chart("How requests ended", ended), bar, f"{top:.0f}")]
    for title, series in (("How long people took", took), ("What waiting costs", ways)):
        drawn, top = lines(_chart(title, series), ())
        found.append(Figure(_chart(title, series), drawn, f"{top:.0f}"))
    return tuple(found)


def _chart(title: str, series: list[Series]) -> Chart:
    shown = [[f"{one.values[at]:.0f}" for one in series] for at in range(len(_DAYS))]
    return Chart(title, "From 28 Nov to 30 Nov: a sample.", _DAYS, series, shown)

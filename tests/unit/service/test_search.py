"""Words find a request by what people see of it, however they are written."""

from dataclasses import replace

import pytest

from interlock.domain.action import Action, Draft, Question
from interlock.service.search import MOST_LETTERS, is_found, words_of
from interlock.testing.samples import opened


def request_of(subject, clock, **ask):
    made = opened("req_abcdefgh", clock.at).after
    edition = replace(made.edition, subject=subject)
    return replace(made, edition=edition, ask=replace(made.ask, subject=subject, **ask))


@pytest.mark.parametrize(
    "text",
    [
        *("pixel", "PIXEL print", "print pixel", "12840.00", "vendor", "pay", "  pixel  ", "straße", "STRASSE"),
        *("\uff11\uff12\uff18\uff14\uff10", "deep", "req_abcd", "because", "true north"),
    ],
)
def test_a_request_is_found_by(text, clock):
    pay = Action(
        "pay_invoice",
        {"vendor": "Pixel Print", "amount": "12840.00", "to": [{"street": "Straße"}, [["deep"]], True, None]},
    )
    given = request_of(pay, clock, description="Because it is due, true north")
    assert is_found(given, words_of(text))


@pytest.mark.parametrize("text", ["pixel press", "approve", "sha256", "null", "true", "x" * 300])
def test_a_request_is_not_found_by(text, clock):
    assert not is_found(request_of(Action("pay", {"vendor": "Pixel Print", "a": True}), clock), words_of(text))


def test_questions_and_drafts_are_found_by_what_they_say(clock):
    assert is_found(request_of(Question("Which flight?", options=["Morning", "Noon"]), clock), words_of("flight noon"))
    assert is_found(request_of(Draft({"text": "Dear Ann"}, title="letter"), clock), words_of("letter ann"))
    assert is_found(request_of(Draft("Dear Ann"), clock), words_of("dear"))


def test_what_is_sought_has_bounds(clock):
    assert len(words_of("a " * 1_000)) == 10
    long = request_of(Action("pay", {"first": "needle", "text": "hay " * MOST_LETTERS, "z": "pin"}), clock)
    assert is_found(long, words_of("needle"))
    assert not is_found(long, words_of("pin"))
    assert is_found(long, words_of(""))

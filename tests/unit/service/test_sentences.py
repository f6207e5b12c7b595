"""What an entry states, in words: each character that deceives is named once, whoever shows it."""

from types import SimpleNamespace

import pytest
from tests.model.rules import START

from interlock.domain import events, run_events
from interlock.domain.action import Action, Ask, Draft, Question
from interlock.service.hostile_text import CLOSE, OPEN, plain
from interlock.service.sentences import sentence

EVIL = "a\u202eb\x1b[31m"
NAMED = "a⟨U+202E⟩b⟨ESC⟩[31m"


def opened(subject):
    given = dict.fromkeys(events.Opened.__dataclass_fields__)
    return events.Opened(**{**given, "ask": Ask("i", "t", subject, ())})


def executed(result):
    given = dict.fromkeys(events.EffectExecuted.__dataclass_fields__)
    return events.EffectExecuted(**{**given, "result": result, "note": EVIL, "by": "tool"})


@pytest.mark.parametrize(
    ("reason", "successor", "by", "says"),
    [
        ("the run was cancelled", None, None, "withdrawn: the run was cancelled"),
        ("asked anew", "req_2", None, "withdrawn: asked anew; req_2 takes its place"),
        ("it is paid", None, "ruth", "withdrawn by ruth: it is paid"),
        ("", None, None, "withdrawn"),
    ],
)
def test_what_was_withdrawn_says_why_and_by_which_person(reason, successor, by, says):
    event = events.Withdrawn(reason, successor, START, by)
    assert sentence(SimpleNamespace(event=event, by="bot")) == says


@pytest.mark.parametrize(
    ("event", "times"),
    [
        (opened(Action(EVIL, {EVIL: EVIL})), 3),
        (opened(Question(EVIL)), 1),
        (opened(Draft({"text": EVIL}, EVIL)), 2),
        (executed({EVIL: [EVIL]}), 3),
        (run_events.RunFailed(EVIL, START), 1),
    ],
)
def test_what_deceives_is_named_once(event, times):
    said = plain(sentence(SimpleNamespace(event=event, by="bot")))
    assert said.count(NAMED) == times
    assert said.count(OPEN) == said.count(CLOSE) == 2 * times

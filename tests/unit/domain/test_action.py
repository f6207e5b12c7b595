"""Actions, questions and drafts: what can be asked, and what its digest covers."""

import pytest

from interlock.domain.action import MAX_NAME, Action, Ask, Draft, Question
from interlock.domain.request import Edition, edition_digest, name_of
from interlock.errors import InvalidValue


def test_an_action_is_normalised_when_it_is_made():
    args = {"amount": 1.0, "to": ["a"]}
    action = Action("pay", args)
    args["to"].append("b")
    assert action.args == {"amount": 1, "to": ["a"]}
    assert action.canonical == b'{"args":{"amount":1,"to":["a"]},"kind":"approval","name":"pay"}'


def test_the_digest_covers_name_and_arguments_and_not_the_schema():
    schema = {"type": "object"}
    assert Action("pay", {"a": 1}).digest == Action("pay", {"a": 1}, schema).digest
    assert Action("pay", {"a": 1}).digest != Action("pay", {"a": 2}).digest
    assert Action("pay", {"a": 1}).digest != Action("refund", {"a": 1}).digest


def test_the_three_kinds_never_share_a_digest():
    digests = {Action("x").digest, Question("x").digest, Draft({}, "x").digest, Draft("x").digest}
    assert len(digests) == 4


def test_the_digest_of_a_question_covers_what_may_be_answered():
    assert Question("Which?").digest != Question("Which?", options=["a"]).digest
    assert Question("Which?", options=["a"]).digest == Question("Which?", {"enum": ["a"]}).digest


def test_the_digest_of_an_answered_question_covers_the_answer():
    question = Question("Which?")
    assert edition_digest(Edition(question)) == question.digest
    assert len({edition_digest(Edition(question, answer)) for answer in ("a", "b", 0, False, [], {})}) == 6
    assert edition_digest(Edition(question, False)) != question.digest


BAD = {
    "no name": (lambda: Action(""), "action.name"),
    "a blank name": (lambda: Action(" \n"), "action.name"),
    "a long name": (lambda: Action("x" * (MAX_NAME + 1)), "action.name"),
    "a number for a name": (lambda: Action(7), "action.name"),
    "a name that is no text": (lambda: Action("\ud800"), "action.name"),
    "a list for arguments": (lambda: Action("x", [1]), "action.args"),
    "arguments that are no JSON": (lambda: Action("x", {"a": {"b": b""}}), "action.args.a.b"),
    "a list for a schema": (lambda: Action("x", {}, []), "action.schema"),
    "a schema that is no JSON": (lambda: Action("x", {}, {"a": (1,)}), "action.schema.a"),
    "no question": (lambda: Question("  "), "question.text"),
    "options and a schema": (lambda: Question("x", {}, ["a"]), "question"),
    "no options": (lambda: Question("x", options=[]), "question.options"),
    "options that are no strings": (lambda: Question("x", options=[1]), "question.options"),
    "a draft that is no JSON": (lambda: Draft({"a": {1}}), "draft.body.a"),
    "a draft without a title": (lambda: Draft("x", ""), "draft.title"),
}


@pytest.mark.parametrize(("make", "path"), BAD.values(), ids=BAD)
def test_what_cannot_be_asked_is_refused_with_its_path(make, path):
    with pytest.raises(InvalidValue) as caught:
        make()
    assert caught.value.path == path


def test_a_subject_has_a_name_in_one_line():
    assert [name_of(s) for s in (Action("pay"), Question("Why?"), Draft("x", "mail"))] == ["pay", "Why?", "mail"]


def test_a_reference_is_a_short_text_that_can_be_shown():
    for reference in ("order 17", "x" * 200, "Auftrag №7"):
        assert Ask("", "", Action("pay"), (), reference=reference).reference == reference
    for wrong in ("", " ", " x", "x ", "a\nb", "x" * 201, "\u202e", "\ud800", 17, b"x"):
        with pytest.raises(InvalidValue, match="reference"):
            Ask("", "", Action("pay"), (), reference=wrong)

"""Whoever adds a verdict, an outcome or a kind is told here which tables lack it: none waits with a KeyError."""

import json
from importlib import resources
from typing import get_args, get_type_hints

import pytest

from interlock.cli.app import COMMANDS
from interlock.config.policies import PolicySettings
from interlock.domain import lifecycle, quorum, retries
from interlock.domain.action import (
    NEGATIVE_OUTCOMES,
    VERDICTS,
    Action,
    Draft,
    Kind,
    Outcome,
    Question,
    Verdict,
    default_verdicts,
)
from interlock.domain.events import Decided
from interlock.domain.request import EffectState, Status
from interlock.service.client import Client
from interlock.terminal import presentation, prompts, reply

SCHEMA = json.loads(resources.files("interlock.service").joinpath("shapes.schema.json").read_text())
SUBJECTS = [Action("pay"), Question("Which?"), Draft("Dear")]
BY_NOBODY = {"expired", "withdrawn"}
"""What silence and the agent bring a request to."""

METHODS = {Verdict.respond: "answer"}
"""What a verdict is called where a person commands it, if otherwise."""


def enums(value):
    """Yield every enumeration of the schema."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from enums(inner)
    if isinstance(value, dict) and isinstance(value.get("enum"), list):
        yield set(value["enum"])


# ── verdicts ──


def test_every_verdict_has_its_rule_and_words_of_its_own():
    assert set(VERDICTS) == set(Verdict)
    for words in ("did", "question", "does"):
        said = [getattr(rule, words) for rule in VERDICTS.values()]
        assert all(said), words
        assert len({*said}) == len(said), words


def test_every_verdict_counts_for_or_against_and_has_an_outcome():
    assert set(Verdict) == quorum.FOR | quorum.AGAINST
    assert not quorum.FOR & quorum.AGAINST
    against = {VERDICTS[verdict].outcome for verdict in quorum.AGAINST}
    assert {quorum.Tally(outcome).value for outcome in against} == against


def test_every_verdict_can_be_given_everywhere():
    assert set(reply.ALIASES) == set(Verdict)
    aliases = [word for words in reply.ALIASES.values() for word in words]
    assert len({*aliases}) == len(aliases), "a word means two verdicts"
    for verdict in Verdict:
        name = METHODS.get(verdict, str(verdict))
        assert name in COMMANDS, "there is no command for it"
        assert hasattr(Client, name), "there is no method for it"


def test_every_verdict_may_need_a_reason_and_is_in_the_json():
    (of_config,) = get_args(PolicySettings.model_fields["reason_for"].annotation)[:1]
    assert set(get_args(of_config)) == {str(verdict) for verdict in Verdict}
    assert {str(verdict) for verdict in Verdict} in list(enums(SCHEMA))


# ── kinds ──


def test_there_is_a_subject_for_every_kind():
    assert {Kind(subject.kind) for subject in SUBJECTS} == set(Kind)
    assert {kind for rule in VERDICTS.values() for kind in rule.kinds} == set(Kind)


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.kind)
def test_every_kind_can_be_agreed_to_and_refused_and_asked_in_the_terminal(subject):
    kind = Kind(subject.kind)
    offered = default_verdicts(subject)
    assert set(offered) & quorum.FOR
    assert set(offered) & quorum.AGAINST
    assert kind in presentation.TITLES
    if kind is not Kind.input:  # a question has a prompt of its own
        words = reply.PROMPTS[kind][1]
        assert set(offered) <= set(words)
        assert set(words.values()) <= set(prompts.MEANS)


# ── outcomes, and what becomes of effects ──


def test_every_outcome_is_in_the_table_of_changes_and_comes_of_something():
    outcomes = {str(status) for status in Status} - {"open"}
    decided = set(get_args(Outcome))
    assert get_type_hints(Decided)["outcome"] == Outcome
    assert decided == {rule.outcome for rule in VERDICTS.values()}
    assert outcomes == decided | BY_NOBODY
    for outcome in outcomes:
        assert lifecycle.TRANSITIONS[Status.open, EffectState.none, outcome] == (Status(outcome), EffectState.none)


def test_every_outcome_is_a_refusal_or_not_and_never_both():
    agreed = {rule.outcome for rule in VERDICTS.values() if rule.supports}
    assert agreed | NEGATIVE_OUTCOMES == set(get_args(Outcome))
    assert not agreed & NEGATIVE_OUTCOMES
    assert {"rejected", "revised"} == NEGATIVE_OUTCOMES


def test_every_outcome_after_which_a_graph_may_act_has_its_words():
    assert set(retries.ANSWERS) == set(Status) - {Status.open}
    assert len({*retries.ANSWERS.values()}) == len(retries.ANSWERS)


def test_every_outcome_and_every_state_of_an_effect_is_in_the_json():
    found = list(enums(SCHEMA))
    assert {str(status) for status in Status} in found
    assert {str(state) for state in EffectState} in found


def test_every_state_of_an_effect_is_reached():
    reached = {effect for _, effect in lifecycle.TRANSITIONS.values()}
    assert reached == set(EffectState)

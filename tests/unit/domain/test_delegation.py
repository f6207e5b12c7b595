"""Delegations in words, and those that never come to anything."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.model.rules import START, Bench

from interlock.domain.action import Action
from interlock.domain.authority import Delegation, Directory
from interlock.domain.delegation_check import check_delegations
from interlock.domain.eligibility import Eligibility, VotingRight
from interlock.domain.explain import explain
from interlock.domain.policy import Escalation, Level, Policy, Step

DAY = timedelta(days=1)
STEP = Step(("group:g",), where="reviewer.id != 'yves'")
POLICY = Policy(
    "p", (Level("only", None, (STEP, Step(("person:olga",), escalate=Escalation(("person:eve",), DAY / 2)))),)
)


def people(*given):
    groups = {"g": frozenset({"mia", "noah", "ian"}), "others": frozenset({"zoe", "xaver", "yves"})}
    return Directory(groups, local_roles=False, delegations=given)


def lines(*given, policy=POLICY):
    bench = Bench(policy, people(*given), initiator="ian")
    bench.ask(Action("pay", {"amount": "50"}))
    text = explain(bench.request, policy, bench.directory, START + DAY / 4)
    return [line.strip() for line in text.splitlines() if "Votes for" in line]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Delegation("mia", "zoe", START + DAY), "Votes for mia: zoe, until 2026-11-03 09:00:00 UTC."),
        (
            Delegation("mia", "noah", START + DAY),
            "Votes for mia: not noah, who is asked as well: one person is one vote.",
        ),
        (
            Delegation("mia", "yves", START + DAY),
            "Votes for mia: not yves: this step asks only those for whom reviewer.id != 'yves'.",
        ),
        (Delegation("olga", "xaver", START + DAY), "Votes for olga: xaver, until 2026-11-03 09:00:00 UTC."),
    ],
)
def test_it_is_explained_who_votes_for_whom_and_until_when(given, said):
    assert lines(given) == [said]


@pytest.mark.parametrize(
    "given",
    [
        Delegation("mia", "zoe", START + DAY / 8),  # over
        Delegation("mia", "zoe", START + DAY, START + DAY / 2),  # to come
        Delegation("ian", "zoe", START + DAY),  # started the run
        Delegation("zoe", "xaver", START + DAY),  # is not asked
    ],
    ids=lambda given: f"{given.giver} to {given.delegate}",
)
def test_who_votes_for_nobody_now_is_not_named(given):
    assert lines(given) == []


def test_whoever_is_named_by_several_votes_for_the_first_who_is_asked_and_has_not_voted():
    given = (Delegation("zoe", "xaver", START + DAY), Delegation("noah", "xaver", START + DAY))
    directory = people(*given, Delegation("mia", "xaver", START + DAY))
    bench = Bench(POLICY, directory, initiator="ian")
    bench.ask(Action("pay", {"amount": "50"}))
    eligibility = Eligibility(POLICY, directory, "ian", "agent:buyer")
    assert eligibility.of(STEP, "xaver", START) == VotingRight("noah")
    assert eligibility.of(STEP, "xaver", START, prefer="mia") == VotingRight("mia")
    assert eligibility.of(STEP, "xaver", START + DAY).excluded == "this step asks group:g"
    assert eligibility.of(STEP, "noah", START) == VotingRight()


SPENT = [
    ("over", [Delegation("mia", "zoe", START)], ["delegation_over"]),
    ("nobody asks the giver", [Delegation("zoe", "mia", START + DAY)], ["delegation_idle"]),
    ("asked only once it escalates", [Delegation("eve", "zoe", START + DAY)], []),
    ("asked wherever the giver is", [Delegation("mia", "noah", START + DAY)], ["delegation_idle"]),
    ("nobody knows the delegate", [Delegation("mia", "zeo", START + DAY)], ["delegation_unknown"]),
    (
        "a chain",
        [Delegation("mia", "zoe", START + DAY), Delegation("zoe", "xaver", START + DAY)],
        ["delegation_chain", "delegation_idle"],
    ),
    (
        "one after the other",
        [Delegation("mia", "olga", START + DAY), Delegation("olga", "zoe", START + 2 * DAY, START + DAY)],
        [],
    ),
    ("each for the other", [Delegation("mia", "olga", START + DAY), Delegation("olga", "mia", START + DAY)], []),
    ("sound", [Delegation("mia", "zoe", START + DAY)], []),
]


@pytest.mark.parametrize(("given", "codes"), [row[1:] for row in SPENT], ids=[row[0] for row in SPENT])
def test_delegations_that_come_to_nothing_are_found(given, codes):
    found = check_delegations([POLICY], people(*given), START)
    assert [finding.code for finding in found] == codes


def test_the_delegation_of_whose_account_is_disabled_rests():
    directory = replace(people(Delegation("mia", "zoe", START + DAY)), disabled=frozenset({"mia"}))
    (found,) = check_delegations([POLICY], directory, START)
    assert (found.severity, found.code) == ("warning", "delegation_rests")
    assert "the account of mia is disabled" in found.message


def test_a_finding_names_both_and_what_to_do():
    idle, over = check_delegations(
        [POLICY], people(Delegation("zoe", "mia", START + DAY), Delegation("mia", "zoe", START)), START
    )
    assert idle.severity == "error"
    assert str(idle) == "delegations, zoe to mia: no step asks zoe, so that there is no vote to give"
    assert over.severity == "warning"
    assert "is over since 2026-11-02 09:00:00 UTC: remove it as soon as nothing" in str(over)

"""Who one person is, whom a step asks, and who is kept out."""

import pytest
from tests.model.rules import START

from interlock.domain.action import Verdict
from interlock.domain.authority import Directory, canonical_id
from interlock.domain.eligibility import Eligibility
from interlock.domain.policy import Level, Policy, Step
from interlock.domain.quorum import Tally, supporters, tally, with_vote
from interlock.domain.request import Vote

SAME = [
    "mia@example.com",
    "MIA@Example.COM",
    "  mia@example.com\t",
    "\uff2d\uff49\uff41@example.com",  # wide letters
    "mia@example.com\u200b",  # a zero-width space
    "m\u00adia@example.com",  # a soft hyphen
    "\u202emia@example.com\u202c",  # turned around for the eye
    "mia\ufeff@example.com",
]


@pytest.mark.parametrize("name", SAME, ids=ascii)
def test_I6_one_person_has_one_id_however_it_is_written(name):
    assert canonical_id(name) == "mia@example.com"


@pytest.mark.parametrize(
    "name", ["Stra\u00dfe", "\u0130stanbul", "\u1e9e", "\ufb01sh", "\u03a3\u03c2", "\u0345a", "\u00c5"]
)
def test_I6_folding_twice_changes_nothing(name):
    once = canonical_id(name)
    assert canonical_id(once) == once
    assert canonical_id(name.upper()) == once


def test_accents_and_other_scripts_stay_other_people():
    assert len({canonical_id(name) for name in ("mia", "m\u00eda", "m\u0456a", "mia2")}) == 4


PEOPLE = Directory(
    groups={"g": frozenset({"mia", "noah"})},
    roles={"reviewer": frozenset({"ruth"})},
    aliases={"slack:u7": "mia"},
)


@pytest.mark.parametrize(
    ("ask", "person", "asked"),
    [
        ("group:g", "mia", True),
        ("group:g", "local:mia", False),
        ("group:other", "mia", False),
        ("role:reviewer", "ruth", True),
        ("role:reviewer", "mia", False),
        ("role:reviewer", "local:mia", True),
        ("role:anything", "local:mia", True),
        ("person:Slack:U7", "mia", True),
        ("person:mia", "noah", False),
        ("everybody", "mia", False),
        ("", "", False),
    ],
)
def test_whom_a_step_asks(ask, person, asked):
    assert PEOPLE.is_asked(Step((ask,)), person) is asked


def test_a_role_on_one_machine_cannot_be_counted():
    assert PEOPLE.asked(Step(("group:g", "role:reviewer"))) is None
    company = Directory(PEOPLE.groups, PEOPLE.roles, PEOPLE.aliases, local_roles=False)
    assert company.asked(Step(("group:g", "role:reviewer"))) == {"mia", "noah", "ruth"}


STEP = Step(("group:g",))


def kept_out(person, *, step=STEP, initiator="ian", requester="agent:a", editors=(), **terms):
    policy = Policy("p", (Level("only", None, (step,)),), **terms)
    return Eligibility(policy, PEOPLE, initiator, requester, editors).exclusion(step, person)


def test_I7_requester_initiator_and_editors_are_kept_out():
    assert kept_out("mia") is None
    assert "requester" in kept_out("mia", requester="SLACK:U7")
    assert "started the run" in kept_out("mia", initiator="Slack:u7")
    assert kept_out("mia", initiator="mia", initiator_may_approve=True) is None
    assert "four-eyes" in kept_out("mia", editors=("noah", "mia"), four_eyes=True)
    assert kept_out("mia", editors=("mia",)) is None


def test_I9_whoever_is_not_asked_is_kept_out():
    assert "asks group:g" in kept_out("ruth")


@pytest.mark.parametrize(
    ("where", "may"),
    [
        ("reviewer.id != initiator.id", True),
        ("reviewer.id == 'noah'", False),
        ("'reviewer' in reviewer.roles", False),
        ("reviewer.id", False),
        ("reviewer.age > 3", False),
        ("unknown", False),
        ("1 / 0 == 1", False),
    ],
)
def test_a_condition_that_fails_or_says_nothing_keeps_out(where, may):
    assert (kept_out("mia", step=Step(("group:g",), where=where)) is None) is may


# ── quorum ──


def votes(*said):
    found: tuple[Vote, ...] = ()
    for voter, verdict in said:
        found = with_vote(found, Vote(voter, Verdict(verdict), "sha256:0", 0, START))
    return found


YES, NO, BACK = "approve", "reject", "revise"
ABC = frozenset("abc")

TALLIES = [
    ("nobody", Step(("x",)), votes(), ABC, Tally.open),
    ("one", Step(("x",)), votes(("a", YES)), ABC, Tally.passed),
    ("one against", Step(("x",)), votes(("a", NO)), ABC, Tally.rejected),
    ("sent back", Step(("x",)), votes(("a", BACK)), ABC, Tally.revised),
    ("the last objection names it", Step(("x",), rejections=2), votes(("a", NO), ("b", BACK)), ABC, Tally.revised),
    ("one of two", Step(("x",), approvals=2), votes(("a", YES)), ABC, Tally.open),
    ("two of two", Step(("x",), approvals=2), votes(("a", YES), ("b", "edit")), ABC, Tally.passed),
    ("the same twice", Step(("x",), approvals=2), votes(("a", YES), ("a", "edit")), ABC, Tally.open),
    ("an answer counts", Step(("x",)), votes(("a", "respond")), ABC, Tally.passed),
    ("out of reach", Step(("x",), approvals=3, rejections=3), votes(("a", NO)), ABC, Tally.rejected),
    ("just in reach", Step(("x",), approvals=2, rejections=3), votes(("a", NO)), ABC, Tally.open),
    ("nobody knows who there is", Step(("x",), approvals=9, rejections=3), votes(("a", NO)), None, Tally.open),
    ("too few, and nobody against", Step(("x",), approvals=4), votes(("a", YES)), ABC, Tally.rejected),
    ("who left counts once", Step(("x",), approvals=2, rejections=2), votes(("z", NO)), ABC - {"c"}, Tally.open),
    ("changed to yes", Step(("x",), rejections=2), votes(("a", NO), ("a", YES)), ABC, Tally.passed),
]  # fmt: skip


@pytest.mark.parametrize(("step", "cast_votes", "eligible", "expected"), [row[1:] for row in TALLIES], ids=[r[0] for r in TALLIES])  # fmt: skip  # noqa: E501
def test_I6_tally(step, cast_votes, eligible, expected):
    assert tally(step, cast_votes, eligible) is expected


def test_I6_a_later_vote_takes_the_place_of_the_earlier_one():
    said = votes(("a", YES), ("b", YES), ("a", NO))
    assert [vote.voter for vote in said] == ["b", "a"]
    assert supporters(said) == ("b",)

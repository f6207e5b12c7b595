"""Who and what plays in the state machine: people under several names, two policies in two versions, agents."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st
from tests.model.open_hours import SHIFTS

from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.authority import Delegation, Directory
from interlock.domain.facts import Fact
from interlock.domain.grants import GrantLimits, Total
from interlock.domain.policy import Escalation, Level, Policy, Step
from interlock.domain.request import Repeatable
from interlock.engine.ports.policies import PolicySet
from interlock.testing.scripts import Behaviour, Move, Script, Tool

TENANT = "acme"
AGENT = "bot"
OPERATOR = "olga"
STRANGER = "mallory"

SPELLINGS = {
    "ann": "ann",
    "ANN": "ann",
    "ann.smith": "ann",
    "bob": "bob",
    "Bob ": "bob",
    "cat": "cat",
    "dan": "dan",
    "eve": "eve",
    "olga": "olga",
    "ian": "ian",
    STRANGER: STRANGER,
    f"agent:{AGENT}": f"agent:{AGENT}",
}
"""Every name under which somebody comes, and who that is."""

PEOPLE = ("ann", "bob", "cat", "dan", "eve")
INITIATORS = ("ann", "ANN", "ian")

FULL = Directory(
    groups={"team": frozenset({"ann", "bob", "cat", "dan"}), "bosses": frozenset({"cat", "eve"})},
    roles={"operator": frozenset({OPERATOR})},
    aliases={"ann.smith": "ann"},
    local_roles=False,
)

HOUR = timedelta(hours=1)
_TEAM = Step(("group:team",), within=HOUR)
_SPEND = Policy(
    name="spend",
    applies_to='action.kind == "approval"',
    facts={"amount": Fact(("amount",), "decimal")},
    levels=(
        Level("auto", when="amount < 10.0", automatic=True),
        Level(
            "small",
            when="amount < 100.0",
            steps=(replace(_TEAM, remind_after=(HOUR / 4, HOUR / 2)),),
            grants=GrantLimits(HOUR, 3, Total("amount", Decimal(120))),
        ),
        Level(
            "large",
            steps=(replace(_TEAM, approvals=2, rejections=2), Step(("group:bosses",), within=2 * HOUR)),
        ),
    ),
    four_eyes=True,
    edits=("amount",),
    reason_for=("reject",),
)
_TALK_TO = replace(
    _TEAM,
    within=HOUR / 2,
    escalate=Escalation(("person:eve",), HOUR / 4),
    on_timeout="escalate",
    remind_after=(HOUR / 4,),
    hold=HOUR / 12,
)
_TALK = Policy(name="talk", levels=(Level("team", steps=(_TALK_TO,)),))
_ON_SHIFT = Level("team", steps=(replace(_TALK_TO, within=2 * HOUR, calendar=SHIFTS),))

_TWO_OR_BOSSES = replace(
    _TEAM, approvals=2, rejections=2, escalate=Escalation(("group:bosses",)), on_timeout="escalate", calendar=SHIFTS
)

_BOSSES_OR_DAN = Step(("group:bosses", "person:dan"))

VERSIONS = (
    PolicySet((_SPEND,), _TALK, FULL),
    PolicySet(
        (
            replace(
                _SPEND,
                four_eyes=False,
                initiator_may_approve=True,
                edits=None,
                reason_for=(),
                answer_expires=HOUR,
                levels=(
                    *_SPEND.levels[:1],
                    Level("small", when="amount < 100.0", steps=(_TWO_OR_BOSSES,)),
                    Level("large", steps=(replace(_TEAM, approvals=3, hold=HOUR / 6), _BOSSES_OR_DAN)),
                ),
            ),
        ),
        replace(_TALK, four_eyes=True, answer_expires=HOUR, levels=(_ON_SHIFT,)),
        FULL,
    ),
)
"""The configuration, and how it is after somebody has changed it."""

POLICIES = {"spend": (10, 100), "talk": ()}
"""Below which amounts each policy's levels end; the last level has no end."""


def level_of(policy: Policy, subject: Subject) -> int:
    """Say in which level something falls, without evaluating an expression."""
    ends = POLICIES[policy.name]
    amount = subject.args.get("amount") if isinstance(subject, Action) else None
    return next((index for index, end in enumerate(ends) if amount is not None and amount < end), len(ends))


def without(directory: Directory, person: str, group: str) -> Directory:
    """Return the directory with this person out of the group; or in it again."""
    members = directory.groups[group] ^ {person}
    return replace(directory, groups={**directory.groups, group: members})


def naming(directory: Directory, giver: str, delegate: str, until: datetime) -> Directory:
    """Return the directory with this person naming another to vote for them; or with all they named taken back."""
    left = tuple(one for one in directory.delegations if one.giver != giver)
    named = () if left != directory.delegations else (Delegation(giver, delegate, until),)
    return replace(directory, delegations=(*left, *named))


HIGHEST = 1000
"""The largest amount that fits the schema of a payment."""

_SCHEMA = {
    "type": "object",
    "properties": {"amount": {"type": "number", "maximum": HIGHEST}},
    "required": ["amount"],
}


def _payment(amount: int, to: str) -> Action:
    """Return a payment."""
    return Action("pay", {"amount": amount, "to": to}, _SCHEMA)


_PAYMENTS = tuple(_payment(amount, to) for amount in (50, 500, 5, 50) for to in ("x", "y"))
_TALK_ABOUT: tuple[Subject, ...] = (
    Question("How many?", {"type": "integer"}),
    Question("Which?"),
    Draft("text", "letter"),
)
_REPEATABLE: tuple[Repeatable, ...] = ("no", "idempotent", "verifiable")
_BEHAVES: tuple[Behaviour, ...] = ("returns", "returns", "returns", "not_done", "acts_then_raises", "raises")


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Draw an agent: one or two stages of one to three parallel tasks, each of which asks once or twice."""

    def move() -> Move:
        tool = Tool(
            draw(st.sampled_from(_REPEATABLE)),
            draw(st.sampled_from(_BEHAVES)),
            draw(st.sampled_from((False, False, False, True))),
        )
        paid = st.sampled_from(_PAYMENTS)
        match draw(st.sampled_from(("pays", "pays", "talks", "changes its mind"))):
            case "pays":
                return Move((draw(paid),), tool, draw(st.booleans()))
            case "talks":
                return Move((draw(st.sampled_from(_TALK_ABOUT)),))
            case _:
                return Move(tuple(draw(paid) for _ in range(draw(st.integers(2, 4)))), tool)

    stages = tuple(
        tuple(tuple(move() for _ in range(draw(st.integers(1, 2)))) for _ in range(draw(st.integers(1, 3))))
        for _ in range(draw(st.integers(1, 2)))
    )
    return Script(stages, draw(st.sampled_from((0, 0, 0, 0, 0, 1, 6))))

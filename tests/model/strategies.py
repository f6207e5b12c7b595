"""Hypothesis strategies: JSON values and what is none, subjects, policies, people, and what they do.

`moves` is what a test of the rules, or a state machine over a store, lets random people do at random times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from tests.model.rules import AGENT, START

from interlock.domain.action import Action, Draft, Question, Subject, Verdict
from interlock.domain.authority import Delegation, Directory, Principal
from interlock.domain.canonical import MAX_SAFE_INTEGER, Json
from interlock.domain.facts import Fact
from interlock.domain.policy import Escalation, Level, Policy, Step

INITIATOR = "ian@example.com"

PEOPLE = ("mia@example.com", "noah@example.com", "pete@example.com", "olga@example.com", INITIATOR)
"""Canonical ids of everybody there is."""

STRANGER = "zoe@example.com"
"""Whom nobody asks, so that she only votes for others."""

ALIASES = {"slack:u7": "mia@example.com", "noah.lee@example.com": "noah@example.com", "ian": INITIATOR}

SPELLINGS: Mapping[str, str] = {
    **{person: person for person in PEOPLE},
    **ALIASES,
    "MIA@Example.com": "mia@example.com",
    "\uff4dia@example.com": "mia@example.com",
    " pete@example.com": "pete@example.com",
    "pe\u200bte@example.com": "pete@example.com",
    "Slack:U7": "mia@example.com",
    "IAN@EXAMPLE.COM": INITIATOR,
    STRANGER: STRANGER,
    AGENT: AGENT,
}
"""Spelling to the canonical id that it stands for; a stranger and the agent's own name are among them."""

text = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.one_of(st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER), st.floats(allow_nan=False, allow_infinity=False))
scalars: st.SearchStrategy[Json] = st.one_of(st.none(), st.booleans(), numbers, text)


def json_values(max_leaves: int = 20) -> st.SearchStrategy[Json]:
    """Return JSON values of every shape."""
    return st.recursive(
        scalars, lambda inner: st.one_of(st.lists(inner), st.dictionaries(text, inner)), max_leaves=max_leaves
    )


def json_objects(max_leaves: int = 20) -> st.SearchStrategy[dict[str, Json]]:
    """Return JSON objects."""
    return st.dictionaries(text, json_values(max_leaves), max_size=5)


class _Text(str):
    __slots__ = ()


class _Whole(int):
    __slots__ = ()


def not_json() -> st.SearchStrategy[object]:
    """Return single values that JSON cannot carry, or not as they are."""
    return st.one_of(
        st.sampled_from(
            [float("nan"), float("inf"), float("-inf"), object(), 1j, range(3), Decimal(1), ..., NotImplemented]
        ),
        st.integers(min_value=MAX_SAFE_INTEGER + 1),
        st.integers(max_value=-MAX_SAFE_INTEGER - 1),
        st.binary(),
        st.tuples(scalars),
        st.frozensets(st.integers(), max_size=2),
        st.dictionaries(
            st.one_of(st.integers(), st.none(), st.booleans(), st.binary()), scalars, min_size=1, max_size=2
        ),
        st.characters(categories=["Cs"]),
        text.map(_Text),
        st.integers(-5, 5).map(_Whole),
        st.datetimes(),
    )


amounts = st.one_of(
    st.sampled_from(
        ["0", "1", "99.99", "100", "999.99", "1000", "1000000", "-1", "", "1e3", "1_0", "\u0661", " 1", None]
    ),
    st.decimals(0, 2000, places=2).map(str),
    numbers,
)


def actions() -> st.SearchStrategy[Action]:
    """Return purchases of every amount, sensible or not."""
    notes = st.one_of(st.none(), text)
    return st.builds(
        lambda amount, note: Action("purchase", {"amount": amount} | ({} if note is None else {"note": note})),
        amounts,
        notes,
    )


def subjects() -> st.SearchStrategy[Subject]:
    """Return actions, questions and drafts."""
    questions = st.builds(Question, st.sampled_from(["Which airline?", "When?"]))
    return st.one_of(actions(), actions(), questions, st.builds(Draft, json_values(5)))


def steps() -> st.SearchStrategy[Step]:
    """Return steps that ask some of `PEOPLE`."""
    entries = st.sampled_from(["group:a", "group:b", "group:c", "role:reviewer", "person:Slack:U7"])
    return st.builds(
        Step,
        ask=st.lists(entries, min_size=1, max_size=2, unique=True).map(tuple),
        approvals=st.sampled_from([1, 1, 1, 2, 2, 3]),
        rejections=st.sampled_from([1, 2, 2]),
        within=st.sampled_from([timedelta(minutes=30), timedelta(hours=4)]),
        escalate=st.sampled_from([None, None, Escalation(("group:c",), timedelta(minutes=20))]),
        remind_after=st.sampled_from([(), (timedelta(minutes=10), timedelta(minutes=25))]),
        on_timeout=st.just("expire"),
        hold=st.sampled_from([None, None, timedelta(minutes=2)]),
        where=st.sampled_from([None] * 6 + ["reviewer.id != initiator.id", "'reviewer' in reviewer.roles"]),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return policies of up to three levels of up to three steps over the amount of a purchase."""
    tiers = draw(st.lists(st.lists(steps(), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3))
    levels = [Level(f"tier {at}", f"amount < {10 ** (at + 2)}", tier) for at, tier in enumerate(tiers[:-1], start=1)]
    rule = [Level("rule", "amount < 50", automatic=True)] if draw(st.booleans()) else []
    return Policy(
        name="random",
        levels=(*rule, *levels, Level("last", None, tiers[-1])),
        facts={"amount": Fact(("amount",), "decimal", min=Decimal(0))},
        four_eyes=draw(st.booleans()),
        initiator_may_approve=draw(st.booleans()),
        edits=draw(st.sampled_from([None, None, ("amount",), ()])),
        reason_for=draw(st.sampled_from([(), (), ("reject",)])),
        answer_expires=draw(st.sampled_from([None, timedelta(hours=1)])),
    )


def delegations() -> st.SearchStrategy[tuple[Delegation, ...]]:
    """Return who votes for one of `PEOPLE`: a stranger most of the time, one of themselves now and then."""
    one = st.builds(
        Delegation,
        st.sampled_from(PEOPLE),
        st.sampled_from([STRANGER] * 6 + [*PEOPLE, AGENT]),
        st.sampled_from([START + timedelta(minutes=5), *[START + timedelta(days=30)] * 3]),
        st.sampled_from([None, None, START + timedelta(minutes=2)]),
    )
    return st.lists(one, max_size=4).map(tuple)


def directories() -> st.SearchStrategy[Directory]:
    """Return ways in which `PEOPLE` may stand in the groups a, b and c and the role of a reviewer."""
    some = st.frozensets(st.sampled_from(PEOPLE), min_size=2)
    most = st.frozensets(st.sampled_from(PEOPLE), min_size=4)
    return st.builds(
        lambda groups, reviewers, given: Directory(groups, {"reviewer": reviewers}, ALIASES, False, given),
        st.fixed_dictionaries({"a": most, "b": most, "c": some}),
        most,
        delegations(),
    )


def principals() -> st.SearchStrategy[Principal]:
    """Return everybody who may try something, in every spelling; now and then not as a person."""
    anybody = st.builds(Principal, st.sampled_from(sorted(SPELLINGS)), st.sampled_from(["person", "person", "agent"]))
    plain = st.builds(Principal, st.sampled_from([*PEOPLE, STRANGER]))
    return st.sampled_from([plain] * 4 + [anybody]).flatmap(lambda chosen: chosen)


@dataclass(frozen=True, slots=True)
class Move:
    """Something that somebody tries, after some time.

    Args:
        what: a verdict, `take back`, `expire`, `due`, `extend`, `withdraw`, `withdraw as a person`,
            `claim`, `record`, `settle`, `lapse`, or `people`: they change.
        who: the principal that tries it.
        after: how long the clock has run since the move before.
        value: what goes with it: an edited action, an answer, a comment, a state, a directory.
        stale: on what was asked, not on what stands there now.
    """

    what: str
    who: Principal
    after: timedelta
    value: Any = None
    comment: str = ""
    stale: bool = False


@st.composite
def moves(draw: st.DrawFn) -> Move:
    """Return one move; votes are the most frequent."""
    votes = (
        [Verdict.approve] * 20 + [Verdict.edit] * 6 + [Verdict.respond] * 6 + [Verdict.reject] * 2 + [Verdict.revise]
    )
    others = (
        ["claim"] * 6
        + ["take back"] * 2
        + ["record"] * 3
        + ["settle"] * 2
        + ["people"] * 2
        + ["expire", "due", "due", "due", "extend", "withdraw", "withdraw as a person", "lapse"]
    )
    what = str(draw(st.sampled_from([*votes, *others])))
    return Move(
        what=what,
        who=draw(principals()),
        after=draw(
            st.sampled_from([timedelta(minutes=1)] * 12 + [timedelta(minutes=30), timedelta(hours=1, seconds=1)])
        ),
        value=draw(_VALUES.get(what, st.none())),
        comment=draw(st.sampled_from(["", "fine"])),
        stale=draw(st.sampled_from([False] * 11 + [True])),
    )


_VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "edit": actions(),
    "respond": st.sampled_from(["Delta", "Delta", "Delta", "United", None]),
    "record": st.sampled_from(["executed", "executed", "failed", "unknown"]),
    "settle": st.sampled_from(["happened", "did_not", "retry"]),
    "people": directories(),
}

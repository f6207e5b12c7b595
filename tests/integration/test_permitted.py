"""What somebody may do about a request is what a try comes to; and who can vote is who may (role and state)."""

import random
from datetime import timedelta

import pytest

from interlock import Action, Draft, Question
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.errors import InterlockError
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.testing.people import principal

CONFIG = """
people: {mia: {}, noah: {}, olga: {}, ivo: {}, zoe: {}, yan: {}}
groups: {managers: [mia, noah], directors: [olga]}
roles: {operator: [otto]}
policies:
  two:
    applies_to: action.name == "two"
    levels: [{steps: [{ask: [group:managers], approvals: 2}, {ask: [group:directors]}]}]
    four_eyes: true
    reason_for: [reject]
  held:
    applies_to: action.name == "held"
    levels: [{hold: 1h, steps: [{ask: [group:managers]}]}]
    edits: []
default: {levels: [{steps: [{ask: [group:managers]}]}]}
"""
PEOPLE = ("mia", "noah", "olga", "ivo", "otto", "zoe")
EVERYBODY = (*PEOPLE, "agent:bot", "agent:other")


class House:
    def __init__(self, system, clock):
        self.system = system
        self.clock = clock
        self.number = 0

    def as_(self, name):
        return Client(self.system, principal(name, "agent" if name.startswith("agent:") else "person"))

    def agent(self, name="agent:bot"):
        return AgentClient(self.system, principal(name, "agent"))

    def withdraws(self, name):
        return self.agent(name) if name.startswith("agent:") else self.as_(name)

    async def ask(self, subject):
        self.number += 1
        asked = await self.agent().ask(Asked(subject, initiator="ivo"), key=str(self.number))
        return asked.id

    async def act(self, name="pay"):
        return await self.ask(Action(name, {"amount": 1}))

    async def claimed(self, state=None):
        key = await self.act()
        decided = await self.as_("mia").approve(key, digest=None)
        how = {"digest": decided.digest, "tool": "bank:pay", "lasts": self.hour}
        attempt = (await self.agent().claim(key, **how)).claim.attempt
        if state is not None:
            await self.agent().record(key, attempt, state)
        return key

    @property
    def hour(self):
        return timedelta(hours=1)


async def open_(it):
    return await it.act()


async def question(it):
    return await it.ask(Question("Which airline?"))


async def draft(it):
    return await it.ask(Draft("Dear all"))


async def half(it):
    key = await it.act("two")
    await it.as_("mia").approve(key, digest=None)
    return key


async def second_step(it):
    key = await half(it)
    await it.as_("noah").approve(key, digest=None)
    return key


async def held(it):
    key = await it.act("held")
    await it.as_("mia").approve(key, digest=None)
    return key


async def asked_back(it):
    key = await it.act()
    await it.as_("zoe").ask_back(key, "Whose budget?")
    return key


async def reserved(it):
    key = await it.act()
    await it.as_("mia").reserve(key, "1h")
    return key


async def delegated(it):
    key = await it.act()
    await it.as_("mia").delegate(key, to="zoe")
    return key


async def changed(it):
    key = await it.act()
    await it.as_("mia").edit(key, {"amount": 2}, digest=None)
    return key


async def overdue(it):
    key = await it.act()
    it.clock.advance(days=2)
    return key


async def rejected(it):
    key = await it.act()
    await it.as_("mia").reject(key, digest=None)
    return key


async def executed(it):
    return await it.claimed("executed")


async def unknown(it):
    return await it.claimed("unknown")


async def under_way(it):
    return await it.claimed()


async def given_up(it):
    key = await it.claimed()
    it.clock.advance(hours=2)
    return key


STATES = (
    *(open_, question, draft, half, second_step, held, asked_back, reserved, delegated, changed, overdue, rejected),
    *(executed, unknown, under_way, given_up),
)

TRIES = {
    "approve": lambda it, who, key: it.as_(who).approve(key, digest=None, comment="yes"),
    "reject": lambda it, who, key: it.as_(who).reject(key, digest=None, comment="no"),
    "edit": lambda it, who, key: it.edit(who, key),
    "respond": lambda it, who, key: it.as_(who).answer(key, "Birch", digest=None, comment="so"),
    "revise": lambda it, who, key: it.as_(who).revise(key, digest=None, comment="shorter"),
    "take_back": lambda it, who, key: it.as_(who).take_back(key),
    "comment": lambda it, who, key: it.as_(who).comment(key, "hm"),
    "reserve": lambda it, who, key: it.as_(who).reserve(key, "5m"),
    "end_reservation": lambda it, who, key: it.as_(who).end_reservation(key),
    "delegate": lambda it, who, key: it.as_(who).delegate(key, to="yan"),
    "take_back_delegation": lambda it, who, key: it.as_(who).take_back_delegation(key),
    "ask_back": lambda it, who, key: it.as_(who).ask_back(key, "Why?"),
    "clarify": lambda it, who, key: it.as_(who).clarify(key, 1, "Mine"),
    "extend": lambda it, who, key: it.as_(who).extend(key, "1h", reason="a holiday"),
    "withdraw": lambda it, who, key: it.withdraws(who).withdraw(key, reason="not needed"),
    "settle": lambda it, who, key: it.as_(who).settle(key, "did_not"),
}
EVERY = [(state, who, name) for state in STATES for who in EVERYBODY for name in TRIES]
SAMPLE = random.Random(12).sample(EVERY, 120)


async def edit(self, who, key):
    request = (await self.as_(who).request(key)).request
    change = {"amount": 1, "note": "less"} if isinstance(request.asked, Action) else "Dear friends"
    return await self.as_(who).edit(key, change, digest=None, comment="so")


House.edit = edit


@pytest.fixture
async def house(tmp_path, clock):
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": "memory:"})
    system = build(settings, {}, clock=clock)
    yield House(system, clock)
    await system.close()


def allowed(may):
    """Return what somebody may do, by the names of the tries."""
    acts = {name for name in TRIES if name not in set(Verdict) and getattr(may, name)}
    return acts | set(map(str, may.vote))


async def comes_to_something(it, who, key, name):
    before = (await it.as_(who).request(key)).request.version
    try:
        return (await TRIES[name](it, who, key)).version > before
    except InterlockError:
        return False


@pytest.mark.parametrize(
    "tried", [pytest.param(SAMPLE, id="sample"), pytest.param(EVERY, id="every", marks=pytest.mark.soak)]
)
async def test_S13_what_one_may_do_is_what_a_try_comes_to(house, tried):
    for state, who, name in tried:
        key = await state(house)
        may = allowed((await house.as_(who).request(key)).may)
        assert (name in may) is await comes_to_something(house, who, key, name), (state.__name__, who, name, may)


async def test_candidates_are_those_who_may_vote_and_have_not(house):
    for state in STATES:
        key = await state(house)
        told = (await house.as_("zoe").request(key)).candidates
        voted = {vote.voter for vote in (await house.as_("zoe").request(key)).request.votes}
        may = {who for who in PEOPLE if (await house.as_(who).request(key)).may.vote}
        assert (set(told.people), told.more, told.anybody) == (may - voted, False, False), state.__name__


TALKS = {"comment", "ask_back"}
VOTES = {"approve", "edit", "reject"}


@pytest.mark.parametrize(
    ("state", "who", "expected"),
    [
        (open_, "mia", VOTES | TALKS | {"reserve", "delegate", "extend"}),
        (open_, "zoe", TALKS),
        (open_, "ivo", TALKS | {"withdraw"}),
        (open_, "otto", TALKS | {"extend", "withdraw"}),
        (second_step, "ivo", TALKS | {"withdraw"}),
        (held, "ivo", TALKS | {"withdraw"}),
        (overdue, "ivo", {"comment"}),
        (open_, "agent:bot", {"withdraw"}),
        (open_, "agent:other", set()),
        (question, "noah", {"respond", "reject", "reserve", "delegate", "extend"} | TALKS),
        (draft, "noah", VOTES | TALKS | {"revise", "reserve", "delegate", "extend"}),
        (half, "mia", {"approve", "reject", "take_back", "reserve", "extend"} | TALKS),
        (half, "noah", {"approve", "reject", "delegate", "reserve", "extend"} | TALKS),
        (second_step, "mia", TALKS),
        (second_step, "olga", VOTES | TALKS | {"delegate", "reserve", "extend"}),
        (held, "mia", {"approve", "reject", "take_back", "reserve", "extend"} | TALKS),
        (asked_back, "ivo", TALKS | {"clarify", "withdraw"}),
        (asked_back, "agent:bot", {"withdraw", "clarify"}),
        (reserved, "mia", VOTES | TALKS | {"reserve", "end_reservation", "delegate", "extend"}),
        (delegated, "mia", VOTES | TALKS | {"reserve", "delegate", "take_back_delegation", "extend"}),
        (delegated, "zoe", VOTES | TALKS | {"reserve"}),
        (rejected, "mia", set()),
        (rejected, "ivo", set()),
        (executed, "otto", set()),
        (unknown, "otto", {"settle"}),
        (unknown, "noah", {"settle"}),
        (unknown, "zoe", set()),
        (under_way, "otto", set()),
        (given_up, "otto", {"settle"}),
    ],
    ids=lambda value: getattr(value, "__name__", value) if not isinstance(value, set) else "",
)
async def test_what_one_may_do_by_role_and_state(house, state, who, expected):
    assert allowed((await house.as_(who).request(await state(house))).may) == expected

"""Who is told by a channel that talks to people: once, in time, as it stands, and nobody too often."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from tests.channels.house import MIA, NOAH, OLGA, ZOE

from interlock.domain.delivery import BUNDLE, PEOPLE, DeliveryState
from interlock.domain.notice_choice import NoticeChoice, Way
from interlock.domain.notices import MOST_AN_HOUR
from interlock.domain.permitted import MOST_CANDIDATES
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.errors import Forbidden
from interlock.service.notices import Notices, mail_address_of


@dataclass
class Post:
    """A channel that talks to people; what it is to say it raises, or keeps."""

    notices: Notices
    name: str = "mail"
    tenant: str = "default"
    in_order: bool = True
    at_once: int = 4
    most_an_hour: int | None = MOST_AN_HOUR
    schedule = PEOPLE
    down: bool = False
    sent: list = field(default_factory=list)

    async def recipients(self, entry, request):
        return await self.notices.recipients(entry, request)

    async def send(self, message):
        told = await self.notices.told(message)
        if self.down:
            raise OSError("it is down")
        self.sent.append(told)
        return f"m{len(self.sent)}"

    async def close(self):
        pass

    def take(self):
        """Return who was told of what, since it was asked last."""
        taken, self.sent = [(one.person, str(one.occasion)) for one in self.sent], []
        return sorted(taken)


class Told:
    """A house, and who is told what there."""

    def __init__(self, house, post):
        self.house, self.post = house, post

    def __getattr__(self, name):
        return getattr(self.house, name)

    async def goes(self, **by):
        await self.house.goes(**by)
        return self.post.take()


def telling(open_house, *, updates=False):
    posts = []

    def post(system):
        posts.append(Post(Notices(system, "default", "mail", mail_address_of("mail"), updates=updates)))
        return posts[-1]

    return Told(open_house(post), posts[0])


@pytest.fixture
def house(open_house):
    return telling(open_house)


async def test_a_request_tells_those_for_whom_it_waits_at_each_turn_that_it_takes(house):
    asked = await house.ask(initiator=ZOE)
    assert await house.goes() == [(MIA, "asked"), (NOAH, "asked")], "rex has no address, and agents are not asked"
    await house.by(MIA).ask_back(asked.id, "Why?")
    assert await house.goes() == [(ZOE, "asked_back")]
    await house.by(ZOE).clarify(asked.id, 1, "So.")
    assert await house.goes() == [(MIA, "answered")]
    assert await house.goes(hours=1) == [(MIA, "reminded"), (NOAH, "reminded")]
    await house.by(NOAH).delegate(asked.id, to=ZOE)
    assert await house.goes() == [(ZOE, "delegated")]
    assert await house.goes(hours=1) == [(OLGA, "escalated")], "who was asked before is not asked anew"
    await house.by(MIA).edit(asked.id, {"amount": 5}, digest=None)
    told = await house.goes()
    assert (OLGA, "changed") in told or (OLGA, "asked") in told
    assert MIA not in dict(told), "whoever changed it knows"


async def test_nobody_is_told_what_does_not_hold_any_more(house):
    quiet = NoticeChoice({}, "UTC", ("08:00", "12:00"))  # it is nine o'clock
    await house.choose(MIA, quiet)
    asked = await house.ask()
    assert await house.goes() == [(NOAH, "asked")]
    assert await house.goes(hours=1) == [(NOAH, "reminded")]
    assert await house.goes(hours=2) == [(MIA, "asked"), (OLGA, "escalated")], "a reminder besides says nothing new"
    assert [one.state for one in await house.rows(MIA)] == [DeliveryState.dropped, DeliveryState.delivered]
    await house.by(NOAH).reject(asked.id, digest=None, comment="no")
    assert await house.goes() == [], "nobody has asked for that"
    again = await house.ask()
    await house.choose(MIA, NoticeChoice({"mail": Way("never")}))
    await house.choose(NOAH, replace_quiet(hours=("12:00", "14:00")))
    assert await house.goes() == []
    await house.by(MIA).reject(again.id, digest=None, comment="no")
    assert await house.goes(hours=3) == []
    assert {one.state for one in await house.rows(NOAH)} == {DeliveryState.dropped, DeliveryState.delivered}


def replace_quiet(hours):
    return NoticeChoice({}, "UTC", hours)


async def test_who_wants_it_is_told_how_it_ended_unless_they_ended_it(house):
    for person in (MIA, NOAH):
        await house.choose(person, NoticeChoice(outcomes=True))
    asked = await house.ask()
    await house.goes()
    await house.by(MIA).reject(asked.id, digest=None, comment="no")
    assert await house.goes() == [(NOAH, "ended")]


async def test_a_digest_tells_at_its_hour_what_waits_then_in_one_message(house):
    await house.choose(NOAH, NoticeChoice({"mail": Way("digest", "12:00")}))
    first, _, _ = [await house.ask() for _ in range(3)]
    assert await house.goes() == [(MIA, "asked")] * 3
    await house.by(MIA).reject(first.id, digest=None, comment="no")
    assert await house.goes() == []
    house.clock.advance(hours=3)
    await house.deliverer.drain()
    [digest] = house.post.sent
    assert (digest.person, digest.occasion, digest.count.number) == (NOAH, "digest", 2)
    assert [one.request.edition.subject.args["amount"] for one in digest.waiting] == [2, 3]
    assert len(await house.rows(NOAH)) == 1
    house.post.sent.clear()
    assert (NOAH, "digest") not in await house.goes(), "the reminders that were due go into the next one"
    assert await house.rows(NOAH, DeliveryState.waiting)


async def test_a_flood_becomes_one_message_an_hour_at_most(house):
    for _ in range(MOST_AN_HOUR + 7):
        await house.ask()
    told = await house.goes()
    assert len(told) == 2 * MOST_AN_HOUR
    house.clock.advance(minutes=59)
    await house.ask()
    assert await house.goes() == [], "it joins those that wait"
    house.clock.advance(minutes=1)
    await house.deliverer.drain()
    assert {(one.person, one.occasion, one.count.number) for one in house.post.sent} == {
        (person, "digest", MOST_AN_HOUR + 8) for person in (MIA, NOAH)
    }


async def test_all_for_whom_it_waits_are_told_beyond_the_hundred_whom_a_page_names_and_nobody_too_often(house):
    crowd = [f"reviewer{number}@example.com" for number in range(MOST_CANDIDATES + 30)]
    for one in crowd:
        await house.joins("managers", one)
    house.post.most_an_hour = 2
    for _ in range(3):
        asked = await house.ask()
    assert len((await house.by(MIA).request(asked.id)).candidates.people) == MOST_CANDIDATES
    assert Counter(await house.goes()) == {(one, "asked"): 2 for one in (*crowd, MIA, NOAH)}
    waiting = await house.system.store.deliveries("default", DeliveryFilter(state=DeliveryState.waiting), limit=500)
    assert sorted(one.recipient for one in waiting) == sorted((*crowd, MIA, NOAH))
    assert {one.event for one in waiting} == {BUNDLE}


async def test_a_channel_that_is_down_for_an_hour_holds_up_nobody(house):
    house.post.down = True
    asked, decided = await house.ask(), await house.ask()
    assert await house.goes() == []
    await house.by(MIA).reject(decided.id, digest=None, comment="no")
    for _ in range(12):
        await house.goes(minutes=10)
    assert (await house.system.store.load("default", [asked.id])).requests[asked.id].escalated == (0,)
    tried = {person: [one.attempts for one in await house.rows(person)] for person in (MIA, OLGA)}
    assert max(tried[OLGA]) > 0, "the next people are told while it is down"
    assert sum(tried[MIA]) < 40, "nobody hammers at a door that is shut"
    house.post.down = False
    assert await house.goes(minutes=15) == [(MIA, "asked"), (NOAH, "asked"), (OLGA, "escalated")]
    assert len(house.said) == 2, "it is said once, and once that it works again"


async def test_where_messages_can_be_changed_all_who_have_one_hear_of_all(open_house):
    house = telling(open_house, updates=True)
    await house.choose(NOAH, NoticeChoice({}, "UTC", ("08:00", "12:00")))
    asked = await house.ask()
    assert await house.goes() == [(MIA, "asked")]
    await house.by(MIA).approve(asked.id, digest=None)
    assert await house.goes() == [(MIA, "updated"), (OLGA, "asked")]
    await house.by(OLGA).approve(asked.id, digest=None)
    assert await house.goes() == [(MIA, "ended"), (OLGA, "ended")]
    assert await house.goes(hours=4) == []
    assert {one.state for one in await house.rows(NOAH)} == {DeliveryState.dropped}


async def test_who_puts_it_aside_is_reminded_when_that_is_over(house):
    asked = await house.ask()
    await house.goes()
    await house.by(MIA).snooze(asked.id, timedelta(minutes=90))
    assert await house.goes(hours=1) == [(NOAH, "reminded")]
    assert await house.goes(minutes=30) == [(MIA, "reminded")]


async def test_everybody_chooses_for_themselves_and_no_admin_an_address_of_somebody_else(house):
    await house.choose(OLGA, NoticeChoice({"mail": Way(address="olga@elsewhere.example")}))
    with pytest.raises(Forbidden):
        await house.choose(MIA, NoticeChoice(outcomes=True), by=NOAH)
    asked = await house.ask()
    await house.goes()
    await house.by(MIA).approve(asked.id, digest=None)
    await house.goes()
    assert not house.post.sent
    [row] = await house.rows(OLGA)
    assert row.state is DeliveryState.delivered


async def test_a_night_of_many_is_a_few_messages_and_one_that_stands_for_the_rest(house):
    await house.choose(MIA, NoticeChoice({}, "UTC", ("08:00", "15:00")))  # it is nine o'clock
    await house.choose(NOAH, NoticeChoice({"mail": Way("never")}))
    for _ in range(3):
        for _ in range(MOST_AN_HOUR - 1):
            await house.ask()
        assert (MIA, "asked") not in await house.goes(minutes=110)
    told = [when for who, when in await house.goes(minutes=30) if who == MIA]
    assert (0 < told.count("asked") <= MOST_AN_HOUR, told.count("digest")) == (True, 1)


async def test_what_is_tried_again_waits_for_the_end_of_quiet_hours_as_well(house):
    await house.choose(MIA, NoticeChoice({}, "UTC", ("09:10", "15:00")))
    house.post.down = True
    await house.ask()
    await house.goes()
    house.post.down = False
    assert await house.goes(minutes=30) == [(NOAH, "asked")]
    assert (MIA, "asked") in await house.goes(hours=6)


async def test_who_may_see_it_no_more_is_not_told_how_it_ended_nor_of_anything_before_that(house):
    eve = "eve@example.com"
    await house.joins("managers", eve)
    for person in (MIA, eve):
        await house.choose(person, NoticeChoice(outcomes=True))
    asked = await house.ask()
    assert eve in dict(await house.goes())
    await house.by(eve).ask_back(asked.id, "Why?")
    await house.leaves("managers", eve)
    await house.by(NOAH).edit(asked.id, {"amount": 5}, digest=None)
    assert eve not in dict(await house.goes())
    await house.by(OLGA).reject(asked.id, digest=None, comment="no")
    assert dict(await house.goes()) == {MIA: "ended"}
    last = max(await house.rows(eve), key=lambda one: one.seq)
    assert last.last[-1].error == f"{eve} may not see it any more."


async def test_questions_answers_and_ends_come_by_themselves_beside_a_digest_and_a_flood(house):
    await house.choose(ZOE, NoticeChoice({"mail": Way("digest", "12:00")}))
    await house.choose(NOAH, NoticeChoice(outcomes=True))
    asked = [await house.ask(initiator=ZOE) for _ in range(MOST_AN_HOUR + 3)]
    assert (await house.goes()).count((NOAH, "asked")) == MOST_AN_HOUR
    await house.by(MIA).ask_back(asked[0].id, "Why?")
    assert await house.goes() == [(ZOE, "asked_back")], "no digest lists what somebody is asked back"
    await house.by(ZOE).clarify(asked[0].id, 1, "So.")
    assert await house.goes() == [(MIA, "answered")], "however many she was told of"
    for one in asked:
        await house.by(MIA).reject(one.id, digest=None, comment="no")
    told = await house.goes()
    assert told == [(NOAH, "ended")] * MOST_AN_HOUR, "of those of which he was told"


async def test_a_message_that_stands_is_changed_in_a_flood_as_well(open_house):
    house = telling(open_house, updates=True)
    asked = [await house.ask() for _ in range(MOST_AN_HOUR + 3)]
    assert (await house.goes()).count((MIA, "asked")) == MOST_AN_HOUR
    await house.choose(NOAH, NoticeChoice({"mail": Way("digest", "12:00")}))
    shown = [one for one in asked if any(row.stream == one.id for row in await house.rows(MIA))]
    await house.by(MIA).edit(shown[0].id, {"amount": 77}, digest=None)
    told = {*(await house.goes()), *(await house.goes(seconds=5))}
    assert {MIA, NOAH} <= dict(told).keys(), "else an old card would stand there, with its buttons"

"""I1, I5, I6, I11: a vote, a deadline or a route that stands in a row alone decides nothing, and the audit finds it."""

import json

import pytest

from interlock import Action, ask
from interlock.domain.request import Status
from interlock.engine.audit import audit_record
from interlock.errors import Forbidden, RecordAltered, TooLate
from interlock.storage.rows import micros

CONFIG = """\
groups: {managers: [mia, noah, omar], directors: [olga]}
policies:
  purchases:
    applies_to: action.name == "purchase"
    four_eyes: true
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: petty, when: amount < 10.0, steps: [{ask: [group:directors], within: 2h}]}
      - name: large
        steps: [{ask: [group:managers], approvals: 2, rejections: 2, within: 2h}, {ask: [group:directors], within: 2h}]
"""


class Purchase:
    """A purchase that two managers and a director must approve, and somebody who can write into the database."""

    def __init__(self, story, door):
        self.story, self.door, self.bought = story, door, []

    def buy(self, amount):
        self.bought.append(amount)

    def act(self, state):
        decision = ask(Action("purchase", {"amount": "50000"}))
        if decision.approved:
            decision.perform(self.buy)
        return {"out": [str(decision.outcome)]}

    async def begin(self):
        await self.story.go(self.story.chain(self.act))
        return await self.story.asked()

    async def vote(self, request, *people, verdict="approve", **more):
        for who in people:
            request = await self.story.vote(request, verdict, "because", who=who, **more)
        return request

    def body(self, request):
        return json.loads(bytes(self.door.sql("SELECT body FROM requests WHERE id = ?", request.id)[0][0]))

    def forge(self, request, **changed):
        body = self.body(request) | changed
        self.door.sql("UPDATE requests SET body = ? WHERE id = ?", json.dumps(body).encode(), request.id)

    async def assert_refused(self, request, *people, verdict="approve"):
        """See every vote refused, every worker buy nothing, and the audit find it."""
        for who in people:
            with pytest.raises(RecordAltered):
                await self.vote(request, who, verdict=verdict)
        await self.story.drain()
        assert self.bought == []
        assert any(request.id in str(found) for found in await audit_record(self.story.store))


@pytest.fixture(params=["sqlite", "postgres"])
async def purchase(request, make_story, backdoor, tmp_path):
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    story = make_story(request.param, tmp_path / "interlock.yaml", "ian")
    return Purchase(story, backdoor(story.address))


def cast(request, voter, **changed):
    vote = {"voter": voter, "verdict": "approve", "digest": request.digest, "step": 0, "comment": ""}
    at = request.opened_at.isoformat()
    return vote | {"at": at, "on_behalf_of": None, "eligible_as": "group:managers"} | changed


async def test_I6_a_vote_that_nobody_gave_does_not_count(purchase):
    request = await purchase.begin()
    purchase.forge(request, votes=[cast(request, "noah")])
    await purchase.assert_refused(request, "mia", "olga")


async def test_I6_a_vote_that_nobody_gave_does_not_count_beside_a_true_one(purchase):
    request = await purchase.vote(await purchase.begin(), "mia")
    purchase.forge(request, votes=[*purchase.body(request)["votes"], cast(request, "noah")])
    await purchase.assert_refused(request, "omar", "olga")


async def test_I3_a_rejection_that_was_erased_still_counts(purchase):
    request = await purchase.vote(await purchase.begin(), "mia", verdict="reject")
    purchase.forge(request, votes=[])
    await purchase.assert_refused(request, "noah", "omar", "olga")
    await purchase.assert_refused(request, "noah", verdict="reject")


async def test_I5_a_deadline_that_was_moved_lets_no_late_vote_in(purchase):
    request = await purchase.begin()
    purchase.story.clock.advance(hours=3)
    with pytest.raises(TooLate):
        await purchase.vote(request, "mia")
    later = purchase.story.clock.at.replace(year=2027)
    request = await purchase.story.request(request.id)
    purchase.forge(request, due_at=later.isoformat())
    purchase.door.sql("UPDATE requests SET due_at = ?, wake_at = ?", micros(later), micros(later))
    await purchase.assert_refused(request, "mia", "noah", "olga")


async def test_I8_a_route_that_was_changed_leads_nowhere(purchase):
    request = await purchase.begin()
    purchase.forge(request, route=purchase.body(request)["route"] | {"level": 0})
    await purchase.assert_refused(request, "olga")


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "changed",
    [
        {"step": 1},
        {"round": 1},
        {"counted": [[0, "mia"], [0, "noah"]]},
        {"requester": "agent:other"},
        {"initiator": "eve"},
        {"step_asks": ["group:directors"]},
        {"step_approvals": 1},
        {"status": "approved"},
        {"version": 7},
        {"escalated": [0]},
        {"run_id": "run_another"},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_I11_whatever_else_stands_in_the_row_decides_nothing(purchase, changed):
    request = await purchase.begin()
    purchase.forge(request, **changed)
    await purchase.assert_refused(request, "mia", "noah", "olga")


async def test_I11_other_verdicts_in_the_row_offer_nothing(purchase):
    request = await purchase.begin()
    purchase.forge(request, ask=purchase.body(request)["ask"] | {"verdicts": ["approve"]})
    await purchase.assert_refused(request, "mia", "noah", "olga")


async def test_I7_an_author_who_was_taken_off_the_row_still_does_not_count(purchase):
    subject = Action("purchase", {"amount": "60000"})
    request = await purchase.begin()
    edited = await purchase.vote(request, "mia", verdict="edit", subject=subject)
    with pytest.raises(Forbidden, match="four-eyes"):
        await purchase.vote(edited, "mia")
    purchase.forge(edited, editors=[])
    await purchase.assert_refused(edited, "mia", "noah")


async def test_I1_true_and_one_are_two_things(purchase):
    """Python takes them for the same; the digest of what is executed does not."""
    request = await purchase.begin()
    purchase.forge(request, route=purchase.body(request)["route"] | {"level": True})
    assert await audit_record(purchase.story.store)
    await purchase.vote(request, "mia")  # decided as the log says, and written anew by it
    assert (await purchase.story.request(request.id)).route.level == 1
    assert await audit_record(purchase.story.store) == []


async def test_I11_a_refusal_is_not_noted_on_a_row_that_was_altered(purchase):
    request = await purchase.begin()
    purchase.forge(request, ask=purchase.body(request)["ask"] | {"description": "other"})
    with pytest.raises(RecordAltered):
        await purchase.vote(request, "eve")
    assert await purchase.story.types(request.id) == ["opened", "step_reached"]


async def test_what_was_not_tampered_with_is_bought(purchase):
    request = await purchase.vote(await purchase.begin(), "mia", "noah", "olga")
    await purchase.story.drain()
    assert purchase.bought == ["50000"]
    assert (await purchase.story.request(request.id)).status is Status.approved
    assert await audit_record(purchase.story.store) == []

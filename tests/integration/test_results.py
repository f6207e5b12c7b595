"""Results, claims and ends of advances that the store does not take at once: what the log says is what is so."""

import os

import pytest

from interlock import Action, ask
from interlock.domain.run import RunStatus
from interlock.engine.directories import Directories
from interlock.errors import BadInput, Closed, RecordAltered, StoreUnavailable


class Bank:
    """What the agent's tool does."""

    def __init__(self, story):
        self.story = story
        self.paid = []
        self.before_it_returns = lambda: None
        self.after = lambda state: None

    def act(self, state):
        return {"out": [ask(Action("pay", {"amount": 5})).perform(self.pay)]}

    def then(self, state):
        self.after(state)
        return {}

    def pay(self, amount):
        self.paid.append(amount)
        self.before_it_returns()
        return "receipt"

    async def approved(self):
        self.run_id = await self.story.go(self.story.chain(self.act, self.then))
        self.request = await self.story.asked(self.run_id)
        await self.story.vote(self.request)

    async def effects(self):
        return [kind for kind in await self.story.types(self.request.id) if kind.startswith(("effect", "late"))]

    async def log(self, stream):
        return [entry.event for entry in await self.story.store.history("default", stream)]


@pytest.fixture
async def bank(story):
    bank = Bank(story)
    await bank.approved()
    return bank


def refuse(store, monkeypatch, kind, error, *, times=1, after=False):
    """Let commits of such an event fail, so many times, before or after they are made."""
    commit, left = store.commit, [times]

    async def failing(changes):
        told = [event.type for change in changes.requests for event in change.events]
        told += [event.type for event in changes.run.events] if changes.run is not None else []
        fails = kind in told and left[0] > 0
        left[0] -= fails
        if fails and not after:
            raise error
        await commit(changes)
        if fails:
            raise error

    monkeypatch.setattr(store, "commit", failing)


GONE = StoreUnavailable("The database is away.")
RIGHT = ["effect_claimed", "effect_executed"]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", ["effect_claimed", "effect_executed", "run_done", "advance_began"])
async def test_I2_I4_what_the_store_does_not_take_or_acknowledge_is_recorded_once(
    bank, story, monkeypatch, kind, after
):
    refuse(story.store, monkeypatch, kind, GONE, times=1 if after or kind == "advance_began" else 3, after=after)
    if kind == "advance_began":  # nothing has begun for this worker; whoever looks next finds it
        with pytest.raises(StoreUnavailable):
            await story.drain()
        story.clock.advance(minutes=1)
    await story.drain()
    run = await story.run(bank.run_id)
    assert (run.status, bank.paid, await bank.effects()) == (RunStatus.done, [5], RIGHT)
    assert "attempt_failed" not in await story.types(bank.run_id)


async def test_I2_a_result_needs_no_configuration(bank, story, monkeypatch):
    class Broken:
        def current(self):
            raise BadInput("interlock.yaml:7: is not YAML")

    def break_it():
        monkeypatch.setattr(story.system.desk, "_directories", Directories(story.store, Broken()))

    bank.before_it_returns = break_it
    bank.after = lambda _: monkeypatch.undo()
    await story.drain()
    assert (await story.run(bank.run_id)).status is RunStatus.done
    assert await bank.effects() == RIGHT


async def test_I2_a_result_that_is_not_taken_says_why_and_is_the_truth_later(bank, story, monkeypatch):
    with monkeypatch.context() as full:
        refuse(story.store, full, "effect_executed", BadInput("No receipts today."), times=1000)
        await story.drain()
        run = await story.run(bank.run_id)
        assert (run.attention, run.note) == (
            "effect_unknown",
            "its result could not be recorded: No receipts today.",
        )
    if story.address == "memory:":
        return
    await story.drain()
    assert (await story.run(bank.run_id)).status is RunStatus.done
    assert await bank.effects() == ["effect_claimed", "effect_unknown", "effect_executed"]
    assert bank.paid == [5]


async def test_I2_a_result_on_an_altered_record_is_kept_until_the_record_is_mended(bank, story, monkeypatch):
    with monkeypatch.context() as altered:
        refuse(story.store, altered, "effect_executed", RecordAltered("It is not what was written."), times=1000)
        await story.drain()
    assert (await story.run(bank.run_id)).attention == "record_altered"
    if story.address == "memory:":
        return
    await story.retry(bank.run_id)
    await story.drain()
    assert (await story.run(bank.run_id)).status is RunStatus.done
    assert (bank.paid, await bank.effects()) == ([5], RIGHT)
    history = await story.store.history("default", bank.request.id)
    assert [entry.via for entry in history if entry.event.type == "effect_executed"] == ["result file"]


async def test_an_end_that_is_not_taken_is_a_failed_attempt_that_says_why(bank, story, monkeypatch):
    with monkeypatch.context() as strict:
        refuse(story.store, strict, "run_done", BadInput("No ends today."), times=1)
        await story.drain()
    (failed,) = [event for event in await bank.log(bank.run_id) if event.type == "attempt_failed"]
    assert failed.reason == "the end of the advance could not be recorded: No ends today."
    story.clock.advance(minutes=1)
    await story.drain()
    assert (await story.run(bank.run_id)).status is RunStatus.done


POLICIES = """\
roles: {reviewer: [ann, ben]}
default:
  levels: [{steps: [{ask: ["role:reviewer"], approvals: 2, within: 1h}]}]
  initiator_may_approve: true
"""


async def test_what_is_decided_by_the_last_good_configuration_says_so_once(make_story, tmp_path):
    file = tmp_path / "interlock.yaml"
    file.write_text(POLICIES)
    story = make_story("memory", file)
    run_id = await story.go(story.chain(Bank(story).act))
    request = await story.asked(run_id)
    file.write_text("default: [")
    for person in ("ann", "ben"):
        await story.vote(await story.request(request.id), who=person)
    await story.drain()
    kinds = await story.types(request.id)
    assert kinds == [
        *("opened", "step_reached", "vote_cast", "configuration_held", "vote_cast", "decided"),
        *("effect_claimed", "effect_executed"),
    ]
    file.write_text("default: 7")
    os.utime(file, (1, 1))
    later = await story.go(story.chain(Bank(story).act))
    assert (await story.types((await story.asked(later)).id))[-1] == "configuration_held"
    with pytest.raises(Closed):
        await story.vote(await story.request(request.id), who="zoe")
    assert (await story.types(request.id))[-2:] == ["refusal_noted", "configuration_held"]
    await story.assert_invariants()

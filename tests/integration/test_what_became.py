"""People are told how a request ended, and at once that nobody can approve it."""

import pytest
from langgraph.types import interrupt

from interlock import Action, NotDone, ask
from interlock.domain.outcome_words import cannot_pass, what_became
from interlock.testing.people import principal

POLICY = """
groups: {{finance: [{members}]}}
default:
  levels: [{{name: all, steps: [{{ask: ["group:finance"], approvals: {approvals}, within: 1d}}]}}]
"""


def acting(fn, **how):
    def act(state):
        decision = ask(Action("pay", {}))
        try:
            return {"out": [decision.perform(fn, **how)]}
        except NotDone:
            return {"out": ["not done"]}

    return act


def blocked():
    raise NotDone("the tool was blocked by another rule of the agent: only on weekdays")


def broken():
    raise TimeoutError


async def became(story, run_id):
    request = (await story.every(run_id))[0]
    return (await story.system.client(principal("local:me")).request(request.id)).became


@pytest.mark.parametrize(
    ("fn", "told"),
    [
        (lambda: "paid", "approved; done, {at} UTC"),
        (blocked, "approved; not done: the tool was blocked by another rule of the agent: only on weekdays"),
        (broken, "approved; nobody knows whether it was done: "),
    ],
)
async def test_the_end_of_an_approved_action_is_told(story, fn, told):
    run_id = await story.go(story.chain(acting(fn)))
    await story.decide(await story.asked(run_id))
    at = (await story.every(run_id))[0].claim.at
    assert (await became(story, run_id)).startswith(told.format(at=f"{at:%H:%M}"))


async def test_an_approval_whose_run_was_cancelled_is_told_as_not_done(story):
    run_id = await story.go(story.chain(acting(lambda: "paid")))
    await story.vote(await story.asked(run_id))
    await story.system.runs.cancel(run_id, story.me, "changed my mind")
    await story.drain()
    assert await became(story, run_id) == "approved; not done, the run was cancelled"


async def test_of_what_no_ledger_guards_nothing_is_claimed(story):
    def plain(state):
        return {"out": [interrupt({"action_request": {"action": "pay", "args": {}}, "config": CONFIG})]}

    run_id = await story.go(story.chain(plain))
    await story.vote(await story.asked(run_id))
    assert await became(story, run_id) == "approved; the run goes on"
    await story.drain()
    assert await became(story, run_id) == "approved; the agent went on, and the run is done"


async def test_what_waits_for_others_of_its_run_says_so(story):
    def other(state):
        return {"out": [interrupt("Well?")]}

    run_id = await story.go(story.fan(acting(lambda: "paid"), other))
    requests = {getattr(request.asked, "name", "question"): request for request in await story.open(run_id)}
    await story.decide(requests["pay"])
    view = what_became(await story.request(requests["pay"].id), await story.run(run_id))
    assert view == "approved; not done yet, the run goes on when all that it asked is decided"


CONFIG = {"allow_ignore": True, "allow_respond": True, "allow_edit": True, "allow_accept": True}


async def test_what_was_rejected_or_is_open_is_told_in_a_word(story):
    run_id = await story.go(story.chain(acting(lambda: "paid")))
    assert await became(story, run_id) == "open"
    await story.decide(await story.asked(run_id), "reject", "no")
    assert await became(story, run_id) == "rejected"


def governed(make_story, tmp_path, members, approvals):
    file = tmp_path / "interlock.yaml"
    file.write_text(POLICY.format(members=members, approvals=approvals))
    return make_story("memory", config=file)


@pytest.mark.parametrize(
    ("members", "approvals", "why"),
    [
        ('"local:me"', 1, "nobody may (not local:me: whoever started the run"),
        ('"ann"', 2, "needs 2 of group:finance, and ann may."),
        ('"ann", "local:me"', 2, "ann may (not local:me"),
        ('"ann"', 1, None),
    ],
)
async def test_a_gate_that_nobody_can_pass_is_told_when_the_run_pauses(make_story, tmp_path, members, approvals, why):
    story = governed(make_story, tmp_path, members, approvals)
    run_id = await story.go(story.chain(acting(lambda: "paid")))
    request = await story.asked(run_id)
    stuck = (await story.system.client(principal("ann")).request(request.id)).stuck
    assert stuck is None if why is None else why in stuck
    assert dict((await story.system.client(story.me).run(run_id)).stuck) == ({} if why is None else {request.id: stuck})


async def test_a_gate_that_nobody_can_pass_is_judged_anew_when_people_change(make_story, tmp_path):
    story = governed(make_story, tmp_path, '"local:me"', 1)
    run_id = await story.go(story.chain(acting(lambda: "paid")))
    request = await story.asked(run_id)
    view = await story.system.client(principal("ann")).request(request.id)
    assert view.stuck is not None
    other = governed(make_story, tmp_path, '"local:me", "ann"', 1)
    directory = other.system.policies.current().directory
    assert cannot_pass(request, view.policy, directory) is None
    assert what_became(request, await story.run(run_id)) == "open"

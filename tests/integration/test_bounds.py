"""I4: an agent that brings a bomb harms its own run only, and a person is told."""

import asyncio

import pytest

from interlock import Action, Question, Verdict, ask, progress
from interlock.domain.run import RunStatus
from interlock.errors import InvalidAnswer
from interlock.terminal.presentation import present

DEPTH = 60
LADDER = {
    f"d{number}": {"allOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(DEPTH)
} | {f"d{DEPTH}": {"type": "object"}}  # fmt: skip
BOMB = {"$defs": LADDER, "$ref": "#/$defs/d0"}
LATER = {"$defs": LADDER, "if": {"properties": {"amount": {"const": 1}}}, "else": {"$ref": "#/$defs/d0"}}


async def test_I4_an_action_with_a_bomb_for_a_schema_is_refused_while_other_work_goes_on(story):
    def bombs(state):
        return {"out": [str(ask(Action("pay", {"amount": 1}, BOMB)).outcome)]}

    ticks = 0

    async def other_work():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    going_on = asyncio.create_task(other_work())
    run = await story.run(await story.go(story.chain(bombs)))
    going_on.cancel()
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert "cannot be used: judging by it takes more than 1 s" in run.note
    assert ticks > 20  # the loop was not waited for either


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("subject", "vote"),
    [
        (
            Action("pay", {"amount": 1}, LATER),
            {"verdict": Verdict.edit, "subject": Action("pay", {"amount": 2}, LATER)},
        ),
        (Question("what?", LATER), {"verdict": Verdict.respond, "answer": {"amount": 2}}),
    ],
)
async def test_I4_a_vote_that_sets_a_bomb_off_is_refused_and_the_request_stays(story, subject, vote):
    def asks(state):
        decision = ask(subject)
        return {"out": [decision.approved, decision.answer]}

    run_id = await story.go(story.chain(asks))
    request = await story.asked(run_id)
    with pytest.raises(InvalidAnswer, match="cannot be judged: judging by it takes more than 1 s"):
        await story.vote(request, **vote)
    assert (await story.asked(run_id)).id == request.id
    if isinstance(subject, Question):
        await story.vote(request, Verdict.respond, answer={"amount": 1})
    else:
        await story.decide(request)
    await story.drain()
    assert (await story.run(run_id)).status is RunStatus.done


async def test_I14_an_action_is_shown_whole_and_what_the_agent_says_about_it_is_cut_with_its_length(make_story):
    story = make_story("memory")
    body, words = "\u200b" * 60_000 + "end of it", "word " * 40_000

    def asks(state):
        context = {"history": ["line " * 20_000], "more": {"deep": words[:100_000]}}
        decision = ask(Action("send", {"body": body}), description=words, context=context)
        return {"out": [decision.approved]}

    await story.go(story.chain(asks))
    request = await story.asked()
    view = await story.system.client(story.me).request(request.id)
    folded, full = present(view), present(view, full=True)
    assert (folded.whole, full.whole) == (False, True)  # nobody approves what is folded
    shown = "\n".join(line.text for line in full.lines)
    assert shown.count("⟨U+200B⟩") == 60_000
    assert "end of it" in shown
    assert "… (200,000 characters)" in shown
    assert "characters)" in shown.rpartition("Context, from the agent:")[2]
    for presentation in (folded, full):
        about = [line.text for line in presentation.lines if "U+200B" not in line.text]
        assert sum(map(len, about)) < 60_000


async def test_a_line_of_progress_is_cut_with_its_length(make_story):
    story = make_story("memory")

    def talks(state):
        progress("x" * 1_000_000)
        return {"out": []}

    await story.go(story.chain(talks))
    assert story.shown == ["x" * 10_000 + "… (1,000,000 characters)"]

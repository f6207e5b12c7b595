"""S7: what an MCP server asks by `langchain.mcp` in mid-call: each key by itself, answered at once."""

import pytest
from langgraph.types import interrupt

from interlock.domain.run import RunStatus
from interlock.errors import InvalidAnswer

SEATS = {"type": "object", "properties": {"seats": {"type": "integer", "minimum": 1}}, "required": ["seats"]}
DATE = {"type": "object", "properties": {"on": {"type": "string", "format": "date"}}, "required": ["on"]}
ROUND = [
    {"key": "seats", "message": "How many seats?", "mode": "form", "requested_schema": SEATS},
    {"key": "date", "message": "When?", "mode": "form", "requested_schema": DATE},
    {"key": "login", "message": "Please sign in.", "mode": "url", "url": "https://login.example.org/start"},
]


def asking(story, *rounds):
    def call(state):
        return {
            "out": [
                interrupt({"type": "mcp_elicitation", "tool_name": "book", "requests": asked})["responses"]
                for asked in rounds
            ]
        }

    return story.chain(call)


async def by_text(story, run_id):
    return {request.asked.text.partition("\n")[0]: request for request in await story.open(run_id)}


async def test_each_key_is_a_question_and_all_are_answered_at_once(story):
    run_id = await story.go(asking(story, ROUND))
    asked = await by_text(story, run_id)
    assert set(asked) == {"How many seats?", "When?", "Please sign in."}
    assert "Open this address on login.example.org yourself" in asked["Please sign in."].asked.text
    await story.vote(asked["Please sign in."], "respond", answer=True)
    await story.vote(asked["When?"], "reject")
    await story.drain()
    assert (await story.run(run_id)).status is RunStatus.paused
    for wrong in ({"seats": 0}, {"seats": "many"}, {}, "two"):
        with pytest.raises(InvalidAnswer):
            await story.vote(asked["How many seats?"], "respond", answer=wrong)
    await story.vote(asked["How many seats?"], "respond", answer={"seats": 2})
    await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert run.output["out"] == [{
        "seats": {"action": "accept", "content": {"seats": 2}}, "date": {"action": "decline"},
        "login": {"action": "accept"},
    }]  # fmt: skip


async def test_a_second_round_is_asked_anew_and_the_first_keeps_its_answers(story):
    run_id = await story.go(asking(story, ROUND[:1], ROUND[:2]))
    await story.vote((await story.open(run_id))[0], "respond", answer={"seats": 2})
    await story.drain()
    asked = await by_text(story, run_id)
    assert set(asked) == {"How many seats?", "When?"}
    with pytest.raises(InvalidAnswer, match="date"):
        await story.vote(asked["When?"], "respond", answer={"on": "soon"})
    await story.vote(asked["When?"], "respond", answer={"on": "2027-01-05"})
    await story.vote(asked["How many seats?"], "respond", answer={"seats": 3})
    await story.drain()
    run = await story.run(run_id)
    assert run.status is RunStatus.done, run.note
    assert [one["seats"]["content"]["seats"] for one in run.output["out"]] == [2, 3]
    assert run.output["out"][1]["date"]["content"] == {"on": "2027-01-05"}


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        ([], "at least one"),
        ([ROUND[0], ROUND[0]], "a key of its own"),
        ([{"key": "k", "message": "x", "mode": "form"}], "JSON Schema of a form"),
        ([{"key": "k", "message": "x", "mode": "url", "url": "javascript:alert(1)"}], "no web address"),
        ([{"key": "k", "message": "x", "mode": "url", "url": "file:///etc/passwd"}], "no web address"),
        ([{"key": "k", "message": "x", "mode": "url", "url": "https://bank.example:99999/"}], "no web address"),
        *(
            ([{"key": "k", "message": "x", "mode": "url", "url": url}], "in more than one way")
            for url in (
                "https://evil.example\\@bank.example/",  # browsers open evil.example
                "https://bank.example\\.evil.example/",
                "https://evil.example\t/.bank.example/",
                "https://bank\u3002example/",
                "https://sparka\u00dfe.example/",  # looked up as another name than sparkasse.example
                "https://bank.example%2f.evil.example/",
            )
        ),
    ],
)
async def test_what_cannot_be_asked_needs_a_person_and_says_why(story, asked, wrong):
    run = await story.run(await story.go(asking(story, asked)))
    assert (run.status, run.attention) == (RunStatus.needs_attention, "invalid_ask")
    assert wrong in run.note


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://bank.example:8443/a?b#c", "bank.example"),
        ("https://bank.example@evil.example/", "evil.example"),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example"),
        ("https://b\u0430nk.example/", "xn--bnk-6cd.example"),  # a Cyrillic letter
        ("http://[::1]:8080/", "::1"),
    ],
)
async def test_an_address_is_shown_with_the_host_that_browsers_open(story, url, host):
    run_id = await story.go(asking(story, [{"key": "k", "message": "x", "mode": "url", "url": url}]))
    assert f"Open this address on {host} yourself" in (await story.asked(run_id)).asked.text

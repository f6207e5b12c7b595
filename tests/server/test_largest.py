"""The largest values that are taken: every page that shows them is there soon; larger ones are refused."""

import re
from html import unescape
from http import HTTPStatus
from time import process_time

import pytest
from tests.server.conftest import GRANTED
from tests.server.largest import LARGEST, TOO_LARGE
from tests.server.test_agents_api import ask

from interlock.domain.action import LONGEST_REFERENCE, MAX_NAME
from interlock.domain.canonical import MAX_BYTES, canonical_bytes
from interlock.domain.request import MAX_COMMENT

MIA, NOAH = "mia@example.com", "noah@example.com"


MOST_SECONDS = 2
"""Of the processor, which a busy machine makes slower."""

MOST_CHARACTERS = 2_000_000
"""A page of more than that is no page, however soon it was made."""


def body(args, **more):
    return {"asked": {"kind": "approval", "name": "transfer", "args": args}, **more}


async def soon(person, path):
    """Open a page twice; return what it says. That it is there within a second says `bench/largest.py`."""
    took = []
    for _ in range(2):
        began = process_time()
        answer = await person.get(f"../..{path}")
        took.append(process_time() - began)
        assert answer.status_code == HTTPStatus.OK, answer.text
    assert min(took) < MOST_SECONDS, (path, took)
    assert len(answer.text) < MOST_CHARACTERS, path
    return answer.text


@pytest.mark.sampled(5)
@pytest.mark.parametrize("what", LARGEST)
async def test_every_page_of_the_largest_value_is_there_soon_and_is_no_book(open_server, what):
    server = open_server(config=GRANTED)
    args = LARGEST[what]
    assert len(canonical_bytes(args)) > 0.97 * MAX_BYTES or what == "64 levels"
    more = {"description": "x" * (MAX_COMMENT - 2), "reference": "r" * LONGEST_REFERENCE, "context": args}
    asked = await ask(await server.agent(), body(args, **more))
    mia, noah = await server.person(MIA), await server.person(NOAH)
    page = await soon(mia, f"/requests/{asked['id']}")
    assert "data-approves>Approve" in page
    pieces = re.findall(r'hx-get="([^"]*/values/subject[^"]*)"', page)
    for piece in pieces[:1]:
        await soon(mia, unescape(piece))
    assert "data-folded" in page
    for path in ("/edit", "/grant"):
        await soon(mia, f"/requests/{asked['id']}{path}")
    for path in ("/", "/?list=all&text=lorem", f"/batch?id={asked['id']}"):
        await soon(mia, path)
    for path in ("/log", f"/log/{asked['id']}/1"):
        await soon(noah, path)


REFUSED = {
    **{what: body(args) for what, args in TOO_LARGE.items()},
    "a long title": body({}) | {"asked": {"kind": "review", "title": "t" * (MAX_NAME + 1), "body": "x"}},
    "a long action": body({}) | {"asked": {"kind": "approval", "name": "n" * (MAX_NAME + 1)}},
    "a long reference": body({}, reference="r" * (LONGEST_REFERENCE + 1)),
    "a long description": body({}, description="x" * (MAX_COMMENT + 1)),
    "a large context": body({}, context={"text": "x" * MAX_BYTES}),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_larger_is_refused_where_it_is_asked_and_nobody_sees_it(server, what):
    agent, mia = await server.agent(), await server.person(MIA)
    answer = await agent.post("/requests", json=REFUSED[what], headers={"Idempotency-Key": "k"})
    assert answer.status_code in {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}, answer.text
    assert answer.json()["code"] in {"invalid_value", "bad_input", "too_large"}
    assert (await mia.get("/requests")).json()["requests"] == []

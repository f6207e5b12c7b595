"""The pieces of a value that is too large for a page: of what was shown, for whoever sees the request."""

import re
from html import unescape
from http import HTTPStatus

import pytest
from tests.server.test_agents_api import ask

OLGA = "olga@example.com"


def made(**args):
    return {"asked": {"kind": "approval", "name": "send", "args": args}}


async def opened(server, path, person=OLGA, tenant="default"):
    return await (await server.person(person, tenant)).get(f"../..{path}")


async def first_piece(server, asked):
    page = (await opened(server, f"/requests/{asked['id']}")).text
    return unescape(re.search(r'hx-get="([^"]*/values/subject[^"]*)"', page)[1])


async def test_a_page_with_much_stays_small_and_its_pieces_hold_the_rest(server):
    asked = await ask(await server.agent(), made(body="\n".join(f"line {number}" for number in range(15_000))))
    page = await opened(server, f"/requests/{asked['id']}")
    assert len(page.content) < 150_000
    assert "line 14999" not in page.text
    found, path = page.text, await first_piece(server, asked)
    for _ in range(10):
        piece = (await opened(server, path)).text
        found += piece
        more = re.search(r'hx-get="([^"]*/values/subject[^"]*)"', piece)
        if more is None:
            break
        path = unescape(more[1])
    assert all(f"line {number}\n" in found for number in range(14_999))
    assert "line 14999" in found


async def test_of_what_has_changed_no_piece_is_shown(server):
    asked = await ask(await server.agent(), made(body="x" * 200_000))
    path = (await first_piece(server, asked)).replace("sha256%3A", "sha256%3A0")
    answer = await opened(server, path)
    assert "It has changed" in answer.text
    assert "xxxx" not in answer.text


@pytest.mark.parametrize("at", ["9", "0.0.0", "x", "0.-1", "0.0n.1", "9" * 5_000, "..", "0" + ".0" * 2_000])
async def test_a_place_that_is_none_is_not_found(server, at):
    asked = await ask(await server.agent(), made(a=1))
    path = f"/requests/{asked['id']}/values/subject?digest={asked['digest']}&at={at}"
    assert (await opened(server, path)).status_code == HTTPStatus.NOT_FOUND


async def test_a_beginning_behind_the_end_shows_nothing_and_fails_nowhere(server):
    asked = await ask(await server.agent(), made(a=[1, 2], b="text"))
    for at in ("0.0", "0.1", "0.1n", ""):
        path = f"/requests/{asked['id']}/values/subject?digest={asked['digest']}&at={at}&from=99"
        assert (await opened(server, path)).status_code == HTTPStatus.OK


async def test_the_pieces_of_another_tenant_are_not_found(server):
    asked = await ask(await server.agent(), made(body="x" * 200_000))
    path = await first_piece(server, asked)
    assert (await opened(server, path, tenant="other")).status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}

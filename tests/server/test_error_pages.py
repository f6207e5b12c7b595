"""What cannot be is a page for whoever looks at it, and a problem for programs, with the same status and headers."""

import pytest

from interlock.config.server import ServerSettings
from interlock.errors import StoreUnavailable
from interlock.web.body_reader import MOST_BYTES
from interlock.web.pages.rendering import policy
from interlock.web.rates import Rates

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
EVERYTHING = {"Accept": "*/*"}


async def both(client, method, path, **more):
    """Return the answer that a browser gets, and that of a program, which differ in nothing but their form."""
    headers = more.pop("headers", {})
    seen = await client.request(method, f"../..{path}", headers=BROWSER | headers, **more)
    told = await client.request(method, f"../..{path}", headers=EVERYTHING | headers, **more)
    assert seen.status_code == told.status_code
    assert told.headers["content-type"] == "application/problem+json"
    for name in ("retry-after", "allow"):
        assert seen.headers.get(name) == told.headers.get(name)
    assert_page(seen)
    return seen, told.json()["code"]


def assert_page(seen):
    assert seen.headers["content-type"].startswith("text/html")
    nonce = seen.text.partition('nonce="')[2].partition('"')[0]
    assert seen.headers["content-security-policy"] == policy(nonce)
    assert f"<code>{seen.headers['x-request-id']}</code>" in seen.text, "with the number that the log has"


async def test_an_address_where_nothing_is(server):
    for client, person in ((server.client(), False), (await server.person("mia@example.com"), True)):
        seen, code = await both(client, "GET", "/nowhere/%3Cscript%3E")
        assert (seen.status_code, code, "Nothing is here" in seen.text) == (404, "not_found", True)
        assert ("mia@example.com" in seen.text, "<script>" in seen.text) == (person, False)


async def test_what_an_address_does_not_take(server):
    seen, code = await both(server.client(), "DELETE", "/sign-in")
    assert (seen.status_code, code, seen.headers["allow"]) == (405, "method_not_allowed", "GET")


async def test_another_name_of_this_machine(server):
    seen, code = await both(server.client(), "GET", "/", headers={"Host": "evil.example"})
    assert (seen.status_code, code) == (421, "wrong_host")
    assert f'href="{server.context.origin}"' in seen.text


async def test_a_body_that_is_too_large(server):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    seen, code = await both(server.client(), "POST", "/sign-in", content=b"x" * (MOST_BYTES + 1), headers=form)
    assert (seen.status_code, code, seen.headers["connection"]) == (413, "too_large", "close")


async def test_a_defect_has_a_number_and_tells_nothing_of_itself(server, monkeypatch):
    async def broken(*_):
        raise RuntimeError("a secret of the server")

    mia = await server.person("mia@example.com")
    monkeypatch.setattr("interlock.web.pages.account.settings_page", broken)
    seen = await mia.get("../../account", headers=BROWSER)
    assert (seen.status_code, "a secret" in seen.text, "RuntimeError" in seen.text) == (500, False, False)
    assert_page(seen)
    told = await mia.get("../../account", headers=EVERYTHING)
    assert (told.status_code, told.json()["code"]) == (500, "error")


@pytest.mark.parametrize("path", ["/", "/account", "/settings/people", "/nowhere", "/join"])
async def test_while_the_database_is_away_every_page_says_so_and_when_to_come_again(server, monkeypatch, path):
    async def away(*_, **__):
        raise StoreUnavailable("postgresql://secret@db: no route")

    olga = await server.person("olga@example.com")
    for name in ("presented", "now", "history"):
        monkeypatch.setattr(server.system.store, name, away)
    seen = await olga.get(f"../..{path}", headers=BROWSER)
    if path in {"/nowhere", "/join"}:
        assert seen.status_code == (404 if path == "/nowhere" else 200), "they need no database"
        return
    assert (seen.status_code, seen.headers["retry-after"], "secret" in seen.text) == (503, "2", False)
    assert ("database cannot be reached" in seen.text, "Try again" in seen.text) == (True, True)
    assert_page(seen)


async def test_who_calls_too_often_is_told_by_a_page(server):
    server.context.__dict__["rates"] = Rates(ServerSettings(rates={"unknown": "2 per 1m"}).rates)
    answers = [await server.client().get("../../sign-in", headers=BROWSER) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert_page(answers[-1])


async def test_programs_get_problems_whatever_they_take(server):
    for path in ("/api/v1/nothing", "/assets/x/nothing.js", "/metrics"):
        answer = await server.client().get(f"../..{path}", headers=BROWSER)
        assert answer.headers["content-type"] == "application/problem+json", path

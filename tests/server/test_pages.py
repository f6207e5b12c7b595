"""Pages are for people who have signed in: each of them, and whoever else comes."""

import re
from collections import defaultdict
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.server.conftest import CONFIG
from tests.server.page_routes import OPEN_PAGES, PAGES
from tests.server.test_access import ROUTES
from tests.server.test_agents_api import MAIL, ask

from interlock.domain.access import ACCESS
from interlock.domain.credentials import Scope
from interlock.web.pages.assets import FOLDER
from interlock.web.pages.rendering import policy

GIVEN = {
    "request_id": "req_nowhere",
    "run_id": "run_nowhere",
    "change": "retry",
    "name": "approval",
    "act": "enable",
    "part": "subject",
    "stream": "req_nowhere",
    "number": "1",
    "delivery_id": "dlv_nowhere",
}
EACH_PAGE = pytest.mark.parametrize(("method", "path"), list(PAGES), ids=[" ".join(one) for one in PAGES])


def filled(path):
    return path.format_map(GIVEN)


async def opened(client, method, path):
    form = (
        {"content": b"", "headers": {"Content-Type": "application/x-www-form-urlencoded"}} if method == "POST" else {}
    )
    return await client.request(method, f"../../{filled(path).removeprefix('/')}", **form)


@EACH_PAGE
async def test_who_is_not_signed_in_signs_in_first(server, method, path):
    answer = await opened(server.client(), method, path)
    if method == "POST":
        assert (answer.status_code, "Sign in first" in answer.text) == (HTTPStatus.UNAUTHORIZED, True)
        return
    assert answer.status_code == HTTPStatus.SEE_OTHER
    to = urlsplit(answer.headers["location"])
    assert (to.path, parse_qs(to.query)["next"]) == ("/sign-in", [filled(path)])


@EACH_PAGE
async def test_no_token_opens_a_page(server, method, path):
    for name in ("agent:bot", "service:watch"):
        answer = await opened(await server.agent(name, *Scope), method, path)
        assert answer.status_code == HTTPStatus.FORBIDDEN, name
        assert answer.headers["content-type"].startswith("text/html")


@EACH_PAGE
async def test_what_was_made_for_somebody_else_does_nothing(server, method, path):
    if method == "GET":
        return
    mia, olga = await server.person("mia@example.com"), await server.person("olga@example.com")
    made_for = (await mia.get("../../account")).headers["made-for"]
    sent = await olga.post(f"../../{filled(path).removeprefix('/')}", data={"made_for": made_for})
    refused = (sent.status_code, "Somebody else has signed in with this browser" in sent.text)
    is_not_found = sent.status_code == HTTPStatus.NOT_FOUND  # what it is about is looked for first
    assert is_not_found or refused == (HTTPStatus.CONFLICT, True), path


def test_each_form_of_a_page_says_for_whom_it_was_made():
    folder = files("interlock.web.pages").joinpath("templates")
    source = "".join(one.read_text() for one in Path(str(folder)).rglob("*.html"))
    forms = re.findall(
        r'<form\b(?:[^>{]|{{.*?}}|{%.*?%})*?method="post".*?(?:<button|<textarea|</form)', source, re.DOTALL
    )
    nobodys = re.compile(r'action="/(sign-out|sign-in|sign-in/password|join|decide)"')
    assert len(forms) > len(nobodys.findall(source)) + 20
    assert [one for one in forms if not nobodys.search(one) and "{{ made_for }}" not in one] == []


async def test_who_lacks_the_role_is_told(server):
    stranger = await server.person("stranger@example.com")
    for (method, path), need in PAGES.items():
        if need in ACCESS and ACCESS[need].roles is not None:
            answer = await opened(stranger, method, path)
            assert (answer.status_code, "You may not do that" in answer.text) == (HTTPStatus.FORBIDDEN, True), path


@EACH_PAGE
async def test_whatever_is_answered_is_a_page_that_loads_nothing_of_others(server, method, path):
    answer = await opened(await server.person("olga@example.com"), method, path)
    assert answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    if answer.is_redirect or answer.headers.get("content-disposition", "").startswith("attachment"):
        return
    nonce = answer.text.partition('nonce="')[2].partition('"')[0]
    assert answer.headers["content-security-policy"] == policy(nonce)
    for sent in ("default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"):
        assert sent in policy(nonce)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "http://" not in answer.text.replace(server.context.origin, "").replace("http://www.w3.org/2000/svg", "")


async def test_no_answer_of_any_route_can_be_framed_kept_or_taken_for_something_else(server):
    olga, given, seen = await server.person("olga@example.com"), defaultdict(lambda: "nothing", GIVEN), 0
    for method, path in {**PAGES, **OPEN_PAGES, **ROUTES, ("GET", "/nowhere"): None, ("DELETE", "/"): None}:
        if path.endswith(("/events", "/stream", "/socket")) or path.startswith("/agents"):  # it lasts, or loads agents
            continue
        headers = (await olga.request(method, f"../../{path.format_map(given).removeprefix('/')}")).headers
        kept = "/assets/" in path or "etag" in headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer"), path
        assert kept or "no-store" in headers["cache-control"], path
        seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    "path", ["/assets/0000000000000000/interlock.css", "/assets/0/htmx.min.js"], ids=["old digest", "old script"]
)
async def test_an_asset_is_kept_under_its_own_digest_alone(server, path):
    answer = await server.client().get(f"../..{path}")
    assert answer.status_code == HTTPStatus.OK
    assert "immutable" not in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("takes", "encoding"),
    [("gzip, br", "gzip"), ("br;q=1, GZIP ; q=0.5", "gzip"), ("gzip;q=0, br", None), ("identity", None), ("", None)],
)
async def test_an_asset_is_compressed_for_whoever_takes_that_and_no_page_is(server, takes, encoding):
    mia = await server.person("mia@example.com")
    page = await mia.get("../../", headers={"Accept-Encoding": takes})
    assert "content-encoding" not in page.headers, "a page has secrets beside words of others"
    address = re.search(r'"(/assets/[^"]*/htmx.min.js)"', page.text).group(1)
    answer = await server.client().get(f"../..{address}", headers={"Accept-Encoding": takes})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content == FOLDER.joinpath("htmx.min.js").read_bytes()
    assert (answer.num_bytes_downloaded < len(answer.content) / 2) == (encoding == "gzip")


async def test_an_asset_that_is_none_is_a_404(server):
    for name in ("nothing.js", "..%2f__init__.py", "%2e%2e"):
        assert (await server.client().get(f"../../assets/x/{name}")).status_code == HTTPStatus.NOT_FOUND


async def test_the_bar_says_which_verdicts_need_a_comment(open_server):
    server = open_server(config=CONFIG.replace("default: {", "default: {reason_for: [reject], "))
    asked = await ask(await server.agent(), MAIL)
    shown = (await (await server.person("mia@example.com")).get(f"../../requests/{asked['id']}")).text
    assert 'placeholder="Comment, needed to reject"' in shown

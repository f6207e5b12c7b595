"""Nobody does what they may not: one table, and every route of it (I7, I9, I13, S13)."""

import itertools
from collections import defaultdict

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Host, Mount, WebSocketRoute
from tests.server.page_routes import OPEN_PAGES, PAGES
from tests.server.sockets import Denied, Socket

from interlock.domain.access import ACCESS, Permission, why_refused
from interlock.domain.authority import Directory
from interlock.domain.credentials import Scope
from interlock.errors import BadInput
from interlock.testing.people import principal
from interlock.web.app import application
from interlock.web.callers import open_to_all
from interlock.web.serving import Answering

ROUTES = {
    ("POST", "/requests"): Permission.ask,
    ("GET", "/requests"): Permission.read,
    ("GET", "/requests/unsettled"): Permission.read,
    ("GET", "/effects"): Permission.read,
    ("GET", "/requests/ids/{beginning}"): Permission.decide,
    ("GET", "/requests/inbox/{which}"): Permission.decide,
    ("GET", "/requests/inbox/{which}/bundles"): Permission.decide,
    ("GET", "/requests/inbox/{which}/count"): Permission.decide,
    ("GET", "/requests/{request_id}"): Permission.read,
    ("GET", "/requests/{request_id}/history"): Permission.read,
    ("GET", "/requests/{request_id}/outcome"): Permission.read,
    ("POST", "/requests/{request_id}/claim"): Permission.ask,
    ("POST", "/requests/{request_id}/result"): Permission.ask,
    ("POST", "/requests/{request_id}/withdrawal"): Permission.withdraw,
    ("POST", "/requests/{request_id}/votes"): Permission.anyone_known,  # the desk refuses, and the log says so
    ("POST", "/requests/votes"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/take-back"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/comments"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/delegations"): Permission.anyone_known,
    ("DELETE", "/requests/{request_id}/delegations"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/reservation"): Permission.anyone_known,
    ("DELETE", "/requests/{request_id}/reservation"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/snooze"): Permission.anyone_known,
    ("DELETE", "/requests/{request_id}/snooze"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/clarifications"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/clarifications/{number}"): Permission.clarify,
    ("POST", "/requests/{request_id}/extensions"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/settlement"): Permission.anyone_known,
    ("POST", "/runs"): Permission.start,
    ("GET", "/runs"): Permission.read,
    ("GET", "/runs/pauses"): Permission.read,
    ("GET", "/runs/ids/{beginning}"): Permission.decide,
    ("GET", "/runs/{run_id}"): Permission.read,
    ("GET", "/runs/{run_id}/history"): Permission.read,
    ("GET", "/runs/{run_id}/timeline"): Permission.read,
    ("GET", "/runs/{run_id}/stream"): Permission.read,
    ("GET", "/runs/{run_id}/state"): Permission.read,
    ("POST", "/runs/{run_id}/forks"): Permission.start,
    ("GET", "/agents"): Permission.start,
    ("GET", "/agents/{name}"): Permission.start,
    ("GET", "/threads"): Permission.read,
    ("GET", "/threads/{name}"): Permission.read,
    ("DELETE", "/threads/{name}"): Permission.operate,
    ("POST", "/runs/{run_id}/cancel"): Permission.operate,
    ("POST", "/runs/{run_id}/retry"): Permission.operate,
    ("POST", "/runs/{run_id}/accept-version"): Permission.operate,
    ("POST", "/policies/check"): Permission.read_all,
    ("POST", "/policies/explain"): Permission.examine,
    ("POST", "/policies/simulate"): Permission.examine,
    ("POST", "/policies/suggest"): Permission.examine,
    ("GET", "/log"): Permission.log,
    ("GET", "/log/position"): Permission.follow,
    ("GET", "/statistics"): Permission.measure,
    ("GET", "/cost"): Permission.measure,
    ("POST", "/datasets"): Permission.export,
    ("GET", "/events"): Permission.follow,
    ("WS", "/socket"): Permission.follow,
    ("POST", "/session"): Permission.anybody,
    ("GET", "/session"): Permission.anyone_known,
    ("DELETE", "/session"): Permission.anyone_known,
    ("GET", "/sessions"): Permission.anyone_known,  # and others' need `manage`
    ("DELETE", "/sessions"): Permission.anyone_known,
    ("DELETE", "/sessions/{session_id}"): Permission.anyone_known,
    ("GET", "/deliveries"): Permission.examine,
    ("POST", "/deliveries/{delivery_id}/again"): Permission.send,
    ("POST", "/tokens"): Permission.manage,
    ("GET", "/tokens"): Permission.manage,
    ("DELETE", "/tokens/{token_id}"): Permission.manage,
    ("GET", "/directory/{kind}"): Permission.manage,
    ("PUT", "/directory/{kind}/{name}/members/{person}"): Permission.manage,
    ("DELETE", "/directory/{kind}/{name}/members/{person}"): Permission.manage,
    ("GET", "/directory/notices"): Permission.anyone_known,  # and others' need `manage`
    ("PUT", "/directory/notices"): Permission.anyone_known,
    ("GET", "/directory/delegations"): Permission.anyone_known,
    ("POST", "/directory/delegations"): Permission.anyone_known,
    ("DELETE", "/directory/delegations/{delegation_id}"): Permission.anyone_known,
    ("GET", "/grants"): Permission.anyone_known,
    ("POST", "/requests/{request_id}/grants"): Permission.anyone_known,  # and of these only people
    ("DELETE", "/grants/{grant_id}"): Permission.anyone_known,
    ("GET", "/people"): Permission.manage,
    ("POST", "/people"): Permission.manage,
    ("POST", "/people/{name}/reset"): Permission.manage,
    ("POST", "/people/{name}/disable"): Permission.manage,
    ("POST", "/people/{name}/enable"): Permission.manage,
    ("DELETE", "/people/{name}/second-factor"): Permission.manage,
    ("GET", "/openapi.json"): Permission.anybody,
    ("GET", "../../auth/oidc/{provider}"): Permission.anybody,
    ("GET", "../../auth/oidc/{provider}/callback"): Permission.anybody,
    ("POST", "../../api/approval/{request_id}"): Permission.anybody,  # a token of a message proves who it is
    ("POST", "../../slack/{channel}"): Permission.anybody,  # Slack's signature proves who calls
    ("GET", "../../livez"): Permission.anybody,
    ("GET", "../../metrics"): Permission.measure,
    ("GET", "../../readyz"): Permission.anybody,
}

ALL = ROUTES | {(method, f"../..{path}"): need for (method, path), need in (PAGES | OPEN_PAGES).items()}

PLACES = defaultdict(lambda: "x", which="mine", kind="bundles")


def needs_of(dependant):
    found = [dependant.call.need] if hasattr(dependant.call, "need") else []
    return found + [need for part in dependant.dependencies for need in needs_of(part)]


def walked(routes):
    for route in routes:
        assert not isinstance(route, Mount | Host), f"{route} is mounted: its routes escape the table"
        if hasattr(route, "effective_candidates"):
            yield from walked(route.effective_candidates())
        else:
            yield route


def decisions(app):
    """Return what each route of an application asks of who uses it."""
    found = {}
    for route in walked(app.routes):
        dependant = getattr(route, "dependant", None) or getattr(
            getattr(route, "original_route", None), "dependant", None
        )
        assert dependant is not None, f"{route.path} asks nothing: it is no route of ours"
        needs = needs_of(dependant)
        assert len(needs) == 1, f"{route.path} asks {needs}"
        path = route.path or f"/api/v1{route.original_route.path}"
        path = path.replace(":path}", "}")
        short = path.removeprefix("/api/v1") if path.startswith("/api/v1") else f"../..{path}"
        for method in getattr(route, "methods", None) or {"WS"}:
            found[method, short] = needs[0]
    return found


def test_every_route_says_who_may_use_it_and_the_table_has_them_all(server):
    assert decisions(server.app.app) == ALL


async def nothing(websocket: WebSocket):
    await websocket.accept()


def router_with(add):
    router = APIRouter(prefix="/api/v1")
    add(router)
    return router


@pytest.mark.parametrize(
    "add",
    [
        lambda app: app.mount("/files", Starlette()),
        lambda app: app.mount("/api/v1/more", FastAPI()),
        lambda app: app.host("other.example", Starlette()),
        lambda app: app.router.routes.append(WebSocketRoute("/more", nothing)),
        lambda app: app.add_api_websocket_route("/more", nothing),
        lambda app: app.add_route("/more", nothing),
        lambda app: app.add_api_route("/more", lambda: None),
        lambda app: app.add_api_route("/more", lambda: None, dependencies=[Depends(open_to_all(Permission.read))] * 2),
        lambda app: app.include_router(router_with(lambda router: router.add_api_route("/more", lambda: None))),
        lambda app: app.include_router(router_with(lambda router: router.add_api_websocket_route("/more", nothing))),
        lambda app: app.include_router(router_with(lambda router: router.mount("/more", Starlette()))),
    ],
)
def test_the_walk_sees_what_decides_nothing(add):
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)  # to build ours takes half a second
    known = [Depends(open_to_all(Permission.read))]
    app.include_router(
        router_with(lambda router: router.add_api_route("/known", lambda: None, dependencies=known)),
    )
    assert decisions(app) == {("GET", "/known"): Permission.read}
    add(app)
    with pytest.raises(AssertionError):
        assert decisions(app) == {("GET", "/known"): Permission.read}


@pytest.mark.parametrize(("need", "scope"), list(itertools.product(ACCESS, [None, *Scope])))
def test_a_token_is_good_for_its_scope_alone(need, scope):
    for kind in ("agent", "service"):
        bearer = principal(f"{kind}:x", kind)
        refused = why_refused(need, bearer, frozenset({scope} if scope else ()), Directory(local_roles=True))
        assert (refused is None) is (scope in ACCESS[need].scopes)


@pytest.mark.parametrize(
    ("need", "role"), list(itertools.product(ACCESS, ["viewer", "reviewer", "operator", "auditor", "admin"]))
)
def test_a_person_does_what_their_roles_allow(need, role):
    directory = Directory(roles={role: frozenset({"mia"})}, local_roles=False)
    allowed = why_refused(need, principal("Mia"), frozenset(Scope), directory) is None
    roles = ACCESS[need].roles
    assert allowed is (roles is None or (bool(roles) and role in roles))
    assert why_refused(Permission.ask, principal("mia"), frozenset(Scope), directory) is not None


async def test_who_is_not_known_gets_nothing(server):
    nobody = server.client()
    for (method, path), need in ROUTES.items():
        if need is Permission.anybody or method == "WS":
            continue
        answer = await nobody.request(method, path.format_map(PLACES))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), path
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header",
    ["Bearer nothing", "Bearer ilk_" + "x" * 43, "Basic eDp5", "Bearer", "Bearer  ", "ilk_x", "Bearer " + "x" * 500],
)
async def test_what_proves_nothing_is_refused(server, header):
    answer = await server.client(Authorization=header).get("/requests")
    assert answer.status_code == 401
    assert header.partition(" ")[2].strip()[:40] not in answer.text or len(header) < 12


SITES = ["same-origin", "none", "same-site", "cross-site", "nonsense", None]
OURS = "http://127.0.0.1:8000"
ORIGINS = [OURS, "https://127.0.0.1:8000", "http://127.0.0.1", "http://evil.example", "null", "", None]


def expected_of(route, brought, site, origin):
    """Return what is answered to who brings this from there: `None` is whoever is let in."""
    ours = site in {"same-origin", "none"} or (site is None and origin == OURS)
    if route == "socket":  # a browser says nothing but the origin for sure
        ours = origin == OURS
    if brought == "a session and a token":  # the token counts, which no other site's page has; and opens no page
        return 403 if route == "form" else None
    if brought == "nothing":
        return 401
    if not ours:
        return 403
    return None if brought == "a session" else 401


@pytest.mark.parametrize("brought", ["nothing", "a session", "an ended session", "a session and a token"])
async def test_a_cookie_is_good_for_our_own_pages_alone(server, brought):
    cookie, bearer = await server.cookie("mia@example.com"), (await server.agent()).headers["authorization"]
    if brought == "an ended session":
        await (server.client(Cookie=cookie)).delete("/session")
    headers = {} if brought == "nothing" else {"Cookie": cookie}
    headers |= {"Authorization": bearer} if brought == "a session and a token" else {}
    client = server.client(**headers)
    del client.headers["origin"]
    wrong = []
    for site, origin in itertools.product(SITES, ORIGINS):
        sent = {name: value for name, value in (("Sec-Fetch-Site", site), ("Origin", origin)) if value is not None}
        comment = await client.post("/requests/nothing/comments", json={"text": "x"}, headers=sent)
        form = await client.post("../../account/password", data={"new": "a", "again": "b"}, headers=sent)
        came = {"call": comment.status_code, "form": form.status_code}
        if site in {"same-origin", None}:
            came["socket"] = await status_of_socket(server, headers | sent)
        for route, status in came.items():
            let_in = {"call": 404, "form": 409, "socket": 101}[route]  # she has no password to change
            if status != (expected_of(route, brought, site, origin) or let_in):
                wrong.append((route, site, origin, status))
        if brought == "a session":
            assert (await client.get("/requests", headers=sent)).status_code == 200
    assert wrong == []


async def status_of_socket(server, headers):
    try:
        async with Socket(server.app, headers):
            return 101
    except Denied as denied:
        return denied.status


async def test_an_agents_token_never_votes_whatever_its_scopes_and_the_log_says_that_it_tried(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    body = {"asked": {"kind": "approval", "name": "send", "args": {}}}
    asked = (await agent.post("/requests", json=body, headers={"Idempotency-Key": "k"})).json()
    service = await server.agent("service:cron")
    for bearer, name in ((agent, "agent:bot"), (service, "service:cron")):
        vote = {"verdict": "approve", "digest": asked["digest"]}
        answer = await bearer.post(f"/requests/{asked['id']}/votes", json=vote)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), name
    view = (await mia.get(f"/requests/{asked['id']}")).json()
    assert view["status"] == "open"
    assert "refusal_noted" in [entry["event"]["type"] for entry in view["history"]]


async def test_another_tenant_sees_and_changes_nothing(server):
    agent, mia = await server.agent(), await server.person("mia@example.com")
    body = {"asked": {"kind": "approval", "name": "send", "args": {}}}
    asked = (await agent.post("/requests", json=body, headers={"Idempotency-Key": "k"})).json()
    there, bot = await server.person("mia@example.com", "other"), await server.agent(tenant="other")
    for (method, path), need in ROUTES.items():
        if "{request_id}" not in path or need is Permission.anybody:
            continue
        bodies = {
            "votes": {"verdict": "approve", "digest": asked["digest"]},
            "comments": {"text": "x"},
            "reservation": {"lasts": "5m"} if method == "POST" else None,
            "snooze": {"lasts": "5m"} if method == "POST" else None,
            "clarifications": {"text": "x"},
            "{number}": {"text": "x"},
            "delegations": {"to": "noah@example.com"} if method == "POST" else None,
            "grants": {"digest": asked["digest"], "until": "1h", "uses": 1},
            "extensions": {"by": "1h", "reason": "x"},
            "settlement": {"became": "happened"},
            "claim": {"digest": asked["digest"], "tool": "x"},
            "result": {"attempt": 1, "state": "executed"},
            "withdrawal": {"reason": "x"},
        }
        sent = bodies.get(path.rpartition("/")[2])
        callers = [bot] if need is Permission.ask else [there, bot] if need is Permission.withdraw else [there]
        for caller in callers:
            answer = await caller.request(method, path.format(request_id=asked["id"], number=1), json=sent)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert (await there.get("/requests")).json()["requests"] == []
    assert (await there.get("/requests/inbox/others")).json()["requests"] == []
    assert len((await mia.get("/requests")).json()["requests"]) == 1


async def test_only_an_admin_manages_tokens_and_a_revoked_one_is_worth_nothing(server):
    mia, olga = await server.person("mia@example.com"), await server.person("olga@example.com")
    wanted = {"principal": "agent:new", "scopes": ["ask", "read"], "label": "mine", "lasts": "1h"}
    assert (await mia.post("/tokens", json=wanted)).status_code == 403
    made = (await olga.post("/tokens", json=wanted)).json()
    bearer = server.client(Authorization=f"Bearer {made['secret']}")
    assert (await bearer.get("/requests")).status_code == 200
    assert (await bearer.get("/log")).status_code == 403
    listed = (await olga.get("/tokens")).json()["tokens"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert made["secret"] not in (await olga.get("/tokens")).text
    assert listed[0]["used_at"] is not None
    assert (await olga.delete(f"/tokens/{made['id']}")).status_code == 204
    assert (await olga.delete(f"/tokens/{made['id']}")).status_code == 404
    assert (await bearer.get("/requests")).json()["detail"] == "This token was revoked."
    assert (await olga.post("/tokens", json=wanted | {"principal": "mia@example.com"})).status_code == 400


async def test_a_token_and_a_session_end(server):
    mia, agent = await server.person("mia@example.com"), await server.agent()
    for _ in range(11):
        server.clock.advance(minutes=59)
        assert (await mia.get("/session")).status_code == 200
    server.clock.advance(minutes=61)
    assert (await mia.get("/session")).status_code == 401
    rested = await server.person("mia@example.com")
    server.clock.advance(minutes=60)
    assert (await rested.get("/session")).json()["detail"] == "This session has not been used for too long."
    server.clock.advance(days=1)
    assert (await agent.get("/session")).json()["detail"] == "This token has expired."


async def test_a_link_signs_in_once(server):
    link = (await server.context.authenticator.link("default", "mia@example.com", by="test")).secret
    browser = server.client()
    answer = await browser.post("/session", json={"link": link})
    assert answer.json()["principal"] == "mia@example.com"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert link not in cookie
    assert (await server.client().post("/session", json={"link": link})).status_code == 401
    assert (await browser.get("/session")).json()["principal"] == "mia@example.com"
    assert (await browser.delete("/session")).status_code == 204
    assert (await browser.get("/session")).status_code == 401
    other = (await server.context.authenticator.link("default", "mia@example.com", by="test")).secret
    assert (await server.client(Authorization=f"Bearer {other}").get("/session")).status_code == 401
    server.clock.advance(minutes=15)
    assert (await server.client().post("/session", json={"link": other})).status_code == 401


async def test_a_call_names_a_host_that_is_ours(server):
    for host in ("evil.example", "127.0.0.1", "127.0.0.1:8001", ""):
        answer = await server.client().get("/openapi.json", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host"), host


@pytest.mark.parametrize(
    ("host", "origin", "names", "foreign"),
    [
        ("127.0.0.1", None, ["127.0.0.1:{}", "localhost:{}"], ["localhost", "localhost:1", "127.0.0.1.nip.io:{}"]),
        ("::1", None, ["[::1]:{}", "localhost:{}"], ["localhost.evil.example:{}", "127.0.0.1:{}", "evil.example:{}"]),
        ("0.0.0.0", "http://box.example", ["box.example", "0.0.0.0:{}"], ["localhost:{}"]),
    ],
)
async def test_localhost_is_this_machine_where_the_server_listens_there_alone(server, host, origin, names, foreign):
    given = {"origin": origin, "proxies": [], "stop": server.context.stop}
    answering = Answering.at(server.system, host, 0, **given)
    port = answering.listening.getsockname()[1]
    answering.listening.close()
    server.context = answering.context
    server.app = application(server.context)
    mia = await server.person("mia@example.com")
    for name in names:
        headers = {"Host": name.format(port), "Origin": f"http://{name.format(port)}"}
        assert (await mia.get("/session", headers=headers)).status_code == 200, name
        assert (await mia.post("/requests/no/comments", json={"text": "x"}, headers=headers)).status_code == 404, name
    for name in foreign:
        headers = {"Host": name.format(port), "Origin": f"http://{name.format(port)}"}
        assert (await mia.get("/session", headers=headers)).status_code == 421, name
        headers["Host"] = names[0].format(port)
        assert (await mia.post("/requests/no/comments", json={"text": "x"}, headers=headers)).status_code == 403, name


async def test_the_page_signs_in_by_a_form_with_no_secret_in_an_address(server):
    link = (await server.context.authenticator.link("default", "<b>mia@example.com", by="test")).secret
    browser = server.client()
    page = await browser.get("../../sign-in")
    nonce = page.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0]
    assert nonce
    assert page.text.count(f'nonce="{nonce}"') == page.text.count("<script ") + page.text.count('rel="stylesheet"') == 6
    assert nonce not in (await browser.get("../../sign-in")).text
    for wrong in ({"link": "ill_no"}, {"link": ""}):
        answer = await browser.post("../../sign-in", data=wrong)
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    foreign = await browser.post("../../sign-in", data={"link": link}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    done = await browser.post("../../sign-in", data={"link": link})
    assert (done.status_code, done.headers["location"], link in str(done.headers)) == (303, "/", False)
    assert "signed in as <strong><bdi>&lt;b&gt;mia@example.com" in (await browser.get("../../account")).text
    assert (await browser.get("/session")).json()["principal"] == "<b>mia@example.com"
    assert (await browser.post("../../sign-in", data={"link": link})).status_code == 401


@pytest.mark.parametrize("wrong", ["agent:", "agent: ", "mia@example.com", "agent:\x1b[31m", "agent:" + "x" * 200, ""])
async def test_a_token_is_for_an_agent_or_a_service_of_some_name(server, wrong):
    olga = await server.person("olga@example.com")
    assert (await olga.post("/tokens", json={"principal": wrong, "scopes": ["ask"]})).status_code == 400
    assert (await olga.get("/tokens")).json()["tokens"] == []


def test_an_address_is_believed_from_a_proxy_alone(server):
    def said(peer, *forwarded):
        headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
        return HTTPConnection({"type": "http", "client": (peer, 1), "headers": headers})

    answering = Answering.at(
        server.system, "127.0.0.1", 0, origin="https://a.example/", proxies=["10.0.0.0/8"], stop=server.context.stop
    )
    answering.listening.close()
    context = answering.context
    assert (context.origin, context.cookie) == ("https://a.example", "__Host-interlock")
    assert "a.example" in context.hosts
    for peer, forwarded, address in (
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["nonsense"], None),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7:567"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:DB8::7]:567, ::ffff:10.0.0.2"], "2001:db8::7"),
        ("::ffff:192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
    ):
        assert context.address_of(said(peer, *forwarded)) == address


def opened(server, host="127.0.0.1", **given):
    """Return what answers at an address, of which only the names are looked at."""
    answering = Answering.at(
        server.system, host, 0, **{"origin": None, "proxies": [], "stop": server.context.stop} | given
    )
    answering.listening.close()
    return answering


@pytest.mark.parametrize(
    "wrong",
    [
        *({"origin": f"{text}"} for text in ("a.example", "https://a.example/path", "https://a.example?x", "https://")),
        *({"origin": f"{text}"} for text in ("https://me@a.example", "https://a.example:0", "https://[a", "http://ä")),
        {"proxies": ["x"]},
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": "0"},
        {"host": ""},
    ],
)
def test_where_nobody_could_reach_it_a_server_does_not_start(server, wrong):
    with pytest.raises(BadInput) as refused:
        opened(server, **wrong)
    assert ("--origin http://" in str(refused.value)) is ("host" in wrong)


@pytest.mark.parametrize("origin", ["https://Approvals.Example.com", "https://approvals.example.com:443/"])
async def test_an_origin_is_that_of_browsers_however_it_is_written(server, origin):
    server.context = opened(server, "0.0.0.0", origin=origin).context
    server.app = application(server.context)
    assert server.context.origin == "https://approvals.example.com"
    mia = await server.person("mia@example.com")
    for host in ("approvals.example.com", "APPROVALS.example.com", "approvals.example.com:443"):
        headers = {"Host": host, "Origin": "https://approvals.example.com"}
        assert (await mia.get("/session", headers=headers)).status_code == 200, host
        assert (await mia.post("/requests/no/comments", json={"text": "x"}, headers=headers)).status_code == 404, host
    for host in ("approvals.example.com:80", "approvals.example.com.", "approvals.example.com,approvals.example.com"):
        assert (await mia.get("/session", headers={"Host": host})).status_code == 421, host


async def test_a_header_that_says_who_calls_or_what_is_sent_once(server):
    """Of two, a proxy and this server might believe different ones."""
    bot, mia = await server.agent(), await server.person("mia@example.com")
    token, cookie = bot.headers["authorization"], mia.headers["cookie"]
    for name, values, status in (
        ("Authorization", (token, token), 401),
        ("Authorization", (token, "Bearer ilk_other"), 401),
        ("Cookie", (cookie, cookie), 400),
        ("Cookie", ("other=1", cookie), 400),
        ("Host", ("127.0.0.1:8000", "127.0.0.1:8000"), 421),
        ("Host", ("127.0.0.1:8000", "evil.example"), 421),
        ("Idempotency-Key", ("a", "a"), 400),
        ("Idempotency-Key", ("a", "b"), 400),
    ):
        client = server.client() if name in {"Authorization", "Cookie"} else bot
        answer = await client.get("/requests", headers=[(name, value) for value in values])
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), name
    assert (await server.client().get("/requests", headers=[("Cookie", f"other=1; {cookie}")])).status_code == 200

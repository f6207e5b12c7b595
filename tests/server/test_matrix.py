"""Route by verb by role by tenant, against the running application: who is let in is what one table says (I13, S13)."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Literal

import httpx2
from tests.server.conftest import GRANTED
from tests.server.sockets import Denied, Socket
from tests.server.test_access import ROUTES

from interlock.domain.access import ACCESS, Permission
from interlock.domain.credentials import Scope
from interlock.domain.delivery import Delivery, DeliveryState

MIA = "mia@example.com"
ROLES = ("viewer", "reviewer", "operator", "auditor", "admin")
PEOPLE = "roles: {" + ", ".join(f"{role}: [{role}@example.com]" for role in ROLES) + "}"
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CALLS = count(1)
UNKNOWN, REFUSED = "Sign in, or send a token", "may not do that"  # what the edge says, and nothing behind it


@dataclass(frozen=True)
class Caller:
    """Somebody who calls: a person with one role or none, a token with one scope, with all; or nobody."""

    name: str
    kind: Literal["nobody", "person", "agent", "service"]
    roles: frozenset[str] = frozenset()
    scopes: frozenset[Scope] = frozenset()

    def may(self, need: Permission) -> bool:
        """Say whether the table lets them in."""
        if need is Permission.anybody:
            return True
        if self.kind == "nobody" or need is Permission.anyone_known:
            return self.kind != "nobody"
        access = ACCESS[need]
        if self.kind == "person":
            return access.roles is None or bool(access.roles & self.roles)
        return bool(access.scopes & self.scopes)


CALLERS = (
    Caller("nobody", "nobody"),
    Caller("zoe@example.com", "person"),
    *(Caller(f"{role}@example.com", "person", frozenset({role})) for role in ROLES),
    Caller("local:me", "person", frozenset(ROLES)),  # whoever runs the server on their machine
    *(Caller(f"agent:{scope}", "agent", scopes=frozenset({scope})) for scope in Scope),
    *(Caller(f"{kind}:all", kind, scopes=frozenset(Scope)) for kind in ("agent", "service")),
)


async def client_of(server, caller, tenant) -> httpx2.AsyncClient:
    if caller.kind == "nobody":
        return server.client()
    if caller.kind == "person":
        return await server.person(caller.name, tenant)
    return await server.agent(caller.name, *caller.scopes, tenant=tenant)


async def called(server, client, method, path, body):
    """Return status and detail of an answer."""
    if method == "WS":
        headers = {name.title(): value for name, value in client.headers.items() if name != "host"}
        try:
            async with Socket(server.app, headers):
                return 101, ""
        except Denied as denied:
            return denied.status, denied.problem["detail"]
    answer = await client.request(method, path, json=body, headers={"Idempotency-Key": f"call {next(CALLS)}"})
    problem = answer.json() if answer.headers.get("content-type") == "application/problem+json" else {}
    return answer.status_code, problem.get("detail", "")


def expected(caller, need):
    return "let in" if caller.may(need) else "unknown" if caller.kind == "nobody" else "refused"


def found(status, detail):
    if status == 401 and UNKNOWN in detail:
        return "unknown"
    return "refused" if status == 403 and REFUSED in detail else "let in"


FIXED = {"which": "mine", "number": "1", "kind": "groups"}
"""What there is everywhere."""

SIGN_OUT = {("DELETE", "/session"), ("POST", "../../sign-out")}
OF_ANYBODY = {
    ("POST", "/people/{name}/disable"),
    ("POST", "/people/{name}/enable"),
    ("PUT", "/directory/{kind}/{name}/members/{person}"),
    ("DELETE", "/directory/{kind}/{name}/members/{person}"),
}
"""What an admin may do in their own tenant with any name, also one that somebody has in another."""


def filled(path, ids=None):
    """Return a path with what there is, by its first word and the name of the place; `nothing` without ids."""

    def place(found):
        return FIXED.get(found[1]) or (ids or {}).get((path.split("/")[1], found[1]), "nothing")

    return re.sub(r"{(\w+)}", place, path)


def unnamed(detail, ids):
    """Return what was said without what was named."""
    for name in sorted(ids.values(), key=len, reverse=True):
        detail = detail.replace(name, "nothing")
    return detail


def bodies_of(digest):
    """Return what calls carry, by the end of their path."""
    return {
        "votes": {"verdict": "approve", "digest": digest},
        "comments": {"text": "x"},
        "delegations": {"to": "noah@example.com"},
        "grants": {"digest": digest, "until": "1h", "uses": 1},
        "extensions": {"by": "1h", "reason": "x"},
        "settlement": {"became": "happened"},
        "claim": {"digest": digest, "tool": "x"},
        "result": {"attempt": 1, "state": "executed"},
        "withdrawal": {"reason": "x"},
        "reservation": {"lasts": "5m"},
        "snooze": {"lasts": "5m"},
        "clarifications": {"text": "x"},
        "{number}": {"text": "x"},
        "cancel": {"reason": "x"},
        "forks": {},
    }


async def test_who_is_let_in_is_what_the_table_says_and_of_another_tenant_there_is_nothing(open_server):
    server = open_server(config=re.sub("roles: .*", PEOPLE, GRANTED))
    ids, digest = await something_of_each(server)
    bodies, admin = bodies_of(digest), await server.person("admin@example.com")
    server.context.stop.set()  # streams end at once
    before, wrong, calls = await everything(admin), [], 0
    for tenant in ("other", "default"):  # in their own last, as some of them change something
        for caller in CALLERS:
            client = await client_of(server, caller, tenant)
            for (method, path), need in sorted(ROUTES.items(), key=lambda route: route[0] in SIGN_OUT):
                if tenant == "other" and filled(path, ids) == filled(path):
                    continue
                if need is Permission.anybody and caller is not CALLERS[0]:
                    continue  # what is asked of nobody is called once: passwords are slow
                body = bodies.get(path.rpartition("/")[2])
                answer = await called(server, client, method, filled(path, ids), body)
                if found(*answer) != expected(caller, need):
                    wrong.append((tenant, caller.name, method, path, answer))
                if tenant == "other" and caller.may(need):  # there it is as what nobody has
                    status, detail = await called(server, client, method, filled(path), body)
                    as_nothing = (answer[0], unnamed(answer[1], ids)) == (status, detail)
                    if not as_nothing or (status not in {403, 404} and (method, path) not in OF_ANYBODY):
                        wrong.append((tenant, caller.name, method, path, answer, (status, detail)))
                calls += 1
        if tenant == "other":
            assert await everything(admin) == before
    assert wrong == []
    assert calls >= len(CALLERS) * sum(need is not Permission.anybody for need in ROUTES.values())


async def something_of_each(server):
    """Make one of everything that has an id; return these by the first word of the path and the place, and a digest."""
    agent, admin, mia = await server.agent(), await server.person("admin@example.com"), await server.person(MIA)
    asked = await agent.post(
        "/requests",
        json={"asked": {"kind": "approval", "name": "transfer", "args": {}}},
        headers={"Idempotency-Key": "k"},
    )
    mail = {"agent": "approval", "input": "Send email to team about meeting", "thread": "talk"}
    run = await admin.post("/runs", json=mail)
    token = await admin.post("/tokens", json={"principal": "agent:spare", "scopes": ["read"]})
    given = {"to": "noah@example.com", "until": (server.clock.at + timedelta(days=1)).isoformat()}
    delegation = await mia.post("/directory/delegations", json=given)
    terms = {"digest": asked.json()["digest"], "until": "1h", "uses": 1}
    grant = await mia.post(f"/requests/{asked.json()['id']}/grants", json=terms)
    invited = await admin.post("/people", json={"name": "ann@example.com", "roles": []})
    sessions = (await admin.get("/sessions", params={"of": MIA})).json()["sessions"]
    assert {one.status_code for one in (asked, run, token, delegation, grant, invited)} == {201}
    at = server.clock.at
    sent = Delivery(
        "default", "dlv_1", "crm", "", asked.json()["id"], 1, "opened", at, None, state=DeliveryState.failed
    )
    await server.system.store.add_deliveries([sent])
    ids = {
        ("requests", "request_id"): asked.json()["id"],
        ("requests", "beginning"): asked.json()["id"][:12],
        ("runs", "run_id"): run.json()["id"],
        ("runs", "beginning"): run.json()["id"][:12],
        ("threads", "name"): "talk",
        ("tokens", "token_id"): token.json()["id"],
        ("deliveries", "delivery_id"): "dlv_1",
        ("sessions", "session_id"): sessions[0]["id"],
        ("directory", "delegation_id"): delegation.json()["id"],
        ("grants", "grant_id"): grant.json()["id"],
        ("directory", "name"): "managers",
        ("directory", "person"): "ann@example.com",
        ("people", "name"): "ann@example.com",
    }
    return ids, asked.json()["digest"]


async def everything(admin):
    """Return what there is in a tenant, as its admin sees it."""
    lists = (
        "/requests",
        "/runs",
        "/threads",
        "/tokens",
        "/deliveries",
        "/people",
        "/directory/groups",
        "/directory/roles",
    )
    paths = (*lists, "/directory/delegations", "/grants", f"/sessions?of={MIA}", "/log")
    return [(await admin.get(path)).text for path in paths]


async def test_an_address_takes_the_verbs_of_the_table_and_no_other(server):
    verbs = defaultdict(set)
    for method, path in ROUTES:
        verbs[re.sub(r"{\w+}", "mine", path)].add(method)
    clients = [server.client(), await server.person("olga@example.com"), await server.agent()]
    for path, taken in verbs.items():
        also = {method for (method, other) in ROUTES if re.fullmatch(re.sub(r"{\w+}", "[^/]+", other), path)}
        for method in set(VERBS) - taken - also:
            for client in clients:
                answer = await client.request(method, path)
                assert answer.status_code == (404 if taken == {"WS"} else 405), (method, path)


async def test_lists_and_streams_of_another_tenant_are_empty(server):
    agent = await server.agent()
    body = {"asked": {"kind": "approval", "name": "send", "args": {}}}
    await agent.post("/requests", json=body, headers={"Idempotency-Key": "k"})
    await (await server.person("local:me")).post("/runs", json={"agent": "approval", "input": "Send email to team"})
    server.context.stop.set()
    there = await server.person("olga@example.com", "other")
    for path in ("/requests", "/requests/inbox/mine", "/requests/inbox/others", "/requests/inbox/decided", "/runs"):
        answer = (await there.get(path)).json()
        assert (answer[path.split("/")[1]], answer["more"]) == ([], False), path
    assert (await there.get("/log")).json()["entries"] == []
    assert (await there.get("/tokens")).json()["tokens"] == []
    assert "event: opened" not in (await there.get("/events", params={"after": ""})).text

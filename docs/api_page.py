"""Draw docs/reference-api.md from the OpenAPI document, and from what each route asks of whoever calls it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from interlock.domain.access import ACCESS, Permission
from interlock.errors import InterlockError, ServerError
from interlock.service.error_table import meaning_of
from interlock.web.app import routes
from interlock.web.openapi import document
from markdown_table import table

COOKIE = "interlock"
GROUPS = {
    "agents": "Agents that act by themselves",
    "requests": "What people do",
    "callback": "What messages name to be answered at",
    "runs": "Runs, agents, threads",
    "policies": "Policies",
    "events": "The log as it grows",
    "log": "The log",
    "statistics": "Statistics",
    "cost": "What waiting costs",
    "datasets": "Training data",
    "metrics": "Metrics",
    "session": "Sessions",
    "tokens": "Tokens",
    "deliveries": "Messages to people and programs",
    "directory": "Groups, roles, delegations",
    "grants": "Standing grants",
    "people": "Accounts",
    "health": "Health",
}
OWN = {
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "wrong_host": HTTPStatus.MISDIRECTED_REQUEST,
}
"""Codes of what is wrong with a call itself, which no class of errors has."""

INTRODUCTION = """\
# The API

Every call of `interlock serve`, drawn from its code by `python docs/generate.py`. `GET /api/v1/openapi.json` says the
same to programs. [Serve people, agents and programs](how-to/server.md) shows how the calls belong together.

- **Who calls** is said by a header `Authorization: Bearer TOKEN`, or by the cookie of a session, which is taken from
  pages of this server alone.
- **Bodies** are JSON objects, sent as `application/json`. A key that is not listed is refused.
- **`Idempotency-Key`** is a header of up to 200 characters, where it is listed: a call that is made again with it does
  nothing anew, and is answered as the first one. See [Send it again](how-to/server.md#send-it-again).
- **Lists** come in parts: `next` of one part is `after` of the next call.
- **The WebSocket** `/api/v1/socket` tells the log as it grows and takes votes: [its messages](reference-socket.md).
- **Errors** are `application/problem+json` (RFC 9457); [below](#errors) is what they may say.
"""
COMMON = {
    "after": "the cursor of the part before, or a position of the log",
    "limit": "how many at most",
    "agent": "of this agent alone",
    "run": "of this run alone",
    "reference": "of this order, ticket or the like alone",
    "status": "with one of these alone",
    "wait": "so many seconds for an outcome",
    "which": "the list",
    "beginning": "how the id begins",
    "number": "from 1",
    "last-event-id": "the position of the last event that came; a browser sends it",
    "Idempotency-Key": "names what is asked",
    "idempotency-key": "names what is asked, or started",
    "since": "the first moment, or how long ago: `30d`",
    "until": "the moment before which it ends",
    "by": "what tells groups apart",
    "every": "the periods that are told apart",
    "pause": "from 1; the last one by default",
}
"""What the parameters are that many calls have, by name."""

PROBLEMS = """\
Any call may be answered by 400 if it cannot be read, 401 if nobody is known by what it brings, 403 if they may not, 404
if there is no such thing, or if it is another tenant's, 429 if there were too many calls, and 503 if the database is
away; with 429 and 503 `Retry-After` says when to call again. `code` is the stable name, `detail` says what to do:
"""


def api() -> Iterator[str]:
    described, needs = served()
    yield INTRODUCTION.rstrip()
    operations: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = defaultdict(list)
    for path, item in described["paths"].items():
        for method, operation in item.items():
            operations[operation["tags"][0]].append((method.upper(), path, operation))
    for group in sorted(operations, key=list(GROUPS).index):
        yield from ("", f"## {GROUPS[group]}")
        for method, path, operation in operations[group]:
            yield from ("", f"### `{method} {path}`", "")
            yield from call(operation, needs[method, path], described["components"]["schemas"])
    yield from shapes(described["components"]["schemas"])
    yield from problems()


def served() -> tuple[dict[str, Any], dict[tuple[str, str], Permission]]:
    """Return the OpenAPI document of a server, and who may make each call."""
    app = routes()
    return document(app, COOKIE), dict(needs_of_routes(app.routes))


def needs_of_routes(routes: Any) -> Iterator[tuple[tuple[str, str], Permission]]:
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from needs_of_routes(route.effective_candidates())
            continue
        of = getattr(route, "original_route", route)
        path = route.path or f"/api/v1{of.path}"
        for method in getattr(route, "methods", None) or ():
            yield (method, path.replace(":path}", "}")), need_of(getattr(route, "dependant", None) or of.dependant)


def need_of(dependant: Any) -> Permission:
    """Return the one permission that a route needs."""
    (need,) = found_in(dependant)
    return need


def found_in(dependant: Any) -> Iterator[Permission]:
    if hasattr(dependant.call, "need"):
        yield dependant.call.need
    for part in dependant.dependencies:
        yield from found_in(part)


def call(operation: Mapping[str, Any], need: Permission, schemas: Mapping[str, Any]) -> Iterator[str]:
    yield " ".join(operation["description"].split())
    yield ""
    yield f"**Who:** {who(need)}. **Answers:** {', '.join(answers(operation))}."
    rows = [*parameters(operation), *fields(operation, schemas)]
    if rows:
        yield ""
        yield from table(("given", "in", "value", "default", "what it is"), rows)


def who(need: Permission) -> str:
    """Say who may, in words."""
    if need is Permission.anybody:
        return "everybody"
    if need is Permission.anyone_known:
        return "whoever is known; what they may is judged by what is called"
    access, may = ACCESS[need], []
    if access.roles is None:
        may.append("people")
    elif access.roles:
        may.append(f"people with the role {' or '.join(f'`{role}`' for role in sorted(access.roles))}")
    if access.scopes:
        may.append(f"a token with the scope {' or '.join(f'`{scope}`' for scope in sorted(access.scopes))}")
    return "; ".join(may)


def answers(operation: Mapping[str, Any]) -> Iterator[str]:
    for status, answer in operation["responses"].items():
        if status != "default":
            bodies = [kind(content.get("schema", {})) for content in answer.get("content", {}).values()]
            yield f"{status} {bodies[0]}" if bodies else f"{status}, without a body"


def parameters(operation: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for one in operation.get("parameters", ()):
        schema = one["schema"]
        name = f"`{'Idempotency-Key' if one['name'] == 'idempotency-key' else one['name']}`"
        about = one.get("description") or schema.get("description") or COMMON.get(one["name"], "")
        yield name, one["in"], kind(schema), default(schema, required=one.get("required", False)), about


def fields(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Return the rows of what a body has."""
    content = operation.get("requestBody", {}).get("content", {})
    for sent, about in content.items():
        schema = about["schema"]
        named = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        where = "body" if sent == "application/json" else sent
        for row in properties(named):
            yield row[0], where, *row[1:]


def properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield f"`{name}`", kind(one), default(one, required=name in required), told(one)


def default(schema: Mapping[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    value = schema.get("default")
    return "" if value in (None, "", [], {}) else f"`{value}`"


def told(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description", ""))


def kind(schema: Mapping[str, Any]) -> str:  # noqa: C901, PLR0911 - one line for each form of a schema
    """Say what a value is."""
    match schema:
        case {"$ref": ref}:
            name = ref.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": options} | {"oneOf": options}:
            return " or ".join(dict.fromkeys(kind(one) for one in options if one != {"type": "null"}))
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"type": "array"}:
            return f"list: {kind(schema.get('items', {}))}"
        case {"type": "object", "properties": inner}:
            return f"object of {', '.join(f'`{name}`' for name in inner)}"
        case {"type": "object", "additionalProperties": {**of}} if of:
            return f"object: name to {kind(of)}"
        case {"type": [*names]}:
            return " or ".join("null" if name == "null" else kind({**schema, "type": name}) for name in names)
        case {"format": "date-time"}:
            return "moment"
        case {"type": "string"}:
            return f"text{bounds(schema, 'minLength', 'maxLength', ' characters')}"
        case {"type": "integer" | "number" as name}:
            return f"{name}{bounds(schema, 'minimum', 'maximum', '')}"
        case {"type": name}:
            return str(name)
    return "any JSON"


def bounds(schema: Mapping[str, Any], least: str, most: str, unit: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if high is None:
        return "" if low is None else f", from {low:g}{unit}"
    return f", up to {high:g}{unit}" if low is None else f", {low:g} to {high:g}{unit}"


def shapes(schemas: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "## What is sent and answered", "")
    yield "Moments are texts such as `2026-12-01T09:00:00Z`. Answers may get more keys; these keep their meaning."
    for name, schema in sorted(schemas.items()):
        yield from ("", f"### {name}", "")
        yield " ".join(told(schema).split()) or "An object."
        rows = [(key, value, about) for key, value, _, about in properties(schema)]
        if rows:
            yield ""
            yield from table(("key", "value", "what it is"), rows)
        elif "properties" not in schema and kind(schema) != "object":
            yield from ("", f"{kind(schema)}")


def problems() -> Iterator[str]:
    yield from ("", "## Errors", "")
    yield PROBLEMS.rstrip()
    yield ""
    by_status: dict[int, set[str]] = defaultdict(set)
    for error in set(kinds(InterlockError)) - set(kinds(ServerError)):  # those are what a client meets
        by_status[int(meaning_of(error).status)].add(error.code)
    for code, status in OWN.items():
        by_status[int(status)].add(code)
    rows = []
    for status, codes in sorted(by_status.items()):
        rows.append((f"{status} {HTTPStatus(status).phrase}", ", ".join(f"`{code}`" for code in sorted(codes))))
    yield from table(("status", "code"), rows)
    yield ""
    yield "[What each says](reference.md#error-codes)."


def kinds(kind: type[InterlockError]) -> Iterator[type[InterlockError]]:
    yield kind
    for under in kind.__subclasses__():
        if under.__module__ == kind.__module__:
            yield from kinds(under)

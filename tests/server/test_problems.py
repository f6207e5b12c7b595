"""Whatever goes wrong is said as a problem (RFC 9457), and the document says what is true."""

import json
import logging
import re
from dataclasses import replace

import pytest
from fastapi import Depends, FastAPI
from openapi_spec_validator import validate
from pydantic import BaseModel
from tests.server.page_routes import OPEN_PAGES, PAGES
from tests.server.test_access import PLACES, decisions
from tests.server.test_agents_api import ask
from tests.server.test_idempotency import NEEDS_NONE, POSTS

from interlock.domain.access import Permission
from interlock.errors import StoreUnavailable
from interlock.web import bodies
from interlock.web.app import application
from interlock.web.callers import open_to_all
from interlock.web.openapi import document

UNNAMED = {
    ("GET", "/openapi.json"): "the document itself",
    ("WS", "/socket"): "OpenAPI has no WebSockets: docs/reference-socket.md has its messages",
    ("GET", "../../auth/oidc/{provider}"): "a browser is led there",
    ("GET", "../../auth/oidc/{provider}/callback"): "a browser comes back there",
    ("POST", "../../slack/{channel}"): "Slack calls it, in its own form",
    **dict.fromkeys(((method, f"../..{path}") for method, path in PAGES | OPEN_PAGES), "a page for people"),
}
"""Routes that the document does not name, and why."""


def unnamed(app):
    """Return the routes of an application, by method and path, that its document does not name."""
    named = {
        (method.upper(), path.removeprefix("/api/v1") if path.startswith("/api/v1") else f"../..{path}")
        for path, item in document(app, "cookie")["paths"].items()
        for method in item
    }
    found = set(decisions(app))
    assert named <= found, "the document names what is no route"
    return found - named


def test_the_document_names_every_route_but_those_with_a_reason(server):
    assert unnamed(server.app.app) == set(UNNAMED)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_a_route_that_the_document_leaves_out_is_seen(method):
    def with_route(*, named):
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
        known = [Depends(open_to_all(Permission.read))]
        app.add_api_route("/more", lambda: None, methods=[method], dependencies=known, include_in_schema=named)
        return app

    assert unnamed(with_route(named=False)) == {(method, "../../more")}
    assert unnamed(with_route(named=True)) == set()


async def test_the_document_is_valid(server):
    document = (await server.client().get("/openapi.json")).json()
    validate(document)
    for item in document["paths"].values():
        for operation in item.values():
            assert "422" not in operation["responses"]
            problem = operation["responses"]["default"]["content"]
            assert list(problem) == ["application/problem+json"]


AT_ROOT = {"/livez", "/readyz", "/metrics"}


def operations(server):
    """Yield method, path and operation of each route that the document names."""
    for path, item in document(server.app.app, server.context.cookie)["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path.removeprefix("/api/v1"), operation


def answered(operation):
    """Return the media types with the schemas of what a route answers where all is well."""
    return [
        (media, told["schema"])
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for media, told in answer.get("content", {}).items()
    ]


async def test_the_document_says_what_each_route_answers(server):
    schemas = document(server.app.app, server.context.cookie)["components"]["schemas"]
    streams = set()
    for method, path, operation in operations(server):
        for media, schema in answered(operation):
            if media in {"application/octet-stream", "text/plain"}:
                assert path == {"application/octet-stream": "/datasets", "text/plain": "/metrics"}[media]
                continue
            if media == "text/event-stream":
                streams.add(path)
            else:
                assert media == "application/json", path
            shape = schemas[schema["$ref"].rpartition("/")[2]]
            assert shape.get("properties"), f"{method} {path} answers anything"
        assert answered(operation) or "204" in operation["responses"], f"{method} {path} answers nothing"
    assert streams == {"/events", "/runs/{run_id}/stream"}


async def test_the_document_says_who_needs_no_credential(server):
    open_ = {(method, path) for method, path, operation in operations(server) if operation["security"] == []}
    callback = "/api/approval/{request_id}"  # a token in its body proves who it is
    assert open_ == {("POST", "/session"), ("POST", callback), ("GET", "/livez"), ("GET", "/readyz")}
    nobody = server.client()
    for method, path, operation in operations(server):
        place = path if path not in {*AT_ROOT, callback} else f"../..{path}"
        answer = await nobody.request(method, place.format_map(PLACES))
        assert (answer.status_code == 401) is (operation["security"] != []), path


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "https://a.example"])
async def test_the_document_names_the_cookie_that_is_set(server, origin):
    server.context = replace(server.context, origin=origin, hosts=frozenset({origin.partition("//")[2]}))
    server.app = application(server.context)
    link = (await server.context.authenticator.link("default", "mia@example.com", by="test")).secret
    answer = await server.client().post("/session", json={"link": link})
    named = document(server.app.app, server.context.cookie)["components"]["securitySchemes"]["session"]["name"]
    assert answer.headers["set-cookie"].startswith(f"{named}=")


async def test_the_document_says_where_an_answer_has_a_tag(server):
    """Whatever is tagged says so, and takes the tag of before; nothing else does."""
    agent, olga = await server.agent(), await server.person("olga@example.com")
    asked = await ask(agent)
    run = (await olga.post("/runs", json={"agent": "approval", "input": "Send email to team about meeting"})).json()
    ids = {"request_id": asked["id"], "run_id": run["id"], "which": "mine", "kind": "groups"}
    server.context.stop.set()  # streams end at once
    told = 0
    for method, path, operation in operations(server):
        if method != "GET" or re.search(r"\{(?!request_id|run_id|which|kind)", path):
            continue
        place = path if path not in AT_ROOT else f"../..{path}"
        params = {"run": run["id"]} if path == "/runs/pauses" else None
        answer = await olga.get(place.format_map(ids), params=params)
        nothing = {"/runs/{run_id}/state": 404, "/readyz": 503}  # the run has not paused; the server is told to stop
        assert answer.status_code == nothing.get(path, 200), (path, answer.text)
        names = {one["name"] for one in operation.get("parameters", ())}
        said = "If-None-Match" in names, "304" in operation["responses"]
        assert said == ("etag" in answer.headers,) * 2, path
        told += "etag" in answer.headers
    assert told > 8


async def test_the_document_says_what_takes_an_idempotency_key(server):
    taken = {
        (method, path)
        for method, path, operation in operations(server)
        if "idempotency-key" in {one["name"].lower() for one in operation.get("parameters", ())}
    }
    assert taken == {("POST", path) for path in POSTS - NEEDS_NONE}


async def test_the_document_tells_what_calls_carry(server):
    schemas = (await server.client().get("/openapi.json")).json()["components"]["schemas"]
    told = [body for body in vars(bodies).values() if isinstance(body, type) and body.__name__ in schemas]
    assert len(told) > 10
    for body in told:
        if issubclass(body, BaseModel):
            assert schemas[body.__name__]["properties"].keys() == body.model_json_schema()["properties"].keys()


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ({"method": "GET", "url": "/nowhere"}, 404, "not_found"),
        ({"method": "PUT", "url": "/requests"}, 405, "method_not_allowed"),
        ({"method": "GET", "url": "/requests", "params": {"limit": 0}}, 400, "bad_input"),
        ({"method": "GET", "url": "/requests", "params": {"after": "x"}}, 400, "invalid_value"),
        ({"method": "GET", "url": "/requests/inbox/nothing"}, 400, "bad_input"),
        (
            {
                "method": "POST",
                "url": "/requests/x/comments",
                "content": b"{",
                "headers": {"content-type": "application/json"},
            },
            400,
            "invalid_value",
        ),
        (
            {
                "method": "POST",
                "url": "/requests/x/comments",
                "content": b'{"text": "x"}',
                "headers": {"content-type": "text/plain"},
            },
            400,
            "bad_input",
        ),
        ({"method": "POST", "url": "/requests/x/comments", "json": {"text": 3}}, 400, "bad_input"),
        ({"method": "POST", "url": "/requests/x/comments", "json": {"text": "x", "more": 1}}, 400, "bad_input"),
        ({"method": "POST", "url": "/requests/x/comments", "json": {"text": "x"}}, 404, "not_found"),
        (
            {
                "method": "POST",
                "url": "/requests/x/comments",
                "content": b"[" * 200_000,
                "headers": {"content-type": "application/json"},
            },
            400,
            "invalid_value",
        ),
        (
            {
                "method": "POST",
                "url": "/requests/x/comments",
                "content": b"x" * 1_600_000,
                "headers": {"content-type": "application/json"},
            },
            413,
            "too_large",
        ),
    ],
)
async def test_what_is_wrong_is_said(server, call, status, code):
    answer = await (await server.person("mia@example.com")).request(**call)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store, no-transform"


async def test_a_database_that_does_not_answer_is_a_503_with_retry_after(server, monkeypatch):
    mia = await server.person("mia@example.com")

    async def down(*_, **__):
        raise StoreUnavailable("The database does not answer.")

    monkeypatch.setattr(server.system.store, "request_rows", down)
    answer = await mia.get("/requests")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_a_defect_says_nothing_of_the_inside(server, monkeypatch):
    mia = await server.person("mia@example.com")

    async def broken(*_, **__):
        raise ZeroDivisionError("secret of the inside")

    monkeypatch.setattr(server.system.store, "request_rows", broken)
    answer = await mia.get("/requests")
    assert (answer.status_code, answer.json()["code"]) == (500, "error")
    assert "secret" not in answer.text


async def test_the_access_log_has_no_secrets(server, caplog):
    caplog.set_level(logging.INFO, "interlock.access")
    mia = await server.person("mia@example.com")
    await mia.get("/requests", params={"agent": "hidden"})
    line = json.loads(caplog.records[-1].message)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/requests", 200)
    assert "hidden" not in caplog.text
    assert mia.headers["cookie"].partition("=")[2] not in caplog.text

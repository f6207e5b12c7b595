"""Whatever goes wrong is said as a problem (RFC 9457), and the document says what is true."""

import json
import logging

import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel

from interlock.errors import StoreUnavailable
from interlock.web import bodies


async def test_the_document_is_valid_and_names_every_route(server):
    document = (await server.client().get("/openapi.json")).json()
    validate(document)
    paths = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert ("POST", "/api/v1/requests/{request_id}/votes") in paths
    for item in document["paths"].values():
        for operation in item.values():
            assert "422" not in operation["responses"]
            problem = operation["responses"]["default"]["content"]
            assert list(problem) == ["application/problem+json"]


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

    monkeypatch.setattr(server.system.store, "inbox", down)
    answer = await mia.get("/requests")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_a_defect_says_nothing_of_the_inside(server, monkeypatch):
    mia = await server.person("mia@example.com")

    async def broken(*_, **__):
        raise ZeroDivisionError("secret of the inside")

    monkeypatch.setattr(server.system.store, "inbox", broken)
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

"""The OpenAPI document: FastAPI's, with our shapes, problems, ways to sign in, and what makes it valid and true."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from interlock.domain.access import Permission
from interlock.engine.idempotency import LONGEST_KEY
from interlock.service.shapes import schema
from interlock.web.openapi_shapes import REF, SERVER_SHAPES, issued_token, ref
from interlock.web.problems import MEDIA_TYPE

WITHOUT_KEY = frozenset(
    f"/api/v1{path}"
    for path in (
        "/requests/{request_id}/result",  # the attempt is its key
        "/deliveries/{delivery_id}/again",
        "/policies/check",
        "/policies/explain",
        "/policies/simulate",
        "/policies/suggest",
        "/session",
    )
) | {"/api/approval/{request_id}"}  # the token is its key
"""What is posted and takes no idempotency key: it changes nothing, or nothing more when it is sent again."""

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Names this call: made again with it, it does nothing more.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}
_TAG = {"ETag": {"description": "Names this content.", "schema": {"type": "string"}}}
_KNOWN_TAG = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what the caller has: if that is still so, the answer is 304.",
    "schema": {"type": "string"},
}


def answers(
    shape: str, status: int = 200, description: str = "Done", *, is_tagged: bool = False
) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers: one of our shapes; where it is polled, with a tag, or nothing new."""
    told: dict[str, Any] = {"description": description, "content": {"application/json": {"schema": ref(shape)}}}
    if not is_tagged:
        return {status: told}
    return {status: told | {"headers": _TAG}, 304: {"description": "As the caller has it", "headers": _TAG}}


def streams(events: str) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers that tells server-sent events: the schema is that of each of them."""
    return {200: {"description": events, "content": {"text/event-stream": {"schema": ref("Event")}}}}


@cache
def document(app: FastAPI, cookie: str) -> dict[str, Any]:
    """Return the document of an application.

    Args:
        cookie: the name of the cookie that a session is kept in.
    """
    found = get_openapi(
        title="Interlock",
        version=version("interlock-hitl"),
        description="People's control over AI agents: what agents ask, what people decide, and what became of it.",
        routes=app.routes,
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # ours are problems
        schemas.pop(name, None)
    shapes = {_title(name): _moved(shape) for name, shape in schema()["$defs"].items()}
    schemas |= shapes | SERVER_SHAPES | {"IssuedToken": issued_token(shapes["Token"])}
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie},
    }
    needs = needs_of(app)
    for path, item in found["paths"].items():
        for method, operation in item.items():
            _mend(operation, is_open=needs[method.upper(), path] is Permission.anybody)
            if method == "post" and path not in WITHOUT_KEY:
                _take(operation, _KEY)
    return found


def needs_of(app: FastAPI) -> dict[tuple[str, str], Permission]:
    """Return what each route of an application asks of who uses it, by method and path."""
    found = {}
    for route in iter_route_contexts(app.routes):
        for method in getattr(route, "methods", None) or ():
            found[method, str(getattr(route, "path_format", ""))] = next(_needs(route.dependant))
    return found


def _needs(dependant: Dependant) -> Iterator[Permission]:
    need = getattr(dependant.call, "need", None)
    if isinstance(need, Permission):
        yield need
    for part in dependant.dependencies:
        yield from _needs(part)


def _mend(operation: dict[str, Any], *, is_open: bool) -> None:
    answered = operation["responses"]
    answered.pop("422", None)
    answered["default"] = {
        "description": "What is wrong, and what to do",
        "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
    }
    operation["security"] = [] if is_open else [{"token": []}, {"session": []}]
    if "304" in answered:
        _take(operation, _KNOWN_TAG)


def _take(operation: dict[str, Any], parameter: dict[str, Any]) -> None:
    """Say that an operation takes a header, unless it says so already."""
    taken = operation.setdefault("parameters", [])
    if parameter["name"].casefold() not in {one["name"].casefold() for one in taken}:
        taken.append(parameter)


def _title(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _moved(shape: Any) -> Any:
    """Return a schema whose references point to where the shapes are here."""
    match shape:
        case dict():
            return {
                key: REF + _title(value.rpartition("/")[2]) if key == "$ref" else _moved(value)
                for key, value in shape.items()
            }
        case list():
            return [_moved(one) for one in shape]
    return shape

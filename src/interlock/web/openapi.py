"""The OpenAPI document: FastAPI's, with our shapes, problems, ways to sign in, and what makes it valid."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from interlock.service.shapes import schema
from interlock.web.problems import MEDIA_TYPE

_REF = "#/components/schemas/"


def answers(shape: str, status: int = 200, description: str = "Done") -> dict[int | str, dict[str, Any]]:
    """Return what a route answers: one of our shapes."""
    return {status: {"description": description, "content": _json(shape)}}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application."""
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
    schemas |= (
        {_title(name): _moved(shape) for name, shape in schema()["$defs"].items()} | _PAGES | {"Problem": _PROBLEM}
    )
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-interlock"},
    }
    for path in found["paths"].values():
        for operation in path.values():
            _mend(operation)
    return found


def _mend(operation: dict[str, Any]) -> None:
    answered = operation["responses"]
    answered.pop("422", None)
    answered["default"] = {
        "description": "What is wrong, and what to do",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}},
    }
    if operation.pop("x-open", False):
        operation["security"] = []
    else:
        operation["security"] = [{"token": []}, {"session": []}]


def _title(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _moved(shape: Any) -> Any:
    """Return a schema whose references point to where the shapes are here."""
    match shape:
        case dict():
            return {
                key: _REF + _title(value.rpartition("/")[2]) if key == "$ref" else _moved(value)
                for key, value in shape.items()
            }
        case list():
            return [_moved(one) for one in shape]
    return shape


def _json(shape: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF + shape}}}


def _page(name: str, shape: str) -> dict[str, Any]:
    rows = {"type": "array", "items": {"$ref": _REF + shape}}
    return {
        "type": "object",
        "description": "A part of a list; `next` is the cursor of the part after it: give it as `after`.",
        "properties": {name: rows, "more": {"type": "boolean"}, "next": {"type": "string"}},
        "required": [name, "more"],
    }


_PAGES = {
    "RequestPage": _page("requests", "Request"),
    "ListedPage": _page("requests", "ListedRequest"),
    "RunPage": _page("runs", "Run"),
    "ThreadPage": _page("threads", "Thread"),
    "Agents": {
        "type": "object",
        "properties": {"agents": {"type": "array", "items": {"$ref": f"{_REF}Agent"}}},
        "required": ["agents"],
    },
    "StatesDeleted": {
        "type": "object",
        "description": "Of how many runs of a thread the states were deleted.",
        "properties": {"thread": {"type": "string"}, "runs": {"type": "integer"}},
        "required": ["thread", "runs"],
    },
    "RunState": {
        "type": "object",
        "description": "A kept state of a run: `values`, those of sub-graphs, and of which pause it is.",
        "properties": {"of": {"type": "string"}, "pause": {"type": ["integer", "null"]}},
        "required": ["of", "pause"],
    },
    "LogPage": _page("entries", "Entry"),
    "Sessions": {
        "type": "object",
        "properties": {"sessions": {"type": "array", "items": {"$ref": f"{_REF}Session"}}},
        "required": ["sessions"],
    },
    "Ended": {
        "type": "object",
        "description": "The ids of what has been ended.",
        "properties": {"ended": {"type": "array", "items": {"type": "string"}}},
        "required": ["ended"],
    },
    "VoteResults": {
        "type": "object",
        "description": "What came of each vote, in order.",
        "properties": {"results": {"type": "array", "items": {"$ref": f"{_REF}VoteResult"}}},
        "required": ["results"],
    },
    "VoteResult": {
        "type": "object",
        "description": "The status and the body that the vote alone would have been answered with.",
        "properties": {
            "status": {"type": "integer"},
            "request": {"$ref": f"{_REF}Request"},
            "problem": {"$ref": f"{_REF}Problem"},
        },
        "required": ["status"],
    },
    "Entries": {
        "type": "object",
        "properties": {"entries": {"type": "array", "items": {"$ref": f"{_REF}Entry"}}},
        "required": ["entries"],
    },
    "Id": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    "Position": {"type": "object", "properties": {"position": {"type": "string"}}, "required": ["position"]},
    "Pauses": {
        "type": "object",
        "properties": {
            "pauses": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "string"}},
            }
        },
        "required": ["pauses"],
    },
}

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457: what is wrong.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "a sentence: what is wrong, and what to do"},
        "code": {"type": "string", "description": "the stable name of the error"},
        "details": {"type": "object"},
    },
    "required": ["type", "title", "status", "detail", "code", "details"],
}

"""Answers that are asked for again and again: whoever has one already gets no body (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response


def tagged(call: Request, document: dict[str, Any]) -> Response:
    """Return a document with a tag that names its content; or nothing, if the caller names this tag."""
    body = json.dumps(document).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [one.strip() for one in ",".join(call.headers.getlist("if-none-match")).split(",")]
    if tag in known or f"W/{tag}" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)

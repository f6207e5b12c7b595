"""Serves style sheets and scripts at addresses with the digest of their content, so that browsers keep them."""

from __future__ import annotations

import gzip
import hashlib
import re
from functools import cache
from importlib.resources import files
from mimetypes import guess_type

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from interlock.domain.access import Permission
from interlock.errors import NotFound
from interlock.web.callers import open_to_all

FOLDER = files("interlock.web.pages").joinpath("static")
ONE_YEAR = 31_536_000

router = APIRouter(dependencies=[Depends(open_to_all(Permission.anybody, counts=False))], include_in_schema=False)


@cache
def _content(name: str) -> bytes | None:
    found = {one.name: one for one in FOLDER.iterdir()}.get(name)
    return None if found is None else found.read_bytes()


@cache
def address_of(name: str) -> str:
    """Return the address of a file.

    Raises:
        NotFound: if there is none.
    """
    return f"/assets/{_digest(name)}/{name}"


@cache
def _digest(name: str) -> str:
    content = _content(name)
    if content is None:
        raise NotFound(f"There is no asset {name!r}.")
    return hashlib.sha256(content).hexdigest()[:16]


@cache
def _compressed(name: str) -> bytes | None:
    content = _content(name)
    return None if content is None else gzip.compress(content, mtime=0)


@router.get("/assets/{digest}/{name}")
async def asset(call: Request, digest: str, name: str) -> Response:
    """Return one of our files. A page of another version asks by another digest: it gets the present file, uncached.

    Files hold no secret and may be compressed. Pages may not: they show texts of agents beside form tokens, which
    somebody could guess from the lengths of answers (BREACH).
    """
    headers = {"Vary": "Accept-Encoding"}
    if _digest(name) == digest:
        headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
    content = _content(name)
    if _takes_gzip(call):
        content, headers["Content-Encoding"] = _compressed(name), "gzip"
    return Response(content, media_type=guess_type(name)[0], headers=headers)


def _takes_gzip(call: Request) -> bool:
    """Say whether a caller accepts gzip (RFC 9110, section 12.5.3): if it names it, and does not refuse it."""
    offered = ",".join(call.headers.getlist("accept-encoding")).lower().split(",")
    quality = {name.strip(): rest.replace(" ", "") for name, _, rest in (one.partition(";") for one in offered)}
    return "gzip" in quality and not re.fullmatch(r"q=0(\.0*)?", quality["gzip"])

"""What pages load besides themselves: our own files, under the digest of their content, so that browsers keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from mimetypes import guess_type

from fastapi import APIRouter, Depends
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


@router.get("/assets/{digest}/{name}")
async def asset(digest: str, name: str) -> Response:
    """Return a file of ours. Another digest is that of a page of another version: it gets the present file, unkept."""
    kept = {"Cache-Control": f"public, max-age={ONE_YEAR}, immutable"} if _digest(name) == digest else {}
    return Response(_content(name), media_type=guess_type(name)[0], headers=kept)

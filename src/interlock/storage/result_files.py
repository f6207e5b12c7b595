"""Results of effects that could not be recorded yet, one small file each, beside the database.

A file is what somebody claims who can write there: it is taken only if it is a plain file of this user that nobody else
may write, and what it says passes the same rules as a result that comes at once.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from interlock.domain.canonical import canonical_bytes, normalize, read_canonical
from interlock.engine.results import KnownResult
from interlock.errors import InvalidValue

FORMAT = 1
LARGEST = 1_000_000
LONGEST_REASON = 20_000
MOST = 10_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\.[1-9][0-9]{0,8}\.json")


@cache
def _adapter() -> TypeAdapter[KnownResult]:
    return TypeAdapter(KnownResult)  # which takes milliseconds, and few commands meet such a file


class ResultFiles:
    """Implements `KeptResults` in the first folder that takes one; made when it is needed, for this user alone."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders

    def keep(self, result: KnownResult) -> str:
        """Write a result and wait until it is on the disk. See the port."""
        content = {"format": FORMAT, "known": _adapter().dump_python(result, mode="json")}
        body = canonical_bytes(content, max_bytes=LARGEST)
        first: OSError | None = None
        for folder in self.folders:
            try:
                return str(_write(folder, _name(result), body))
            except OSError as error:
                first = first or error
        raise first or OSError("there is no folder for it")

    def drop(self, result: KnownResult) -> None:
        """Remove a result, wherever it is. See the port."""
        for folder in self.folders:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                (folder / _name(result)).unlink()

    def found(self, request_id: str | None = None) -> tuple[Sequence[KnownResult], Sequence[str]]:
        """Read what lies there. See the port."""
        results: list[KnownResult] = []
        problems: list[str] = []
        for folder in self.folders:
            for path in _listed(folder, problems):
                try:
                    if request_id is None or path.name.startswith(f"{request_id}."):
                        results.append(_read(path))
                except FileNotFoundError:
                    continue  # another worker has taken it in
                except (OSError, ValueError, InvalidValue) as error:
                    problems.append(f"{path} is no result that Interlock has kept, and is left alone: {error}")
        return results, problems


def _name(result: KnownResult) -> str:
    return f"{result.command.request_id}.{result.command.attempt}.json"


def _write(folder: Path, name: str, body: bytes) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _must_be_ours(folder.lstat(), folder=True)
    path, hidden = folder / name, folder / f".{name}.part"
    handle = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(handle)
        hidden.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            hidden.unlink()
        raise
    for parent in (folder, folder.parent):  # after a power cut the file is there, and so is its folder
        _sync(parent)
    return path


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _listed(folder: Path, problems: list[str]) -> list[Path]:
    try:
        _must_be_ours(folder.lstat(), folder=True)
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry, _ in zip(entries, range(MOST), strict=False))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        problems.append(f"{folder} cannot hold results: {error}")
        return []
    return [folder / name for name in names if not (name.startswith(".") and name.endswith(".part"))]


def _read(path: Path) -> KnownResult:
    if _NAME.fullmatch(path.name) is None:
        raise ValueError("its name is not that of a result.")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        _must_be_ours(os.fstat(handle), folder=False)
        body = file.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST:,} bytes.")
    result = _parsed(body)
    if _name(result) != path.name:
        raise ValueError("it is the result of something else than its name says.")
    return result


def _parsed(body: bytes) -> KnownResult:
    try:
        content: Any = read_canonical(body)
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, and this version reads {FORMAT}.")
        result = _adapter().validate_python(content["known"])
    except (ValidationError, UnicodeError, KeyError, TypeError, RecursionError):
        raise ValueError("it does not say what a result says.") from None
    command = result.command
    normalize(command.result, path="result")
    normalize(command.reason, path="reason", max_bytes=LONGEST_REASON)
    return result


def _must_be_ours(found: os.stat_result, *, folder: bool) -> None:
    is_kind = stat.S_ISDIR if folder else stat.S_ISREG
    if not is_kind(found.st_mode):
        raise OSError("it is no plain file." if not folder else "it is no plain folder.")
    if found.st_uid != os.geteuid():
        raise OSError("it belongs to another user.")
    if found.st_mode & 0o022:
        raise OSError("others may write it.")

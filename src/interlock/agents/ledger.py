"""A ledger: a file of JSON lines to which entries are added, one for each key, whoever asks and however often.

It stands at `INTERLOCK_LEDGER`, by default `interlock/ledger.jsonl` in the user's data directory. An agent asks for
that once, with `ledger_path`, before people are asked, and hands it to every `enter`: looked for in another ledger, an
entry that a crash has left without its record would be made again. Each line is an object: `key`, `at` (UTC, RFC 3339),
`kind`, and `entry`, which is what was asked to be entered.

An entry is in the ledger when its line has its end. A process that dies while it writes leaves a line without one,
which the next takes away before it adds its own. Writers wait for one another at a lock on the file that the system
gives back when its holder dies (flock(2)): on one machine, not over a network file system. An entry is looked for by
reading the file: it is made for thousands of entries, not for millions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from interlock import NotDone
from interlock.agents.places import place, sync_folder

_REMEDY: Final = "mend that, or set INTERLOCK_LEDGER for a new run"


class LedgerConflict(Exception):
    """Something else stands in the ledger under this key. The message says what."""


def ledger_path() -> str:
    """Return where this process has its ledger: an absolute path."""
    return str(place("INTERLOCK_LEDGER", "ledger.jsonl"))


def enter(kind: str, entry: dict[str, Any], *, key: str, into: str = "") -> dict[str, Any]:
    """Add an entry, unless there is one under this key; return the line that stands there, and the ledger as `where`.

    Args:
        kind: what is entered, such as `payment`.
        into: the ledger, as `ledger_path` returned it, perhaps in another process; without it, this one's.

    Raises:
        NotDone: the ledger cannot be written; nothing was entered.
        LedgerConflict: this key stands for another entry.
        OSError: the entry may be in the ledger: the next call with this key finds out.
    """
    path = Path(into or ledger_path())
    line = {"key": key, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "kind": kind, "entry": entry}
    raw = json.dumps(line, ensure_ascii=False, allow_nan=False, sort_keys=True).encode() + b"\n"
    if not key:
        raise NotDone("an entry needs an idempotency key")
    with _locked(path) as descriptor:
        found = _find(descriptor, path, key)
        if found is None:
            _append(descriptor, path, raw)
        elif (found["kind"], found["entry"]) != (kind, entry):
            raise LedgerConflict(f"the ledger {path} has another entry under the key {key}: {found['kind']}")
        os.fsync(descriptor)  # also one found: whoever wrote it may have died before it was safe
    return {**(found or line), "where": str(path)}


def entries() -> list[dict[str, Any]]:
    """Return what stands in this process's ledger, the oldest first."""
    path = Path(ledger_path())
    return [json.loads(line) for line in _whole_lines(path.read_bytes())] if path.exists() else []


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the file, made where there is none, and keep others out while this lasts."""
    try:
        import fcntl  # noqa: PLC0415 - not on every platform
    except ImportError:
        raise NotDone("the ledger needs a system with file locks (flock), which this one has not") from None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            sync_folder(path.parent)  # after a power cut there must be a file for what is said to be in it
        except OSError as error:
            raise _unwritable(path, error) from error
        yield descriptor
    finally:
        os.close(descriptor)  # which gives back the lock


def _find(descriptor: int, path: Path, key: str) -> dict[str, Any] | None:
    """Return the line with this key, after taking away what a process that died has left unfinished."""
    try:
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(descriptor, whole)
        quoted = json.dumps(key, ensure_ascii=False).encode()
        lines = (json.loads(line) for line in _whole_lines(content) if quoted in line)
        return next((line for line in lines if line["key"] == key), None)
    except OSError as error:
        raise _unwritable(path, error) from error
    except (ValueError, TypeError, KeyError) as error:
        raise NotDone(f"the ledger {path} holds a line that is no entry; {_REMEDY}") from error


def _append(descriptor: int, path: Path, raw: bytes) -> None:
    size = os.fstat(descriptor).st_size
    try:
        written = 0
        while written < len(raw):
            written += os.write(descriptor, raw[written:])
    except OSError as error:
        os.ftruncate(descriptor, size)
        raise _unwritable(path, error) from error


def _whole_lines(content: bytes) -> list[bytes]:
    return content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]


def _unwritable(path: Path, error: OSError) -> NotDone:
    return NotDone(f"the ledger {path} cannot be written: {error.strerror or error}; {_REMEDY}")

"""Judges values by a JSON Schema in a separate process, which the operating system ends if it takes too much.

The work is done in native code, which holds the interpreter's lock and cannot be interrupted in a thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, NoReturn

import jsonschema_rs

from interlock.engine.schema_words import misfit_words

CPU_SECONDS = 1
"""CPU seconds of the process, including its start (RLIMIT_CPU)."""

WALL_SECONDS = 5
"""Seconds that it may take on a busy machine: less than `FRESH`."""

MEMORY = 1_000_000_000
"""Bytes of address space (RLIMIT_AS)."""

MOST_MISFITS = 1_000
MOST_WRITTEN = 1_000_000
LONGEST_MESSAGE = 400

_CODE = "from interlock.engine.schema_process import main; main()"


_TOO_MUCH = f"judging by it takes more than {CPU_SECONDS} s or {MEMORY // 1_000_000:,} MB"


def _is_moment(text: str) -> bool:
    return _reads(datetime.fromisoformat, text) and len(text) > len("2027-01-05") and text[4:5] == text[7:8] == "-"


def _is_time(text: str) -> bool:
    return _reads(time.fromisoformat, text) and text[2:3] == ":"


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text.upper())
    except ValueError:
        return False
    return True


FORMATS = {"date-time": _is_moment, "time": _is_time}
"""Formats read less strictly than RFC 3339: the zone may be missing, as Python's tools and forms write it."""


class OverLimit(Exception):
    """The process needed too much time or memory, or could not work."""


class UnusableSchema(Exception):
    """This is no schema, or it refers to something that it does not hold."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where a value does not fit, and why, in words that may be cut. Something missing is named by its path."""

    path: tuple[str | int, ...]
    message: str


def build(schema: Any) -> Any:
    """Return a validator; raise `UnusableSchema`, with the reason, if there can be none."""
    try:
        return jsonschema_rs.validator_for(schema, retriever=_never, validate_formats=True, formats=FORMATS)
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise UnusableSchema(str(error).split("\n", maxsplit=1)[0][:LONGEST_MESSAGE]) from None


def misfits(validator: Any, value: Any) -> list[Misfit]:
    """Return the places where a value does not fit, at most a number of them."""
    found: list[Misfit] = []
    written = 0
    told = (one for error in validator.iter_errors(value) for one in misfit_words(error))
    for path, message in told:
        written += sum(len(str(part)) for part in path) + LONGEST_MESSAGE
        if len(found) == MOST_MISFITS or (found and written > MOST_WRITTEN):
            break
        found.append(Misfit(path, message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"))
    return found


def judge_apart(schema: bytes, value: bytes | None) -> list[Misfit]:
    """Return where a value does not fit a schema, both given as canonical bytes; without a value, check the schema.

    Raises:
        UnusableSchema: with the reason.
        OverLimit: if it takes too much time or memory.
    """
    command = [sys.executable, "-P", "-s", "-c", _CODE]
    given = schema + b"\n" + (b"" if value is None else value)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        ended = subprocess.run(  # noqa: S603 - this interpreter, and our own code
            command, input=given, capture_output=True, timeout=WALL_SECONDS, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        raise OverLimit(_TOO_MUCH) from None
    except OSError as error:
        raise OverLimit(f"the process that judges by it cannot be started: {error}") from None
    if ended.returncode:
        raise OverLimit(_why(ended))
    told = json.loads(ended.stdout)
    if "unusable" in told:
        raise UnusableSchema(told["unusable"])
    return [Misfit(tuple(path), message) for path, message in told["misfits"]]


def _why(ended: subprocess.CompletedProcess[bytes]) -> str:
    last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2][:LONGEST_MESSAGE]
    by_itself = ended.returncode > 0 and last and not last.startswith("MemoryError")
    return f"the process that judges by it failed: {last}" if by_itself else _TOO_MUCH


def main() -> None:
    """Judge the standard input, under limits, and write the result."""
    _limit()
    schema, _, value = sys.stdin.buffer.read().partition(b"\n")  # canonical JSON holds no line feed
    try:
        validator = build(json.loads(schema))
        found = misfits(validator, json.loads(value)) if value else []
        told: dict[str, Any] = {"misfits": [[misfit.path, misfit.message] for misfit in found]}
    except UnusableSchema as error:
        told = {"unusable": str(error)}
    sys.stdout.write(json.dumps(told))


def _limit() -> None:
    try:
        import resource  # noqa: PLC0415 - not on every platform; elsewhere the time on the wall is the limit
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _never(uri: str) -> NoReturn:
    # A schema comes from an agent: it must not make this process read files or addresses.
    raise ValueError(f"a schema may not refer to {uri}")

"""How values of the domain are written down and read back: rows, log entries, policy bodies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import AliasPath, Field, TypeAdapter

from interlock.domain.action import Kind
from interlock.domain.canonical import canonical_bytes, read_canonical
from interlock.domain.delivery import Delivery
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.events import Event
from interlock.domain.policy import Policy
from interlock.domain.request import Request, VotingState
from interlock.domain.run import Run
from interlock.domain.run_events import RunEvent
from interlock.engine.changes import Actor, Entry
from interlock.errors import InvalidValue, RecordAltered, StoreTooNew

T = TypeVar("T")

AnyEvent = Event | RunEvent | DirectoryEvent

FORMAT = 2
"""Version of the format of log entries. A reader refuses any other."""

MAX_ENTRY = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingRequest(VotingState):
    """The part of a stored request that says for whom it waits: a fifth of the work of reading all of it."""

    kind: Annotated[Kind, Field(validation_alias=AliasPath("ask", "subject", "kind"))]


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the reader and writer of a type, made when first used: making one takes milliseconds."""
    return TypeAdapter(kind)


@cache
def _events() -> TypeAdapter[AnyEvent]:
    return TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])


def encode_request(request: Request) -> bytes:
    """Return a request as JSON, without what the version before does not know where that says nothing new.

    That version compares these bytes with its own while both work on one database.
    """
    silent: dict[str, Any] = {"by_grant": True} if request.by_grant is None else {}
    if request.route.judged:
        silent["route"] = {"judged"}
    return _adapter(Request).dump_json(request, exclude=silent, warnings="error")


def decode_request(body: bytes | str) -> Request:
    """Read a request back; raise `RecordAltered` if these bytes are none."""
    return _read(Request, body, "request")


def decode_waiting(body: bytes) -> WaitingRequest:
    """Read the part of a request that says for whom it waits; raise `RecordAltered` if it cannot be read."""
    return _read(WaitingRequest, body, "request")


def encode_run(run: Run) -> bytes:
    """Return a run as JSON."""
    return _adapter(Run).dump_json(run, warnings="error")


def decode_run(body: bytes | str) -> Run:
    """Read a run back; raise `RecordAltered` if these bytes are none."""
    return _read(Run, body, "run")


def encode_delivery(delivery: Delivery) -> bytes:
    """Return a delivery as JSON."""
    return _adapter(Delivery).dump_json(delivery, warnings="error")


def decode_delivery(body: bytes | str) -> Delivery:
    """Read a delivery back; raise `RecordAltered` if these bytes are none."""
    return _read(Delivery, body, "delivery")


def encode_policy(policy: Policy) -> bytes:
    """Return the canonical bytes of a policy: their hash names its version."""
    return canonical_bytes(_adapter(Policy).dump_python(policy, mode="json", warnings="error"), max_bytes=MAX_ENTRY)


def decode_policy(body: bytes) -> Policy:
    """Read a policy back; raise `RecordAltered` if these bytes are none."""
    return _read(Policy, body, "policy")


def encode_entry(  # noqa: PLR0913, PLR0917 - the fields of an entry
    tenant: str, stream: str, seq: int, at: datetime, actor: Actor, event: AnyEvent
) -> tuple[bytes, str]:
    """Return the canonical bytes of a log entry and their leaf hash."""
    entry: dict[str, Any] = {
        "format": FORMAT,
        "tenant": tenant,
        "stream": stream,
        "seq": seq,
        "at": at.isoformat(),
        "by": actor.by,
        "via": actor.via,
        "address": actor.address,
        "event": _events().dump_python(event, mode="json", warnings="error"),
    }
    if actor.key is not None:
        entry["key"] = actor.key
    body = canonical_bytes(entry, max_bytes=MAX_ENTRY)
    return body, leaf_hash(body)


def decode_entry(position: str, body: bytes, leaf: str) -> Entry:
    """Read a log entry back.

    Raises:
        RecordAltered: if the entry was altered since it was written.
        StoreTooNew: if it is of another format.
    """
    try:
        raw = read_canonical(body)
        if raw["format"] != FORMAT:
            raise StoreTooNew(f"Entry {position} of the log has format {raw['format']}; this version reads {FORMAT}.")
        return Entry(
            position=position,
            at=datetime.fromisoformat(raw["at"]),
            event=_events().validate_python(raw["event"]),
            body=body,
            leaf=leaf,
            key=raw.get("key"),
            **{key: raw[key] for key in ("tenant", "stream", "seq", "by", "via", "address")},
        )
    except (ValueError, KeyError, TypeError, InvalidValue) as error:
        raise RecordAltered(f"Entry {position} of the log is not what was written: it cannot be read.") from error


def read_as(kind: type[T], value: object) -> T:
    """Return a value of the domain from JSON with its fields by name; raise `ValueError` if it cannot be one."""
    of_class: Any = kind
    found: T = _adapter(of_class).validate_python(value)
    return found


def _read(kind: type[T], body: bytes | str, what: str) -> T:
    of_class: Any = kind  # mypy thinks that type[T] cannot be hashed
    adapter: TypeAdapter[T] = _adapter(of_class)
    try:
        return adapter.validate_json(body)
    except (ValueError, InvalidValue) as error:
        raise RecordAltered(f"A stored {what} is not what was written: it cannot be read.", what=what) from error


def leaf_hash(body: bytes) -> str:
    """Return the hash of a leaf of the log (RFC 9162, section 2.1.1)."""
    return "sha256:" + hashlib.sha256(b"\x00" + body).hexdigest()

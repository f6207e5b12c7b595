"""The server's own protocol through libpq: statements are prepared once, sent together, and answered in order.

The driver's cursors do the same, at several times the cost of a small statement. What is read here is only what our
tables hold: texts, numbers, bytes, and whether something is so.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Error, OperationalError, errors
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

_IN_TEXT, _IN_BYTES = 0, 1
_ERRORS = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE})


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


def _truth(value: bytes) -> bool:
    return value != b"\0"


# By the numbers that PostgreSQL gives its types (pg_type.h), which never change.
_READERS: dict[int, Callable[[bytes], Any]] = {
    16: _truth,
    17: bytes,
    20: _number,
    21: _number,
    23: _number,
    25: bytes.decode,
    1043: bytes.decode,
}


class WireReply:
    """What the server answers to a statement, or to preparing the one that is named; `result` once it has been read."""

    __slots__ = ("prepared", "result")
    result: PGresult

    def __init__(self, prepared: str | None = None) -> None:
        self.prepared = prepared

    @property
    def is_there(self) -> bool:
        """Whether it has been read."""
        return hasattr(self, "result")

    def rows(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        result = self.result
        readers = [_READERS[result.ftype(column)] for column in range(result.nfields)]
        return [
            tuple(
                None if (value := result.get_value(row, column)) is None else read(value)
                for column, read in enumerate(readers)
            )
            for row in range(result.ntuples)
        ]


class Wire:
    """One connection of libpq's, always in its pipeline mode.

    What is sent up to a `sync` is one transaction, unless it holds BEGIN; what comes after an error is not done.

    Args:
        libpq: the connection, on which nothing is under way. Nobody else may use it from now on.
    """

    def __init__(self, libpq: PGconn) -> None:
        self._libpq = libpq
        self._libpq.enter_pipeline_mode()
        self._ready = select.poll()
        self._ready.register(libpq.socket, select.POLLIN)
        self._names: dict[str, bytes] = {}
        self._number = 0
        self._awaited: deque[WireReply] = deque()
        self._is_asked_for = True
        self.failed: WireReply | None = None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has been begun and not ended. Everything must have been read."""
        return self._libpq.transaction_status != TransactionStatus.IDLE

    def send(self, text: str, values: Sequence[Any] = ()) -> WireReply:
        """Have a statement sent, together with what comes before somebody waits."""
        name = self._names.get(text)
        if name is None:
            self._number += 1
            name = self._names[text] = b"_%d" % self._number
            self._libpq.send_prepare(name, text.encode())
            self._await(text)
        given = [_written(value) for value in values]
        formats = [_IN_TEXT if isinstance(value, int | list) else _IN_BYTES for value in values]
        self._libpq.send_query_prepared(name, given, formats, _IN_BYTES)
        self._is_asked_for = False
        return self._await()

    def sync(self) -> WireReply:
        """Let the transaction end here, unless BEGIN began it; what is sent next is done, whatever failed before."""
        self._libpq.pipeline_sync()
        self._is_asked_for = True
        return self._await()

    def push(self) -> None:
        """Give the system everything that was sent, without waiting for an answer."""
        while self._libpq.flush():
            if self._wait(select.POLLIN | select.POLLOUT) & select.POLLIN:  # or each side waits for the other to read
                self._libpq.consume_input()

    def wait_for(self, reply: WireReply) -> WireReply:
        """Read until this answer is there; raise the error of the first statement that failed."""
        if not reply.is_there:
            if not self._is_asked_for:
                self._libpq.send_flush_request()
                self._is_asked_for = True
            self.push()
        while not reply.is_there:
            self._read()
        if reply.result.status == ExecStatus.PIPELINE_ABORTED:
            raise OperationalError("this was not done, because what was sent before it had failed")
        return reply

    def drain(self) -> None:
        """Read every answer that is still under way, whatever it is; raise only what says that the line is lost."""
        while self._awaited:
            try:
                self._read()
            except Error:
                if self._libpq.status != ConnStatus.OK:
                    raise

    def _await(self, prepared: str | None = None) -> WireReply:
        reply = WireReply(prepared)
        self._awaited.append(reply)
        return reply

    def _read(self) -> None:
        result = self._next()
        if result is None:
            raise OperationalError(self._libpq.get_error_message())
        reply = self._awaited.popleft()
        reply.result = result
        if result.status != ExecStatus.PIPELINE_SYNC:
            self._next()  # the end of its results
        if reply.prepared is not None and result.status != ExecStatus.COMMAND_OK:
            del self._names[reply.prepared]
        if result.status in _ERRORS:
            self.failed = reply
            raise errors.error_from_result(result)

    def _next(self) -> PGresult | None:
        while self._libpq.is_busy():
            self._wait(select.POLLIN)
            self._libpq.consume_input()
        return self._libpq.get_result()

    def _wait(self, events: int) -> int:
        self._ready.modify(self._libpq.socket, events)
        ((_, ready),) = self._ready.poll()
        return ready


def _written(value: Any) -> bytes | None:
    """Return a value as libpq sends it: numbers and lists as they are written in SQL, texts and bytes as they are."""
    match value:
        case bytes() | None:
            return value
        case str():
            return value.encode()
        case int():
            return b"%d" % value
        case list():
            quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in value)
            return ("{" + ",".join(f'"{text}"' for text in quoted) + "}").encode()
        case _:
            raise TypeError(f"a {type(value).__name__} is none of what our tables hold")

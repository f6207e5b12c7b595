"""How processes on one PostgreSQL database notify each other of commits: NOTIFY and LISTEN, away from every commit.

A NOTIFY inside a transaction would make all commits of the server wait in one queue. So it is sent afterwards, by a
thread with a connection of its own, once for all commits that happened meanwhile. It is a hint: what gets lost costs a
sweep.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg import sql

AT_MOST_EVERY = 0.005
"""Seconds between two notices of one process: what happens in between is told by one."""

FLUSH_SECONDS = 2.0
STILL_THERE_SECONDS = 30.0
"""How often the listening connection is asked whether its server is still there."""

BACK_OFF = (0.05, 5.0)


class PostgresNotifications:
    """Notifies other processes of commits, and is notified of theirs: a pooler in between would lose what is told."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._starting = threading.Lock()
        self._news = False
        self._due = threading.Event()
        self._closed = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._heard: list[Callable[[], None]] = []
        self._channel = ""
        self._sender = 0
        self._reader, self._writer = socket.socketpair()

    def notify(self) -> None:
        """Say that something was committed. Returns at once."""
        self._news = True
        self._due.set()
        if "sender" not in self._threads:
            self._start("sender", self._send)

    def listen(self, heard: Callable[[], None]) -> None:
        """Let a function be called whenever another process has committed something, or may have."""
        self._heard.append(heard)
        if "listener" not in self._threads:
            self._start("listener", self._hear)

    def close(self) -> None:
        """Say what is still to be said, and let go of threads and connections."""
        with self._starting:
            if self._closed.is_set():
                return
            self._closed.set()
            self._due.set()
            self._writer.send(b".")
        for thread in self._threads.values():
            thread.join(FLUSH_SECONDS)
        self._writer.close()
        self._reader.close()

    def _start(self, name: str, work: Callable[[], None]) -> None:
        with self._starting:
            if name not in self._threads and not self._closed.is_set():
                thread = threading.Thread(target=work, name=f"interlock-{name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    # ── notifying ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while self._due.wait():
            self._due.clear()
            last = self._closed.is_set()
            if self._news:
                self._news = False
                connection = self._notify(connection)
            if last:
                break
            self._closed.wait(AT_MOST_EVERY)
        if connection is not None:
            connection.close()

    def _notify(self, connection: psycopg.Connection[Any] | None) -> psycopg.Connection[Any] | None:
        for _ in range(2):  # the second time on a new connection: the old one may have died long ago
            try:
                if connection is None or connection.closed:
                    connection = self._connect()
                    # Nothing is lost with a notice; so nobody has to wait for the disk.
                    connection.execute("SET synchronous_commit = off")
                    self._channel, self._sender = _channel(connection), connection.info.backend_pid
                connection.execute("SELECT pg_notify(%s, '')", [self._channel])
            except psycopg.Error:
                if connection is not None:
                    connection.close()
                connection = None
            else:
                return connection
        return None

    # ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self) -> None:
        wait, longest = BACK_OFF
        while not self._closed.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(_channel(connection))))
                    wait = BACK_OFF[0]
                    self._tell()  # of what was missed before
                    self._follow(connection)
            except (psycopg.Error, OSError):
                self._closed.wait(wait)
                wait = min(2 * wait, longest)

    def _follow(self, connection: psycopg.Connection[Any]) -> None:
        while not self._closed.is_set():
            ready, _, _ = select.select([connection.fileno(), self._reader.fileno()], [], [], STILL_THERE_SECONDS)
            if not ready:
                connection.execute("SELECT 1")
            told = [notice.pid for notice in connection.notifies(timeout=0)]
            if any(pid != self._sender for pid in told):
                self._tell()

    def _tell(self) -> None:
        for heard in self._heard:
            heard()


def _channel(connection: psycopg.Connection[Any]) -> str:
    """Return a name that only those who use the same schema listen to."""
    row = connection.execute("SELECT current_schema()").fetchone()
    return "interlock_" + blake2b(str(row and row[0]).encode(), digest_size=8).hexdigest()

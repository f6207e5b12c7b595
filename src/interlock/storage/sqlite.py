"""SQLite: how a file is opened, who may write, and what its errors mean."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from interlock.errors import StoreReplaced, StoreUnavailable
from interlock.storage.compiled import Connection, Statements
from interlock.storage.log import NumberedLog
from interlock.storage.thread_pool import Inline, ThreadPool

WRITING = "BEGIN IMMEDIATE"

BUSY_SECONDS = 10.0
"""How long a writer waits for another process's transaction."""

TOGETHER = 16
"""How many commits that wait for the same disk share one of its turns."""

_MEANINGS = {
    sqlite3.SQLITE_FULL: "cannot grow: the disk or the quota is full. Nothing was written. Make room and try again",
    sqlite3.SQLITE_READONLY: "is read-only for this user: check the rights of the file and of its directory",
    sqlite3.SQLITE_PERM: "may not be used by this user: check the rights of the file and of its directory",
    sqlite3.SQLITE_BUSY: f"has been locked by another process for more than {BUSY_SECONDS:.0f} seconds",
    sqlite3.SQLITE_LOCKED: "is locked",
    sqlite3.SQLITE_PROTOCOL: "has been locked by other processes for too long",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its directory exists and that this user may write there",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: give the path of another file",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error. Nothing was written",
}


class SqliteFile:
    """A file with the tables of this version: a thread writes, connections read, and one watches for changes."""

    notifications = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = identity(path)
        self.log = NumberedLog()
        self._statements = Statements(sqlite.dialect(paramstyle="named"))
        # Writers wait for each other at the door instead of failing half-way. Readers see one instant, and wait for
        # nobody.
        told = partial(explain, path)
        self.writer = ThreadPool(partial(self._connect, WRITING), "interlock-writer", told, together=TOGETHER)
        self.readers = Inline(partial(self._connect, "BEGIN"), told)
        self._watching = threading.Lock()
        self._watcher: sqlite3.Connection | None = None
        self._closed = False

    def _connect(self, begin: str) -> Connection:
        check = self._checked_with_wal() if begin == WRITING else lambda _: self._check()
        return Connection(connect(self.path, create=False), self._statements, begin, check)

    def _checked_with_wal(self) -> Callable[[bool], None]:
        """Return a check for a connection that writes: while it lives, nobody takes its write-ahead log away."""
        wal = self.path.with_name(f"{self.path.name}-wal")
        known: tuple[int, int] | None = None

        def check(in_transaction: bool) -> None:  # noqa: FBT001 - the signature is the connection's
            nonlocal known
            self._check()
            try:
                found = identity(wal)
            except OSError:
                found = None
            if known is not None and found != known:
                raise StoreReplaced(
                    f"The write-ahead log {wal} was removed or replaced while this process used it. What was committed "
                    "since may be lost, and nothing more is written: start again.",
                    path=str(self.path),
                )
            if in_transaction:
                known = found

        return check

    def _check(self) -> None:
        """Raise StoreReplaced if another file is at the path, or none: in a microsecond, before something is lost."""
        try:
            found = identity(self.path)
        except FileNotFoundError:
            found = None
        except OSError:
            return  # nobody can say; SQLite will, if it matters
        if found != self._identity:
            what = "removed" if found is None else "replaced by another"
            raise StoreReplaced(
                f"The database {self.path} was {what} while this process used it. Nothing more is written to the old "
                "file: start again.",
                path=str(self.path),
            )

    async def change_token(self) -> int:
        """Return a number that differs after any commit, by any process."""
        # The number moves with the commits of other connections only, so this one never writes.
        with self._watching:
            if self._closed:
                raise StoreUnavailable("The store is closed.")
            self._check()
            try:
                if self._watcher is None:
                    self._watcher = connect(self.path, create=False)
                return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as error:
                raise explain(self.path, error) or error from error

    def close(self) -> None:
        """Let go of threads and connections."""
        self.writer.close()
        self.readers.close()
        with self._watching:
            self._closed = True
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None


def identity(path: Path) -> tuple[int, int]:
    """Return the device and the inode of a file."""
    found = path.stat()
    return found.st_dev, found.st_ino


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open a file for any thread that takes its turn; nothing begins or ends a transaction but us.

    Args:
        create: whether to make the file where there is none; not where one was there, and has been removed.
    """
    address = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = sqlite3.connect(address, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)
    try:
        connection.execute("PRAGMA synchronous = FULL")  # in WAL mode, anything less may lose what was acknowledged
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def explain(path: Path, error: BaseException) -> StoreUnavailable | None:
    """Say what an error of the driver means, or None if it is a defect of ours."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.DatabaseError) or isinstance(
        cause, sqlite3.ProgrammingError | sqlite3.IntegrityError
    ):
        return None
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    meaning = _MEANINGS.get(code, f"cannot be used: {cause}")
    return StoreUnavailable(f"The database {path} {meaning}.", path=str(path), reason=str(cause))

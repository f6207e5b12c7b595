"""How processes on one SQLite file hear of each other's commits: each that listens has a named pipe for the others.

The pipes are in a folder of this user's among the system's temporary files, not beside the database, where a backup
would trip over them. They carry no data, and are a hint: whoever is not reached, such as another user's process or one
in a container with other temporary files, looks.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["SqliteBell"]

AT_MOST_EVERY = 0.005
"""Seconds between two notices to one listener: what happens in between is told by one."""

_WITHOUT_WAITING = os.O_WRONLY | os.O_NONBLOCK


class SqliteBell:
    """Tells other processes that something was committed, and hears it from them.

    Args:
        path: the database file, which exists.
    """

    reaches_all = False

    def __init__(self, path: Path) -> None:
        file = path.stat()
        # Not by `tempfile`, which writes a file to find out whether it can, and fails where no disk has room.
        temporary = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - nothing is used there that others could have made
        self._folder = Path(temporary, f"interlock-{os.getuid()}-{file.st_dev:x}-{file.st_ino:x}")
        self._own = secrets.token_hex(8)
        self._starting = threading.Lock()
        self._closed = threading.Event()
        self._heard: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None
        self._keeper = -1  # our own pipe's other end: what is read never comes to an end

    def ring(self) -> None:
        """Say that something was committed. Returns at once."""
        with contextlib.suppress(OSError), _opened(self._folder) as folder, os.scandir(folder) as pipes:
            for pipe in pipes:
                if pipe.name != self._own and not pipe.name.startswith(".") and not _is_told(pipe.name, folder):
                    self._remove(pipe.name, folder)

    def listen(self, heard: Callable[[], None]) -> None:
        """Let a function be called whenever another process has committed something, or may have."""
        self._heard.append(heard)
        with self._starting, contextlib.suppress(OSError):  # such pipes cannot be made here: one has to look
            if self._thread is None and not self._closed.is_set():
                reader = self._pipe()
                self._thread = threading.Thread(target=self._hear, args=(reader,), name="interlock-ear", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop listening, and leave nothing behind."""
        with self._starting:
            if self._closed.is_set():
                return
            self._closed.set()
        if self._thread is None:
            return
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # it has read, or is about to read, something else
            os.write(self._keeper, b".")
        self._thread.join()
        os.close(self._keeper)
        with contextlib.suppress(OSError), _opened(self._folder) as folder:
            self._remove(self._own, folder)

    def _remove(self, name: str, folder: int) -> None:
        os.unlink(name, dir_fd=folder)
        with contextlib.suppress(OSError):  # somebody else is there
            self._folder.rmdir()

    def _pipe(self) -> int:
        """Make a pipe that others find only once somebody reads it, and return the end to read."""
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(mode=0o700)
        hidden = f".{self._own}"
        with _opened(self._folder) as folder:
            os.mkfifo(hidden, 0o600, dir_fd=folder)
            reader = os.open(hidden, os.O_RDONLY | os.O_NONBLOCK, dir_fd=folder)
            self._keeper = os.open(hidden, _WITHOUT_WAITING, dir_fd=folder)
            os.rename(hidden, self._own, src_dir_fd=folder, dst_dir_fd=folder)
        os.set_blocking(reader, True)
        return reader

    def _hear(self, reader: int) -> None:
        while os.read(reader, 4096) and not self._closed.is_set():
            for heard in self._heard:
                heard()
            self._closed.wait(AT_MOST_EVERY)
        os.close(reader)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a folder that nobody but this user can have put anything into.

    Raises:
        OSError: if there is none.
    """
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = os.fstat(folder)
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{path} is not this user's alone")
        yield folder
    finally:
        os.close(folder)


def _is_told(name: str, folder: int) -> bool:
    """Put a notice into a pipe; return False if nobody reads it any more, because its process was killed."""
    try:
        pipe = os.open(name, _WITHOUT_WAITING, dir_fd=folder)
    except OSError as error:
        return error.errno != errno.ENXIO
    with contextlib.suppress(OSError):  # it is full of notices, or was closed just now
        os.write(pipe, b".")
    os.close(pipe)
    return True

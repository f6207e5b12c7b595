"""A store of somebody else, as a package of theirs would bring it: memory, and a journal of what was written to it.

One process at a time may use it.
"""

import pickle
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from interlock.storage.memory import MemoryStore

WRITES = ("commit", "extend", "items", "move_cursor", "note")


class JournalStore:
    """Keeps everything in memory, and each write in a file; writes all of it again when it is opened.

    Args:
        path: the file.
        clock: returns the time, UTC.
    """

    notifications = None

    def __init__(self, path, clock):
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._now = None
        self._memory = MemoryStore(lambda: self._now or self._clock())
        with path.open("rb") as journal:
            while journal.peek(1):
                self._write(*pickle.load(journal))

    def __getattr__(self, name):
        return partial(self._written, name) if name in WRITES else getattr(self._memory, name)

    async def _written(self, name, *args, **options):
        with self._lock:
            write = self._clock(), name, args, options
            done = self._write(*write)
            with self._path.open("ab") as journal:
                pickle.dump(write, journal)
            return done

    def _write(self, now, name, args, options):
        self._now = now
        try:
            getattr(self._memory, name)(*args, **options).send(None)
        except StopIteration as done:  # memory never waits
            return done.value
        finally:
            self._now = None
        raise AssertionError(f"{name} waits for something")


def open_journal(url, clock=None, *, create=True):
    """Open `journal://path/to/file`. See `interlock.storage.open.Opener`."""
    path = Path(url.removeprefix("journal://"))
    if create:
        path.touch()
    return JournalStore(path, clock or (lambda: datetime.now(UTC)))

"""Where settings came from: which file, which line, whether it has changed since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.config.located import Key, Tree, key_path
from interlock.errors import BadInput, InvalidConfig, InvalidPolicy

__all__ = ["ConfigFile", "say"]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The file that settings were read from, with the line of every key.

    Args:
        name: the file as the user called it, for messages; `path` is absolute.
        stamp: modification time, size and inode at the moment of reading.
        settled: whether the file was old enough then that a later change must show in the stamp.
        finished: whether its last line was ended, as whoever saves a file ends it.
    """

    path: Path
    name: str
    tree: Tree
    stamp: tuple[int, int, int]
    settled: bool
    finished: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether it has no section that says anything."""
        return not any(value is not None for value in self.tree.value.values())

    def must_be_whole(self, before: ConfigFile) -> None:
        """Refuse a file that looks half saved: emptied, or a moment ago cut off in the middle of its last line.

        Raises:
            InvalidConfig: if it does, with what to do.
        """
        if self.is_empty and not before.is_empty:
            raise InvalidConfig(
                f"{self.name}:1: the file is empty, and was not before, so it is taken for half saved: if nothing is "
                "to be configured any more, restart what runs",
                file=self.name,
                line=1,
            )
        if before.finished and not self.finished and not self.settled:
            raise InvalidConfig(
                f"{self.name}: the file ends in the middle of a line, so it is taken for half saved: end its last "
                "line, or leave it for a moment",
                file=self.name,
            )

    def say(self, path: tuple[Key, ...], reason: str) -> str:
        """Return a sentence about a key: file, line, key and what is wrong."""
        return say(self.name, self.tree.line(path), path, reason)

    def error(self, path: tuple[Key, ...], reason: str) -> BadInput:
        """Return the error for a key: `InvalidPolicy` in a policy, else `InvalidConfig`."""
        kind = InvalidPolicy if path[:1] in {("policies",), ("default",)} else InvalidConfig
        line = self.tree.line(path)
        return kind(self.say(path, reason), file=self.name, line=line, key=key_path(path))


def say(file: str, line: int, path: tuple[Key, ...], reason: str) -> str:
    """Return a sentence about a place in a file: file, line, key and what is wrong."""
    key = key_path(path)
    return f"{file}:{line}: {key}: {reason}" if key else f"{file}:{line}: {reason}"

"""Where settings came from: which file, which line, whether it has changed since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interlock.config.located import Key, Tree, key_path
from interlock.errors import BadInput, InvalidConfig, InvalidPolicy

__all__ = ["Origin", "say"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that settings were read from, with the line of every key.

    Args:
        name: the file as the user called it, for messages; `path` is absolute.
        stamp: modification time, size and inode at the moment of reading.
        settled: whether the file was old enough then that a later change must show in the stamp.
    """

    path: Path
    name: str
    tree: Tree
    stamp: tuple[int, int, int]
    settled: bool

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

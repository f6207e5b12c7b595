"""Commands in hints that can be pasted as they stand: with the options and the path that this command was given."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

_COMMAND = re.compile(r"(?<![\w./-])interlock (?=[a-z]+(?:-[a-z]+)*\b)")

_PASSWORD = re.compile(r"(://[^:/@]*):.*@")
_PASSWORD_KEY = re.compile(r"(password=)[^&\s]+", re.IGNORECASE)


def pasteable(sentence: str, prefix: str) -> str:
    """Return a sentence of ours in which each command begins as one that does something in the same place."""
    return _COMMAND.sub(lambda _found: f"{prefix} ", sentence)


def command_prefix(
    config: str | None = None, database: str | None = None, server: str | None = None, *, program: str | None = None
) -> str:
    """Return how a command begins that does something in the same place as this one, such as `interlock -c a.yaml`."""
    words = [_program(sys.argv[0] if program is None else program)]
    if config is not None:
        words += ["-c", config]
    if database is not None:
        hidden = _PASSWORD_KEY.sub(r"\1…", _PASSWORD.sub(r"\1:…@", database))  # whoever pastes it puts it in
        words += ["--database", hidden]
    if server is not None:
        words += ["--server", server]
    return shlex.join(words)


def _program(given: str) -> str:
    """Return `interlock` if that is found, else the path to it, below here if it is there."""
    path = Path(given)
    if path.name != "interlock" or shutil.which("interlock") is not None:
        return "interlock"
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - a link in an environment must stay one
    return os.path.relpath(absolute) if absolute.is_relative_to(Path.cwd()) else str(absolute)

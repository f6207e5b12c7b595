"""Where the agents that ship keep what they write, as the environment says at each call.

Agents ask before people are asked, and keep the answer in their state: what a process writes after a crash goes where
the one before it wrote.
"""

from __future__ import annotations

import os
from pathlib import Path

from interlock import NotDone


def setting(name: str) -> str:
    """Return a variable of the environment; nothing, where it is not set."""
    return os.environ.get(name, "").strip()


def place(variable: str, name: str) -> Path:
    """Return the path that a variable names, or this name under `interlock` in the user's data directory."""
    chosen = setting(variable)
    return _expanded(variable, chosen) if chosen else _data_directory() / "interlock" / name


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk: after a power cut a file is there under its name."""
    if os.name == "nt":  # a folder cannot be opened there, nor need it be
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _data_directory() -> Path:
    # XDG base directory specification: a relative value is to be ignored.
    given = Path(setting("XDG_DATA_HOME"))
    return given if given.is_absolute() else _expanded("HOME", "~/.local/share")


def _expanded(variable: str, path: str) -> Path:
    """Return an absolute path with its `~` replaced; never one that would make a folder of that name."""
    if path.split("/", maxsplit=1)[0] == "~" and not setting("HOME").startswith("/"):  # empty, or it makes no sense
        raise NotDone(f"{variable} cannot be used, because HOME is no absolute path: give a whole path")
    try:
        found = Path(path).expanduser().absolute()
    except RuntimeError:
        raise NotDone(f"{variable} is {path}, and there is no such home directory: give a whole path") from None
    if "~" in found.parts:
        raise NotDone(f"{variable} is {path}: only at its beginning is ~ a home directory; give a whole path")
    return found

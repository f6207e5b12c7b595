"""Paths as people write them: `~` is a home directory, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InvalidConfig


def expanded(path: str, env: Mapping[str, str] | None = None) -> Path:
    """Return a path with a leading `~` or `~user` replaced.

    Args:
        env: where HOME is looked up first.

    Raises:
        InvalidConfig: if there is no such home directory, or a later part of the path is `~`: it would be made.
    """
    first, slash, rest = path.partition("/")
    found = Path(path)
    if first.startswith("~"):
        found = home(first[1:], env) / rest.lstrip("/") if slash else home(first[1:], env)
    if "~" in found.parts:
        raise InvalidConfig(
            f"The path {path} has a folder ~: only at its beginning is that a home directory. Write ~/…, as in "
            "sqlite:///~/x.db, or the whole path.",
            path=path,
        )
    return found


def home(user: str = "", env: Mapping[str, str] | None = None) -> Path:
    """Return the home directory of a user; without a name, of whoever runs this process.

    HOME of `env`, else of the process, counts if it is an absolute path. Without a home, `InvalidConfig` is raised.
    """
    for given in ((env or {}).get("HOME", ""), os.environ.get("HOME", "")):
        if not user and Path(given).is_absolute():
            return Path(given)
    found = _registered(user)
    if found is None or not found.is_absolute():
        whose = f"~{user} is nobody's home directory here" if user else "HOME is not set, and this user has no home"
        raise InvalidConfig(f"{whose}: write the whole path.", user=user)
    return found


def _registered(user: str) -> Path | None:
    try:
        import pwd  # noqa: PLC0415 - not on every platform
    except ImportError:
        return Path(f"~{user}").expanduser()
    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
    except (KeyError, ValueError):
        return None
    return Path(entry.pw_dir)

"""Secrets: an environment variable or a file has them, never the configuration itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InvalidConfig


def read_secret(where: str, folder: Path, environ: Mapping[str, str], *, env: str | None, file: str | None) -> str:
    """Return a secret, without the space around it.

    Args:
        where: the place in the configuration, as errors name it.
        folder: that of the configuration's file.
        env: the variable that has it; or else
        file: the file that has it.

    Raises:
        InvalidConfig: if it is not there.
    """
    if env is not None:
        found, place = environ.get(env, ""), f"the variable {env}"
    else:
        path = folder / (file or "")
        place = f"the file {path}"
        try:
            found = path.read_text()
        except (OSError, UnicodeDecodeError):
            found = ""
    if not found.strip():
        raise InvalidConfig(f"{where}: there is no secret in {place}: put it there.")
    return found.strip()

"""What this machine's user is to which server: one file each, which nobody else can read."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from interlock.config.load import config_home
from interlock.errors import BadInput, Forbidden


@dataclass(frozen=True, slots=True)
class Kept:
    """A token, or the secret of a session, and whose it is."""

    kind: str
    secret: str
    principal: str

    def __repr__(self) -> str:
        return f"<{self.kind} of {self.principal}>"


def file_for(origin: str, env: Mapping[str, str] = os.environ) -> Path:
    """Return where it is kept what the user is to a server."""
    return config_home(env) / "interlock" / "servers" / f"{quote(origin, safe='')}.json"


def keep(origin: str, kept: Kept) -> Path:
    """Keep what the user is to a server, in place of what was kept; return the file, which only they can read.

    Raises:
        BadInput: if it cannot be written.
    """
    file = file_for(origin)
    beside = file.with_suffix(f".{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            json.dump(asdict(kept), written)
        beside.replace(file)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.") from None
    return file


def kept_for(origin: str) -> Kept | None:
    """Return what the user is to a server; None if that is not kept.

    Raises:
        Forbidden: if others can read it.
        BadInput: if it cannot be read.
    """
    file = file_for(origin)
    try:
        with file.open() as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & 0o077:
                raise Forbidden(f"{file} can be read by others, and holds a secret: chmod 600 it, or sign in anew.")
            return Kept(**json.load(opened))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError):
        raise BadInput(f"{file} holds nothing that was kept here: remove it, and sign in anew.") from None


def forget(origin: str) -> bool:
    """Forget what the user is to a server; say whether that was kept."""
    try:
        file_for(origin).unlink()
    except FileNotFoundError:
        return False
    return True

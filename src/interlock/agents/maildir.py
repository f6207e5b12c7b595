"""One message per key into a maildir (https://cr.yp.to/proto/maildir.html), whoever asks and however often.

No lock is held, so a killed process leaves nothing to clean up:

1. The message is staged under a name that nobody else has.
2. A claim, named after the key, is linked into place. A link fails where the name exists, so one message wins.
3. The message that the claim names is renamed into `new`. It can leave its place only once, so it is delivered once,
   by whoever comes first: the winner, or after its death the next call with the same key.

The claims stay, in a folder that mail programs do not look at: a message that its reader has moved or deleted is not
written again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from interlock import NotDone
from interlock.agents.places import sync_folder

LEDGER = "interlock"
"""The folder of claims and staged messages. Mail programs clean `tmp`, which must not happen to a claimed message."""


def deliver(maildir: Path, message: bytes, *, message_id: str, key: str) -> str:
    """Deliver the message unless one has been delivered under this key; return the Message-ID of the one that was.

    Args:
        maildir: made where it does not exist.

    Raises:
        NotDone: the maildir cannot be written; nothing was delivered.
        OSError: after the claim: the next call with this key delivers.
    """
    name = hashlib.sha256(key.encode()).hexdigest()[:40]
    claim = maildir / LEDGER / name
    if not claim.exists():
        try:
            _make(maildir)
            _claim(claim, message, message_id)
        except OSError as error:
            raise NotDone(f"the maildir {maildir} cannot be written: {error.strerror or error}") from error
    winner = json.loads(claim.read_text(encoding="utf-8"))
    with suppress(FileNotFoundError):  # delivered before, or by somebody else just now
        (claim.parent / winner["staged"]).rename(maildir / "new" / name)
    sync_folder(maildir / "new")
    sync_folder(claim.parent)
    return str(winner["message_id"])


def _make(maildir: Path) -> None:
    maildir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in ("tmp", "new", "cur", LEDGER):
        (maildir / folder).mkdir(mode=0o700, exist_ok=True)
    sync_folder(maildir)


def _claim(claim: Path, message: bytes, message_id: str) -> None:
    """Make the claim name this message, unless it names another one already."""
    staged = claim.with_name(f"{claim.name}.{secrets.token_hex(8)}.message")
    offer = staged.with_suffix(".claim")
    try:
        _write(staged, message)
        _write(offer, json.dumps({"staged": staged.name, "message_id": message_id}).encode())
        sync_folder(claim.parent)  # after a power cut a claim must not name a message that is gone
        os.link(offer, claim)
        sync_folder(claim.parent)
    except FileExistsError:
        staged.unlink()
    except OSError:
        if not claim.exists():
            staged.unlink(missing_ok=True)
            raise
    finally:
        offer.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
        file.write(content)
        file.flush()
        os.fsync(descriptor)

"""The files of a dataset in one archive (tar, POSIX ustar), the same bytes each time; and out of it into a folder."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from interlock.domain.canonical import Json
from interlock.errors import BadInput

CHUNK = 64 * 1024
MANIFEST, CARD = "manifest.json", "README.md"
MEDIA_TYPE = "application/octet-stream"
_NAME = re.compile(r"[A-Za-z]{1,20}\.(?:jsonl|json|md)")
"""What files of a dataset are called."""


def packed(files: Iterable[tuple[str, int, Iterable[bytes]]]) -> Iterator[bytes]:
    """Return an archive of files, each given with its name, its size and its content, in parts."""
    for name, size, content in files:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o644
        yield entry.tobuf(tarfile.USTAR_FORMAT)
        yield from content
        yield b"\0" * (-size % tarfile.BLOCKSIZE)
    yield b"\0" * 2 * tarfile.BLOCKSIZE


def must_be_empty(folder: Path) -> None:
    """Refuse a folder that holds something, by `BadInput`: nothing is written over."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} holds something already: name a folder that is empty or not there.")


def unpack(archive: IO[bytes], folder: Path) -> dict[str, Json]:
    """Write the files of an archive into a folder, all or none, and return the manifest, which names each by its hash.

    Raises:
        BadInput: if the folder holds something, or the archive is not that of a dataset, whole and as it was made.
    """
    written: dict[str, str] = {}
    try:
        must_be_empty(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=archive, mode="r|") as files:
            for entry in files:
                content = _content(files, entry, written)
                written[entry.name] = ""
                written[entry.name] = _written(content, folder / entry.name)
        return _checked(folder, written)
    except BaseException as error:
        for name in written:
            (folder / name).unlink(missing_ok=True)
        if isinstance(error, tarfile.TarError):
            raise BadInput(f"What came is no archive of a dataset, or not all of it: {error}.") from None
        if isinstance(error, OSError):
            raise BadInput(f"{folder} cannot be written: {error.strerror or error}.") from None
        raise


def _content(files: tarfile.TarFile, entry: tarfile.TarInfo, written: Mapping[str, str]) -> IO[bytes]:
    content = files.extractfile(entry) if entry.isreg() and _NAME.fullmatch(entry.name) else None
    if content is None or entry.name in written:
        raise BadInput(f"What came is no dataset: it holds {entry.name!r}.")
    return content


def _written(content: IO[bytes], path: Path) -> str:
    """Write a file, and return its hash."""
    hashed = hashlib.sha256()
    with path.open("xb") as file:
        while part := content.read(CHUNK):
            hashed.update(part)
            file.write(part)
    return hashed.hexdigest()


def _checked(folder: Path, written: Mapping[str, str]) -> dict[str, Json]:
    """Return the manifest, if the files are those that it names."""
    if MANIFEST not in written:
        raise BadInput("What came is no dataset: it has no manifest.")
    manifest: dict[str, Json] = json.loads((folder / MANIFEST).read_bytes())
    if {one["name"]: one["sha256"] for one in manifest["files"]} != {
        name: found for name, found in written.items() if name not in {MANIFEST, CARD}
    }:
        raise BadInput("What came is not what its manifest names: export it again.")
    return manifest

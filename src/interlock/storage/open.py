"""Opens the store that an address names."""

from __future__ import annotations

import hashlib
from pathlib import Path

from interlock.config.paths import expanded
from interlock.engine.results import KeptResults, NothingKept
from interlock.errors import InvalidConfig
from interlock.storage.memory import MemoryStore
from interlock.storage.migrate import prepare
from interlock.storage.result_files import ResultFiles
from interlock.storage.rows import Clock, utc_now
from interlock.storage.sql import SqlStore
from interlock.storage.sqlite import SqliteFile

__all__ = ["file_of", "is_server", "kept_results", "open_store"]

_FORMS = "Use sqlite:///PATH, a plain path, postgresql://USER@HOST/NAME, or memory:"

_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


def open_store(url: str, clock: Clock | None = None, *, create: bool = True) -> SqlStore | MemoryStore:
    """Open the store at an address, making its file or bringing its tables up to date if need be.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, a plain path, `postgresql://user@host/name`, or
            `memory:`. A path may begin with `~`; every other sign stands for itself.
        clock: the store's clock, UTC; by default the server's, or this machine's where there is none.
        create: whether to make the file, or the tables on a server, where there are none.

    Raises:
        InvalidConfig: if the address is of no kind that this version knows, or there is nothing and nothing is to be
            made.
        StoreTooNew: if a newer version of Interlock made the file.
        StoreUnavailable: if it cannot be opened or written.
    """
    if url == "memory:":
        return MemoryStore(clock or utc_now)
    if is_server(url):
        return _open_server(url, clock, create=create)
    return _open_file(file_of(url), clock or utc_now, create=create)


def kept_results(url: str, data: Path) -> KeptResults:
    """Return where results are kept that the store at an address cannot take for now.

    Args:
        data: Interlock's folder in the user's data directory: for what cannot be beside the database.
    """
    if url == "memory:":
        return NothingKept()
    if is_server(url):
        return ResultFiles(_under(data, _without_secrets(url)))
    path = file_of(url)
    return ResultFiles(path.with_name(f"{path.name}.results"), _under(data, str(path)))


def _under(data: Path, address: str) -> Path:
    return data / "results" / hashlib.sha256(address.encode()).hexdigest()[:32]


def _without_secrets(url: str) -> str:
    from interlock.storage import postgres  # noqa: PLC0415 - the driver is an extra

    address = postgres.Address.of(url)
    return f"{address} {address.parameters.get('options') or ''}"


def is_server(url: str) -> bool:
    """Say whether an address is one of a PostgreSQL server."""
    return url.partition("://")[0] in _POSTGRES


def _open_server(url: str, clock: Clock | None, *, create: bool) -> SqlStore:
    try:
        from interlock.storage import postgres, postgres_migrate  # noqa: PLC0415 - the driver is an extra
    except ImportError as error:
        raise InvalidConfig(
            f"PostgreSQL needs its driver, and it cannot be loaded ({error}): in a checkout of Interlock, "
            "pip install '.[postgres]'."
        ) from error
    address = postgres.Address.of(url)
    postgres_migrate.prepare(address, create=create)
    return SqlStore(postgres.PostgresDatabase(address), clock)


def _open_file(path: Path, clock: Clock, *, create: bool) -> SqlStore:
    if not create and not path.exists():
        raise InvalidConfig(
            f"There is no database at {path}: `interlock run` makes one. If yours is elsewhere, name it with "
            "--database, INTERLOCK_DATABASE_URL or `database:` in interlock.yaml.",
            path=str(path),
        )
    prepare(path)
    return SqlStore(SqliteFile(path), clock)


def file_of(url: str) -> Path:
    """Return the database file that an address names.

    Raises:
        InvalidConfig: if it names none.
    """
    scheme, separator, rest = url.partition("://")
    if not separator and url.startswith(("sqlite:", "memory:", *(f"{kind}:" for kind in _POSTGRES))):
        raise InvalidConfig(f"{url!r} is no address of a database. {_FORMS}.")
    if not separator:
        path = url
    elif scheme == "sqlite" and rest.startswith("/"):
        path = rest[1:]
    elif scheme == "sqlite":
        raise InvalidConfig(f"{url!r} has a slash too few: write sqlite:///{rest}. {_FORMS}.", scheme=scheme)
    else:
        raise InvalidConfig(f"There is no database of the kind {scheme!r}. {_FORMS}.", scheme=scheme)
    if path in {"", ":memory:"} or "\0" in path or "?" in path:
        raise InvalidConfig(f"{path!r} is not the path of a database file. {_FORMS}.")
    return expanded(path).absolute()

"""Opens the store that an address names: one of ours, or one that an installed package brings."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Protocol, cast

from interlock.config.paths import expanded
from interlock.engine.ports.store import Store
from interlock.engine.results import KeptResults, NothingKept
from interlock.errors import InterlockError, InvalidConfig, StoreUnavailable
from interlock.storage.memory import MemoryStore
from interlock.storage.migrate import prepare
from interlock.storage.result_files import ResultFiles
from interlock.storage.rows import Clock, utc_now
from interlock.storage.sql import SqlStore
from interlock.storage.sqlite import SqliteFile

GROUP = "interlock.stores"
"""The group of entry points by which an installed package brings stores: a scheme, and its `Opener`."""

_FORMS = "Use sqlite:///PATH, a plain path, postgresql://USER@HOST/NAME, dynamodb://TABLE, or memory:"

_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


class Opener(Protocol):
    """Opens the stores of one scheme."""

    def __call__(self, url: str, clock: Clock | None = None, *, create: bool = True) -> Store:
        """Open the store at an address. See `open_store`."""


def open_store(url: str, clock: Clock | None = None, *, create: bool = True) -> Store:
    """Open the store at an address, making its file or bringing its tables up to date if need be.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, a plain path, `postgresql://user@host/name`,
            `dynamodb://table`, `memory:`, or `SCHEME://…` of a store that was registered or that an installed package
            brings. A path may begin with `~`; every other sign stands for itself.
        clock: the store's clock, UTC; by default the server's, or this machine's where there is none.
        create: whether to make the file, or the tables on a server, where there are none.

    Raises:
        InvalidConfig: if the address is of no kind that is known here, or there is nothing and nothing is to be made.
        StoreTooNew: if a newer version of Interlock made the file.
        StoreUnavailable: if it cannot be opened or written.
    """
    match scheme := scheme_of(url):
        case "memory":
            return MemoryStore(clock or utc_now)
        case "sqlite":
            return _open_file(url, clock, create=create)
        case "postgresql":
            return _open_server(url, clock, create=create)
        case "dynamodb":
            return _open_table(url, clock, create=create)
    url = scheme.lower() + url[len(scheme) :]  # as in any address (RFC 3986, section 3.1)
    scheme = scheme.lower()
    return _opened(_registered.get(scheme) or _installed(scheme), url, clock, create=create)


def _opened(opener: Opener, url: str, clock: Clock | None, *, create: bool) -> Store:
    """Open a store of somebody else; what goes wrong there is told without the address's password."""
    address = _without_password(url)
    try:
        store = opener(url, clock, create=create)
    except InterlockError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}".replace(url, address)
        raise StoreUnavailable(f"The store at {address} cannot be opened: {told}") from error
    if not hasattr(store, "commit"):
        raise InvalidConfig(f"What opens {address} returns {type(store).__name__}, and no store: ask whoever made it.")
    return store


def register_store(scheme: str, opener: Opener) -> None:
    """Let this process open the addresses `SCHEME://…`. A package names its opener as an entry point instead.

    Raises:
        ValueError: if the scheme is one of ours.
    """
    if scheme in {"memory", "sqlite", "dynamodb", *_POSTGRES}:
        raise ValueError(f"{scheme}: is opened by Interlock itself")
    _registered[scheme] = opener


def scheme_of(url: str) -> str:
    """Return the scheme that an address is opened by: `memory`, `sqlite` (also of a path), `postgresql` or another."""
    if url == "memory:":
        return "memory"
    scheme, separator, _ = url.partition("://")
    if not separator:
        return "sqlite"
    return "postgresql" if scheme in _POSTGRES else scheme


def kept_results(url: str, data: Path) -> KeptResults:
    """Return where results are kept that the store at an address cannot take for now.

    Args:
        data: Interlock's folder in the user's data directory: for what cannot be beside the database.
    """
    scheme = scheme_of(url)
    if scheme == "memory":
        return NothingKept()
    if scheme == "sqlite":
        path = file_of(url)
        return ResultFiles(path.with_name(f"{path.name}.results"), _under(data, str(path)))
    return ResultFiles(_under(data, _server(url) if scheme == "postgresql" else _without_password(url)))


def _under(data: Path, address: str) -> Path:
    return data / "results" / hashlib.sha256(address.encode()).hexdigest()[:32]


def _server(url: str) -> str:
    from interlock.storage import postgres  # noqa: PLC0415 - the driver is an extra

    address = postgres.Address.of(url)
    return f"{address} {address.parameters.get('options') or ''}"


def _without_password(url: str) -> str:
    return re.sub(r"(://[^/?#:@]*):[^/?#@]*@", r"\1@", url)


def _installed(scheme: str) -> Opener:
    """Load the opener that an installed package brings."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - a store of ours is opened without it

    brought = entry_points(group=GROUP)
    found = [one for one in brought if one.name == scheme]
    if not found:
        raise _unknown(scheme, sorted({*_registered, *brought.names}))
    try:
        return cast(Opener, found[0].load())
    except (Exception, SystemExit) as error:
        raise InvalidConfig(
            f"The store for {scheme}:// cannot be loaded from {found[0].value} ({type(error).__name__}: {error}): "
            "install its package anew.",
            scheme=scheme,
        ) from error


def _unknown(scheme: str, others: list[str]) -> InvalidConfig:
    also = f" Other packages bring {', '.join(f'{one}://' for one in others)}." if others else ""
    return InvalidConfig(
        f"There is no database of the kind {scheme!r}. {_FORMS}.{also} For another kind, install the package that "
        f"brings it: one with an entry point {scheme!r} in the group {GROUP}.",
        scheme=scheme,
    )


def _open_server(url: str, clock: Clock | None, *, create: bool) -> Store:
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


def _open_table(url: str, clock: Clock | None, *, create: bool) -> Store:
    try:
        from interlock.storage.dynamodb.store import open_dynamodb  # noqa: PLC0415 - the driver is an extra
    except ImportError as error:
        raise InvalidConfig(
            f"DynamoDB needs boto3, and it cannot be loaded ({error}): in a checkout of Interlock, "
            "pip install '.[dynamodb]'."
        ) from error
    return open_dynamodb(url, clock, create=create)


def _open_file(url: str, clock: Clock | None, *, create: bool) -> Store:
    path = file_of(url)
    if not create and not path.exists():
        raise InvalidConfig(
            f"There is no database at {path}: `interlock run` makes one. If yours is elsewhere, name it with "
            "--database, INTERLOCK_DATABASE_URL or `database:` in interlock.yaml.",
            path=str(path),
        )
    prepare(path)
    return SqlStore(SqliteFile(path), clock or utc_now)


def file_of(url: str) -> Path:
    """Return the database file that an address names; InvalidConfig if it names none."""
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
        raise InvalidConfig(f"{scheme}:// names no file. {_FORMS}.", scheme=scheme)
    if path in {"", ":memory:"} or "\0" in path or "?" in path:
        raise InvalidConfig(f"{path!r} is not the path of a database file. {_FORMS}.")
    return expanded(path).absolute()


_registered: dict[str, Opener] = {}

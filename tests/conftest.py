"""What every test stands on: a home of its own, Hypothesis profiles, and no silent skips on CI."""

import contextlib
import gc
import os
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from tests import seldom
from tests.fork_server import CLIENT
from tests.migrated import UPGRADE, Migrated, stand_in

from interlock.engine.ports.store import Store
from interlock.runtime.loading import registry
from interlock.runtime.loading.probe import Prober
from interlock.storage import open_store
from interlock.storage.postgres import Address
from interlock.storage.postgres_migrate import prepare
from interlock.testing.fakes import SettableClock
from interlock.testing.postgres import PostgresServer
from interlock.testing.rabbitmq import RabbitMQServer, scripts

TESTS = Path(__file__).parent
FORK_SERVER = TESTS / "fork_server.py"
ON_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}
MAY_SKIP_ON_CI = ("not on this platform", "without Git's history")
NUMBERS = count(1)
PERSONAL = ("INTERLOCK_", "LANGCHAIN_", "LANGSMITH_")  # the latter two would report the tests' runs to a service

# The tests start hundreds of interpreters. What one has compiled the next one finds, also where nothing may be written
# beside the sources.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "pycache"))
sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]


def folder_in_memory() -> str | None:
    """Return a folder in memory, where there is one with room: SQLite asks the disk to write each commit, and tests
    would wait for it as long as they work. A process that is killed leaves there what it leaves on a disk.
    """
    try:
        found = os.statvfs("/dev/shm")
    except OSError:
        return None
    has_room = found.f_bavail * found.f_frsize > 2 * 2**30
    return "/dev/shm" if has_room and not found.f_flag & os.ST_NOEXEC and os.access("/dev/shm", os.W_OK) else None


if os.environ.get("HYPOTHESIS_PROFILE") != "soak" and (in_memory := folder_in_memory()):  # long runs use the disk
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", in_memory)

settings.register_profile("dev", max_examples=25, stateful_step_count=20, deadline=None)
settings.register_profile(
    "ci",
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no finding
)
settings.register_profile(
    "soak",
    max_examples=5_000,
    stateful_step_count=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if ON_CI else "dev"))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a data directory of its own, and no setting of the person who runs it."""
    for name in [name for name in os.environ if name.startswith(PERSONAL)]:
        monkeypatch.delenv(name)
    home = tmp_path / "data-home"
    home.mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    return home


@pytest.fixture(scope="session", autouse=True)
def quick_tables() -> Migrated:
    """Make the tables of the tests' databases by what the migrations have done once. See tests/migrated.py."""
    quick = Migrated(UPGRADE)
    stand_in(quick)
    return quick


class SharedProber(Prober):
    """Tries the imports of all registries of a test process: each would start a server of its own, for a second."""

    def close(self) -> None:
        """Go on: another registry will use it."""


@pytest.fixture(scope="session", autouse=True)
def quick_imports() -> Iterator[None]:
    """Let one server try all agents before they are imported."""
    shared = SharedProber()
    registry.Prober = lambda: shared
    yield
    registry.Prober = Prober
    Prober.close(shared)


@pytest.fixture
def migrations(quick_tables: Migrated) -> Iterator[None]:
    """Let the migrations themselves make the tables of the test's databases."""
    stand_in(UPGRADE)
    yield
    stand_in(quick_tables)


@pytest.fixture(scope="session")
def quick_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a PATH on which `interlock` is run by a process that has loaded it. See tests/fork_server.py."""
    folder = tmp_path_factory.mktemp("q")
    address = str(folder / "socket")
    order = [sys.executable, str(FORK_SERVER), address]
    with subprocess.Popen(order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        command = folder / "interlock"
        command.write_text(CLIENT.format(python=sys.executable, address=address))
        command.chmod(0o700)
        yield f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Yield a server of this process's own, with its binaries from a wheel."""
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQServer]:
    """Yield a broker of this process's own."""
    if scripts() is None:
        pytest.skip("there is no RabbitMQ: `make broker` says how to get one")
    server = RabbitMQServer()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Yield the address of a stand-in for AWS in this process."""
    from tests.aws_stand_ins import Moto  # noqa: PLC0415 - it takes seconds to load, and few tests need it

    server = Moto()
    yield server.url
    server.remove()


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """Yield the address of another one, which also runs functions of Lambda and CloudFormation's templates."""
    from tests.aws_stand_ins import MINISTACK, Ministack  # noqa: PLC0415 - it takes seconds to load

    if not MINISTACK.exists():
        pytest.skip("the environment of ministack is missing: run `make env-ministack`")
    server = Ministack()
    yield server.url
    server.remove()


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest) -> str:
    """Return the address of a stand-in for AWS: moto, or the one that a test names. See tests/aws_stand_ins.py."""
    url: str = request.getfixturevalue(getattr(request, "param", "moto"))
    return url


@pytest.fixture(scope="session")
def serial_moto() -> Iterator[str]:
    """Yield the address of moto where it serves one request at a time: see `serial`."""
    from tests.aws_stand_ins import serial  # noqa: PLC0415 - it takes seconds to load

    with serial() as address:
        yield address


@pytest.fixture
def new_table(serial_moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Yield what names a table that is not there yet, on moto; all of them go with the test."""
    from tests.aws_stand_ins import AWS, new_tables  # noqa: PLC0415 - it takes seconds to load

    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    with new_tables(serial_moto) as named:
        yield named


@pytest.fixture
def clock() -> SettableClock:
    """Return a clock that stands until the test moves it."""
    return SettableClock()


@pytest.fixture(scope="session")
def made_once(postgres: PostgresServer) -> str:
    """Return the name of a database that has Interlock's tables and nothing else; nobody is connected to it."""
    postgres.execute("CREATE DATABASE made_once")
    prepare(Address.of(postgres.url("made_once")))
    return "made_once"


@pytest.fixture
def new_database(postgres: PostgresServer, made_once: str) -> Iterator[Callable[[], str]]:
    """Yield what makes a database that has the tables already, and returns its address.

    It is a copy, since to make the tables costs the server four times as much.
    """
    names = (f"test_{os.getpid()}_{number}" for number in NUMBERS)
    made: list[str] = []

    def new() -> str:
        made.append(next(names))
        postgres.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {made_once} STRATEGY FILE_COPY")
        return postgres.url(made[-1])

    yield new
    postgres.execute(*(f"DROP DATABASE {name} WITH (FORCE)" for name in made))


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    """Return the address of an empty schema on the server."""
    return postgres.fresh()


@pytest.fixture
async def store(url: str, clock: SettableClock) -> AsyncIterator[Store]:
    """Yield a store on the server."""
    store = open_store(url, clock)
    yield store
    await store.close()


class Backdoor:
    """Somebody who can write into the database, past everything that Interlock checks."""

    def __init__(self, address: str) -> None:
        self.on_server = address.startswith("postgresql")
        self._address = address
        self._existing = f"{Path(address).absolute().as_uri()}?mode=rw"  # no address becomes an empty file by it

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, committed, its values where `?` stands; return its rows, if it has any."""
        if self.on_server:
            with psycopg.connect(self._address) as connection:
                found = connection.execute(statement.replace("?", "%s").encode(), values)
                return found.fetchall() if found.description else []
        with contextlib.closing(sqlite3.connect(self._existing, uri=True)) as database, database:
            return database.execute(statement, values).fetchall()

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What the database raises for what it does not take."""
        return (sqlite3.Error, psycopg.Error)

    def run(self, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
        """Run statements in one transaction, their values where `?` stands."""
        if self.on_server:
            with psycopg.connect(self._address) as connection:
                for statement, values in statements:
                    connection.execute(statement.replace("?", "%s").encode(), values or None)
            return
        with contextlib.closing(sqlite3.connect(self._existing, uri=True, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            for statement, values in statements:
                database.execute(statement, values)
            database.execute("COMMIT")

    def open_the_log(self) -> None:
        """Take away what refuses to change an entry."""
        for trigger in ("change",) if self.on_server else ("update", "delete", "replace"):
            self.sql(f"DROP TRIGGER log_refuses_{trigger}" + (" ON log" if self.on_server else ""))


@pytest.fixture(scope="session")
def backdoor() -> type[Backdoor]:
    """Return what opens the back door of a database, given its address."""
    return Backdoor


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """Look for no garbage in what is collected, neither now nor later: a million objects, and all stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        seldom.from_now_on()


SAMPLED = {"e2e": 4, "faults": 4}
"""Of how many cases of one test a commit runs one: where each starts processes, and waits for them."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the soak all but every nth case of a test: as `sampled(n)` says, or the folder it is in.

    Of those that a folder's own rule or a mark has left to it already none is counted: the first that is told stays.
    """
    told: dict[str, count[int]] = defaultdict(count)
    for item in items:
        if item.get_closest_marker("soak"):
            continue
        sampled = item.get_closest_marker("sampled")
        each = sampled.args[0] if sampled else SAMPLED.get(item.path.relative_to(TESTS).parts[0], 1)
        if next(told[item.nodeid.partition("[")[0]]) % each:
            item.add_marker(pytest.mark.soak)


def forbidden_skip(longrepr: object) -> str | None:
    """Return the reason of a skip that CI does not accept: a service that is missing there is a failure."""
    reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    reason = reason.removeprefix("Skipped: ")
    return None if not ON_CI or reason.startswith(MAY_SKIP_ON_CI) else reason


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and (reason := forbidden_skip(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"Skipped on CI, where nothing may be missing: {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and (reason := forbidden_skip(report.longrepr)):
        report.outcome = "failed"
        report.longrepr = f"Skipped on CI, where nothing may be missing: {reason}"
    return report

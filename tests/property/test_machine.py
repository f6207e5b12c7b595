"""I17: the state machine over two stores at once: identical operations, identical outcomes, all invariants."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from tests.model.fixtures import TENANT
from tests.model.machine import SystemMachine

from interlock.storage.memory import MemoryStore
from interlock.storage.open import open_store

SHARED_MEMORY = Path("/dev/shm")
_folder = tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)
_empty = Path(_folder.name) / "empty.db"


class Machine(SystemMachine):
    """Somebody who can write into the databases takes part."""

    tampers = True

    def open_stores(self, clock):
        self.stores = self.make_stores(clock)
        return self.stores

    def read_row(self, name, table, key):
        store = self.stores[name]
        if isinstance(store, MemoryStore):
            return getattr(store._tables, table)[TENANT, key].body
        return bytes(self.door.sql(f"SELECT body FROM {table} WHERE id = ?", key)[0][0])

    def write_row(self, name, table, key, body):
        store = self.stores[name]
        if isinstance(store, MemoryStore):
            rows = getattr(store._tables, table)
            rows[TENANT, key] = rows[TENANT, key]._replace(body=body)
        else:
            self.door.sql(f"UPDATE {table} SET body = ? WHERE id = ?", body, key)


class MemoryAndSqlite(Machine):
    """One file for each example, copied from one that has its tables."""

    def make_stores(self, clock):
        self.file = Path(tempfile.mkdtemp(dir=_folder.name)) / "interlock.db"
        shutil.copy(_template(), self.file)
        self.door = self.backdoor(str(self.file))
        return {"memory": MemoryStore(clock), "sqlite": open_store(str(self.file), clock)}

    def teardown(self):
        try:
            super().teardown()
        finally:
            shutil.rmtree(self.file.parent)


class MemoryAndPostgres(Machine):
    """One schema for each example."""

    server = None

    def make_stores(self, clock):
        url = self.server.fresh()
        self.door = self.backdoor(url)
        return {"memory": MemoryStore(clock), "postgres": open_store(url, clock)}


@pytest.fixture(autouse=True, scope="module")
def _server(request):
    MemoryAndPostgres.server = request.getfixturevalue("postgres")
    Machine.backdoor = request.getfixturevalue("backdoor")


def _template():
    if not _empty.exists():
        store = open_store(str(_empty))
        store._database.close()
    return _empty


class MemoryAlone(Machine):
    def make_stores(self, clock):
        return {"memory": MemoryStore(clock)}


TestI17MemoryAndSqlite = MemoryAndSqlite.TestCase
TestI17MemoryAndPostgres = MemoryAndPostgres.TestCase
TestI17MemoryAlone = MemoryAlone.TestCase
TestI17MemoryAndSqlite.settings = settings(max_examples=max(10, settings.default.max_examples // 6))
TestI17MemoryAndPostgres.settings = settings(max_examples=max(5, settings.default.max_examples // 8))
TestI17MemoryAlone.settings = settings(max_examples=max(10, settings.default.max_examples // 2))
TestI17MemoryAndPostgres.pytestmark = [pytest.mark.timeout(900)]  # each step is several ways to a server and back

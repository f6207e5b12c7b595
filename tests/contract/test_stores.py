"""Every store that we ship keeps the same contract."""

import pytest
from tests.aws_stand_ins import AWS, new_tables

from interlock import failpoints
from interlock.failpoints import FailpointError
from interlock.storage import open_store
from interlock.storage.dynamodb.store import open_dynamodb
from interlock.storage.memory import MemoryStore
from interlock.testing.contracts import StoreContract
from interlock.testing.samples import TENANT, changes, job, opened, started
from interlock.testing.store_commits import CommitContract


class Failpoints:
    """I10: a commit is wholly there or wholly absent, whenever it is torn off."""

    @pytest.fixture(autouse=True)
    def off_again(self):
        yield
        failpoints.configure("")

    @pytest.mark.parametrize(("name", "there"), [("store.before_commit", False), ("store.after_commit", True)])
    async def test_a_torn_commit_is_wholly_there_or_absent(self, store, clock, name, there):
        failpoints.configure(f"{name}=raise")
        with pytest.raises(FailpointError):
            await store.commit(
                changes(opened("req_1", clock.at), started("run_1", clock.at), enqueue=(job("run_1", clock.at),))
            )
        loaded = await store.load(TENANT, ["req_1"], run_id="run_1")
        jobs = (await store.agenda()).jobs
        found = [bool(loaded.requests), bool(loaded.run), bool(await store.feed(TENANT)), bool(jobs)]
        assert found == [there] * 4
        await store.commit(changes(opened("req_2", clock.at)))


class TestMemoryStore(Failpoints, StoreContract):
    @pytest.fixture
    def open_store(self):
        only = []

        def open_(clock):
            if not only:
                only.append(MemoryStore(clock))
            return only[0]

        return open_


class TestSqliteStore(Failpoints, StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path):
        return lambda clock: open_store(f"sqlite:///{tmp_path}/interlock.db", clock)


class TestPostgresStore(Failpoints, StoreContract):
    @pytest.fixture
    def open_store(self, new_database):
        url = new_database()
        return lambda clock: open_store(url, clock)


class TestDynamoStore(Failpoints, StoreContract):
    """On moto. The soak tells the races that many readers make long: each of their looks is several requests."""

    @pytest.fixture
    def open_store(self, new_table):
        address = new_table()
        return lambda clock: open_dynamodb(address, clock)

    @pytest.mark.soak
    async def test_a_load_sees_one_instant(self, stores, clock):
        await super().test_a_load_sees_one_instant(stores, clock)

    @pytest.mark.soak
    async def test_an_agenda_sees_one_instant(self, stores, clock):
        await super().test_an_agenda_sees_one_instant(stores, clock)

    @pytest.mark.soak
    async def test_the_feed_never_skips(self, stores, clock):
        await super().test_the_feed_never_skips(stores, clock)


class OnMinistack:
    """On the other stand-in."""

    @pytest.fixture
    def open_store(self, ministack, monkeypatch):
        for name, value in AWS.items():
            monkeypatch.setenv(name, value)
        with new_tables(ministack) as named:
            address = named()
            yield lambda clock: open_dynamodb(address, clock)


class TestDynamoCommitsOnMinistack(OnMinistack, CommitContract):
    pass


@pytest.mark.soak
class TestDynamoStoreOnMinistack(OnMinistack, StoreContract):
    pass

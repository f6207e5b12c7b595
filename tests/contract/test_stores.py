"""Every store that we ship keeps the same contract."""

import functools

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

LONG = (
    "test_a_load_sees_one_instant",
    "test_a_request_is_found_once_under_all_names_of_a_person",
    "test_an_agenda_sees_one_instant",
    "test_figures_are_told_apart_by_agent_action_and_level",
    "test_of_many_who_write_one_version_one_does",
    "test_other_requests_come_newest_first",
    "test_pages_of_the_inbox_join",
    "test_pages_of_whom_requests_ask_join",
    "test_percentiles_are_times_that_were_taken",
    "test_requests_are_found_by_the_state_of_their_effect",
    "test_requests_are_found_by_what_they_are_about",
    "test_requests_are_found_by_who_has_acted_on_them",
    "test_retries_lose_no_update",
    "test_the_feed_never_skips",
    "test_what_was_approved_of_an_action_is_found_newest_first",
    "test_who_loses_hurts_nobody_who_commits_at_the_same_time",
)
"""What takes longest where each request is one to a server. The soak has all of it, on both stand-ins."""


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
    """On moto. See `LONG`."""

    @pytest.fixture
    def open_store(self, new_table):
        address = new_table()
        return lambda clock: open_dynamodb(address, clock)


def soaked(told):
    """Return a test that the soak alone tells."""

    @functools.wraps(told)
    async def test(*args, **given):
        await told(*args, **given)

    return pytest.mark.soak(test)


for name in LONG:
    setattr(TestDynamoStore, name, soaked(getattr(StoreContract, name)))


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

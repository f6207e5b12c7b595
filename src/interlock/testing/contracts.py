"""The contract of every store. Subclass `StoreContract`, and your store is held to every sentence of the port."""

from __future__ import annotations

from interlock.testing.store_commits import CommitContract
from interlock.testing.store_credentials import CredentialContract
from interlock.testing.store_deliveries import DeliveryContract
from interlock.testing.store_directories import DirectoryContract
from interlock.testing.store_inboxes import InboxContract
from interlock.testing.store_jobs import JobContract
from interlock.testing.store_logs import LogContract
from interlock.testing.store_queries import QueryContract
from interlock.testing.store_races import CursorContract, RaceContract
from interlock.testing.store_runs import BeginContract, ThreadContract
from interlock.testing.store_statistics import StatisticsContract


class StoreContract(
    BeginContract,
    CommitContract,
    CredentialContract,
    CursorContract,
    DeliveryContract,
    DirectoryContract,
    InboxContract,
    JobContract,
    LogContract,
    QueryContract,
    RaceContract,
    StatisticsContract,
    ThreadContract,
):
    """Run by pytest with pytest-asyncio in its automatic mode.

    A subclass, whose name begins with `Test`, overrides the fixture `open_store`: it returns a function that opens the
    same, at first empty, database each time that it is called, with the clock that it is given::

        class TestMyStore(StoreContract):
            @pytest.fixture
            def open_store(self, tmp_path):
                return lambda clock: MyStore(tmp_path / "database", clock)
    """

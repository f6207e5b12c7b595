"""I17: the state machine over memory and DynamoDB at once, on both stand-ins."""

import pytest
from hypothesis import settings
from tests.aws_stand_ins import AWS, new_tables
from tests.model.fixtures import TENANT
from tests.property.test_machine import Machine

from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.store import open_dynamodb
from interlock.storage.dynamodb.table import attributes
from interlock.storage.memory import MemoryStore


class MemoryAndDynamoDB(Machine):
    """One table for each example."""

    endpoint = None

    def make_stores(self, clock):
        self.tables = new_tables(self.endpoint)
        self.table = open_dynamodb(self.tables.__enter__()(), clock)
        return {"memory": MemoryStore(clock), "dynamodb": self.table}

    def read_row(self, name, table, key):
        if name == "memory":
            return super().read_row(name, table, key)
        return self.table._table.get(keys.row(TENANT, key))["body"]

    def write_row(self, name, table, key, body):
        if name == "memory":
            super().write_row(name, table, key, body)
        else:  # by whoever has the role to: nothing else of the item changes, as if by UpdateItem
            item = self.table._table.get(keys.row(TENANT, key))
            client, where = self.table._table.client, self.table._table.name
            client.put_item(TableName=where, Item=attributes(item | {"body": body}))

    def teardown(self):
        super().teardown()
        self.tables.__exit__(None, None, None)


class MemoryAndMinistack(MemoryAndDynamoDB):
    """On the other stand-in."""


@pytest.fixture(autouse=True, scope="module")
def _aws():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in AWS.items():
            patch.setenv(name, value)
        yield


@pytest.mark.timeout(900)
class TestI17MemoryAndDynamoDB(MemoryAndDynamoDB.TestCase):
    settings = settings(max_examples=max(2, settings.default.max_examples // 200))

    @pytest.fixture(autouse=True)
    def _server(self, serial_moto):
        MemoryAndDynamoDB.endpoint = serial_moto


@pytest.mark.soak
@pytest.mark.timeout(900)
class TestI17MemoryAndMinistack(MemoryAndMinistack.TestCase):
    settings = TestI17MemoryAndDynamoDB.settings

    @pytest.fixture(autouse=True)
    def _server(self, ministack):
        MemoryAndMinistack.endpoint = ministack

"""The table itself: its keys, its indexes, and how it is made or found."""

from __future__ import annotations

from typing import Any

import boto3  # type: ignore[import-untyped]  # it brings no types
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError  # type: ignore[import-untyped]

from interlock.errors import BadInput, InvalidConfig, StoreTooNew, StoreUnavailable
from interlock.storage.dynamodb.address import Address
from interlock.storage.dynamodb.blobs import Blobs, BucketBlobs, TableBlobs
from interlock.storage.dynamodb.keys import ENDS, INDEXES, PK, SK, note
from interlock.storage.dynamodb.table import Table

FORMAT = 1
"""How items are laid out. A table of a newer layout is not touched."""

THREADS = 16


def connected(address: Address) -> Table:
    """Return the table at an address, with credentials by AWS's usual chain; nothing is asked of it yet.

    Raises:
        BadInput: if no region is given, here or by that chain.
    """
    config = Config(
        connect_timeout=5,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        max_pool_connections=THREADS,
    )

    def client(service: str) -> Any:
        return boto3.client(service, region_name=address.region, endpoint_url=address.endpoint, config=config)

    def blobs(table: Table) -> Blobs:
        return TableBlobs(table) if address.bucket is None else BucketBlobs(client("s3"), address.bucket)

    try:
        return Table(client("dynamodb"), address.table, blobs)
    except NoRegionError:
        raise BadInput("A table of DynamoDB needs a region: give `region`, or set AWS_DEFAULT_REGION.") from None


def definition(name: str) -> dict[str, Any]:
    """Return what makes the table: paid by request, every index sparse and with no more than lists are filtered by."""
    names = [PK, SK, *(f"{index}_{part}" for index in INDEXES for part in (PK, SK))]
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": one, "AttributeType": "S"} for one in names],
        "KeySchema": _keys(PK, SK),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _keys(f"{index}_{PK}", f"{index}_{SK}"),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(held)},
            }
            for index, held in INDEXES.items()
        ],
    }


def _keys(pk: str, sk: str) -> list[dict[str, str]]:
    return [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}]


def prepare(table: Table, *, create: bool) -> None:
    """Look whether the table is there and of a layout that this version knows; make it, if that is wanted.

    Raises:
        InvalidConfig: if it is not there, and is not to be made.
        StoreTooNew: if a newer version of Interlock made it.
    """
    if not _is_there(table):
        if not create:
            raise InvalidConfig(
                f"There is no table {table.name}: `interlock run` makes one, where it may, or whoever runs the account."
            )
        _make(table)
    found = table.get(note("layout"))
    if found is None and create:
        table.put(note("layout")._asdict() | {"kind": "note", "value": str(FORMAT)})
    elif found is not None and int(found["value"]) > FORMAT:
        raise StoreTooNew(f"The table {table.name} has layout {found['value']}; this version knows {FORMAT}.")


def _is_there(table: Table) -> bool:
    try:
        found = table.client.describe_table(TableName=table.name)["Table"]
    except table.client.exceptions.ResourceNotFoundException:
        return False
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"The table {table.name} cannot be looked at: {error}") from error
    missing = INDEXES.keys() - {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", ())}
    if missing:
        raise InvalidConfig(f"The table {table.name} has no index {', '.join(sorted(missing))}: it is not Interlock's.")
    return True


def _make(table: Table) -> None:
    try:
        table.client.create_table(**definition(table.name))
    except table.client.exceptions.ResourceInUseException:
        pass  # another process makes it
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"The table {table.name} cannot be made: {error}") from error
    try:
        table.client.get_waiter("table_exists").wait(
            TableName=table.name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        ends = {"Enabled": True, "AttributeName": ENDS}
        table.client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=ends)
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"The table {table.name} was made, and cannot be used: {error}") from error

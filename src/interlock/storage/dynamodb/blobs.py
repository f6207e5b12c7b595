"""Values that are too large for an item: in a bucket of S3, or in items of their own.

A value is named by its digest in the partition of its item, and kept before the item that names it: what nobody names
is never read.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # it brings no types

from interlock.errors import RecordAltered, StoreUnavailable
from interlock.storage.dynamodb.keys import PK, SK, Item, Key, cut, joined, key_of, number

if TYPE_CHECKING:
    from interlock.storage.dynamodb.table import Table

LARGE = 100_000
"""How many bytes of a value stay in its item. DynamoDB takes 400 kB an item, and bills each kilobyte of it."""

ROOM = 3_000_000
"""How many bytes the values of a transaction have together. DynamoDB takes 4 MB, keys and all."""

PART = 380_000
_NAME = "apart"
_MAY_BE_LARGE = ("body", "entries", "state")
"""Attributes of bytes. Others hold what people and agents name, and are never taken for the name of a value."""


class Blobs(ABC):
    """Which values are large, and how an item names them. A subclass says where they are."""

    def apart(self, item: Item, among: int) -> Item:
        """Keep the large values of an item, one of so many in a transaction; return the item that names them."""
        most = min(LARGE, ROOM // among)
        large = {name: item[name] for name in _MAY_BE_LARGE if len(item.get(name) or b"") > most}
        return item | {name: {_NAME: self._kept(item[PK], value)} for name, value in large.items()}

    def whole(self, item: Item) -> Item:
        """Return an item with its large values."""
        named = {name: item[name][_NAME] for name in _MAY_BE_LARGE if isinstance(item.get(name), dict)}
        return item | {name: self._checked(item, digest) for name, digest in named.items()}

    @abstractmethod
    def keep(self, name: str, value: bytes) -> None:
        """Keep a value."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """Return a value, or None."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Forget a value, if it is there."""

    def _kept(self, partition: str, value: bytes) -> str:
        digest = hashlib.sha256(value).hexdigest()
        self.keep(blob_name(partition, digest), value)
        return digest

    def _checked(self, item: Item, digest: str) -> bytes:
        value = self.read(blob_name(item[PK], digest))
        if value is None or hashlib.sha256(value).hexdigest() != digest:
            raise RecordAltered(f"A large value of {item[PK]} {item[SK]} is not there, or is not what was written.")
        return value


def blob_name(partition: str, digest: str) -> str:
    """Return the name of a value that an item of a partition names by its digest."""
    return cut(f"{partition}/{digest}")


class TableBlobs(Blobs):
    """Keeps large values in items of their own, in parts."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def keep(self, name: str, value: bytes) -> None:
        """Keep a value."""
        for place in range(0, len(value), PART):
            self._table.put_whole(self._key(name, place)._asdict() | {"part": value[place : place + PART]})

    def read(self, name: str) -> bytes | None:
        """Return a value, or None."""
        return b"".join(item["part"] for item in self._table.query(joined("blob", name, ""))) or None

    def drop(self, name: str) -> None:
        """Forget a value, if it is there."""
        for item in list(self._table.query(joined("blob", name, ""))):
            self._table.delete(key_of(item))

    def _key(self, name: str, place: int) -> Key:
        return Key(joined("blob", name, ""), number(place))


class BucketBlobs(Blobs):
    """Keeps large values in a bucket of S3.

    Args:
        client: boto3's client of S3.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def keep(self, name: str, value: bytes) -> None:
        """Keep a value."""
        self._call("put_object", Key=name, Body=value)

    def read(self, name: str) -> bytes | None:
        """Return a value, or None."""
        try:
            body: bytes = self._call("get_object", Key=name)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        return body

    def drop(self, name: str) -> None:
        """Forget a value, if it is there."""
        self._call("delete_object", Key=name)

    def _call(self, method: str, **given: Any) -> Any:
        try:
            return getattr(self._client, method)(Bucket=self._bucket, **given)
        except self._client.exceptions.NoSuchKey:
            raise
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(f"The bucket {self._bucket} does not do {method}: {error}") from error

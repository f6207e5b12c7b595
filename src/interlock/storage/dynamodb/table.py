"""A table of DynamoDB, spoken to by boto3: items one by one, several at one instant, and one transaction.

Everything here may be done again: what was written carries the id of its write, so that whoever does not get an answer,
and asks again, recognises what is their own.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer  # type: ignore[import-untyped]  # it brings no types
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from interlock.errors import BadInput, StoreUnavailable
from interlock.storage.dynamodb.blobs import Blobs
from interlock.storage.dynamodb.keys import PK, SK, WRITE, Item, Key, batched, key_of
from interlock.storage.rows import encodable

PATIENCE = 8.0
"""For how many seconds what is refused for the moment is tried again."""

MOST_AHEAD = timedelta(seconds=5)
"""How far this machine's clock may be from AWS's, either way, for anything to be committed by it."""

AT_ONCE = 100
"""How many items a transaction writes, or a read of several reads, at most."""

AT_ONE_INSTANT = 25
"""How many items are read at one instant: AWS reads 100, and 4 MB of them."""

FOR_THE_MOMENT = frozenset(
    (
        *("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded"),
        *("TransactionConflictException", "TransactionInProgressException", "InternalServerError"),
        *("ServiceUnavailable", "ThrottlingError", "TransactionConflict", "ProvisionedThroughputExceeded"),
        *("LimitExceededException", "InternalFailure"),
    )
)
"""What DynamoDB refuses by for the moment alone: with a request, or as the reason of a transaction."""

ANY: Any = object()
"""Whatever stands there."""


class Write(NamedTuple):
    """One item of a transaction.

    Args:
        item: what is written; None to delete, or only to look.
        seen: the item as it was read, None if there was none, or `ANY`: it must be so still.
        only_look: nothing is written.
    """

    key: Key
    item: Item | None
    seen: Any = ANY
    only_look: bool = False


class Moved(Exception):
    """Something is no longer what it was when it was read; nothing was written.

    Attributes:
        keys: what has changed.
        mark: of the write that was tried.
    """

    def __init__(self, keys: Iterable[Key] = (), mark: str = "") -> None:
        super().__init__()
        self.keys = frozenset(keys)
        self.mark = mark


class _Reader(TypeDeserializer):  # type: ignore[misc]
    """Reads numbers as integers, and bytes as bytes."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)

    def _deserialize_b(self, value: bytes) -> bytes:
        return value


_read = _Reader().deserialize
_write = TypeSerializer().serialize


def plain(item: Mapping[str, Any]) -> Item:
    """Return an item as DynamoDB's client gives it as a dictionary of values."""
    return {name: _read(value) for name, value in item.items()}


def attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary of values as DynamoDB's client takes it; what is None is left out."""
    return {name: _write(value) for name, value in item.items() if value is not None}


class Table:
    """One table, for any number of threads.

    Args:
        client: boto3's client of DynamoDB.
        blobs: makes what keeps large values, of this table.

    Attributes:
        ahead: by how much this machine's clock is ahead of AWS's, as the last answer told that, to a second.
    """

    def __init__(self, client: Any, name: str, blobs: Callable[[Table], Blobs]) -> None:
        self.client = client
        self.name = name
        self.blobs = blobs(self)
        self.ahead = timedelta(0)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, key: Key) -> Item | None:
        """Return an item as it is now."""
        if not encodable(*key):
            return None
        done = self.call("get_item", TableName=self.name, Key=attributes(key._asdict()), ConsistentRead=True)
        return self._whole(plain(done["Item"])) if "Item" in done else None

    def get_all(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Return those of these items that are there, each as it is now."""
        found: dict[Key, Item] = {}
        for some in batched(dict.fromkeys(key for key in keys if encodable(*key)), AT_ONCE):
            wanted: Any = {self.name: {"Keys": [attributes(key._asdict()) for key in some], "ConsistentRead": True}}
            pause = _Pause()
            while wanted:
                done = self.call("batch_get_item", RequestItems=wanted)
                found |= {key_of(item): item for item in map(plain, done["Responses"].get(self.name, ()))}
                if wanted := done.get("UnprocessedKeys"):
                    pause.wait("a part of what was asked for is not given")
        return {key: self._whole(item) for key, item in found.items()}

    def snapshot(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Return those of at most 25 items that are there, all as they are at one instant."""
        wanted = [key for key in dict.fromkeys(keys) if encodable(*key)]
        gets = [{"Get": {"TableName": self.name, "Key": attributes(key._asdict())}} for key in wanted]
        done = self.call("transact_get_items", TransactItems=gets)
        found = (plain(one["Item"]) for one in done["Responses"] if one.get("Item"))
        return {key_of(item): self._whole(item) for item in found}

    def query(  # noqa: PLR0913 - what is asked for, and in which order
        self,
        partition: str,
        *,
        index: str | None = None,
        low: str | None = None,
        high: str | None = None,
        prefix: str | None = None,
        newest_first: bool = False,
        page: int | None = None,
    ) -> Iterator[Item]:
        """Yield the items of a partition by their sort keys, as they are read; of an index, what that holds of them.

        Args:
            low, high: the first and the last sort key; or `prefix`, with which they begin.
            page: how many are read at once.
        """
        if not encodable(partition, low or "", high or "", prefix or ""):
            return
        pk, sk = (PK, SK) if index is None else (f"{index}_{PK}", f"{index}_{SK}")
        condition, values = f"{pk} = :pk", {":pk": partition, ":low": low, ":high": high, ":prefix": prefix}
        if prefix:
            condition += f" AND begins_with({sk}, :prefix)"
        elif low is not None and high is not None:
            condition += f" AND {sk} BETWEEN :low AND :high"
        elif low is not None or high is not None:
            condition += f" AND {sk} >= :low" if high is None else f" AND {sk} <= :high"
        given: dict[str, Any] = {"TableName": self.name, "KeyConditionExpression": condition}
        given["ExpressionAttributeValues"] = attributes({name: one for name, one in values.items() if one})
        given |= {"ScanIndexForward": not newest_first} | ({"Limit": page} if page else {})
        given |= {"ConsistentRead": True} if index is None else {"IndexName": index}
        yield from self._pages("query", given)

    def scan(self) -> Iterator[Item]:
        """Yield every item: for an audit alone."""
        yield from self._pages("scan", {"TableName": self.name, "ConsistentRead": True})

    def _pages(self, method: str, given: dict[str, Any]) -> Iterator[Item]:
        while True:
            done = self.call(method, **given)
            yield from (self._whole(plain(item)) for item in done["Items"])
            if "LastEvaluatedKey" not in done:
                return
            given["ExclusiveStartKey"] = done["LastEvaluatedKey"]

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, item: Item, seen: Any = ANY) -> None:
        """Write an item; `Moved` if it is not as it was seen."""
        write = Write(key_of(item), item, seen)
        if seen is not ANY and not encodable(*write.key):
            raise Moved([write.key])
        self._alone("put_item", write, self.blobs.apart(item, 1))

    def put_whole(self, item: Item) -> None:
        """Write an item as it is, however large its values are."""
        self._alone("put_item", Write(key_of(item), item), item)

    def delete(self, key: Key, seen: Any = ANY) -> Item | None:
        """Delete an item, and return what it was; `Moved` if it is not as it was seen."""
        return self._alone("delete_item", Write(key, None, seen), None) if encodable(*key) else None

    def transact(self, writes: Sequence[Write]) -> None:
        """Write all of these or none; `Moved` if one of them is not as it was seen, which may be by this very call."""
        mark = uuid.uuid4().hex
        if len(writes) > AT_ONCE:
            raise BadInput(
                f"DynamoDB takes {AT_ONCE} items in a transaction, and this has {len(writes)}: let the agent ask for "
                "less at once."
            )
        items = [self._operation(write, mark, len(writes)) for write in writes]
        pause = _Pause()
        while True:
            try:
                self.call("transact_write_items", TransactItems=items, ClientRequestToken=mark)
            except _Cancelled as cancelled:
                moved = [one.key for one, why in zip(writes, cancelled.reasons, strict=False) if why == _FAILED]
                if moved:
                    raise Moved(moved, mark) from None
                if not FOR_THE_MOMENT.intersection(cancelled.reasons):
                    reasons = ", ".join(sorted({*cancelled.reasons} - {"None"}))
                    raise StoreUnavailable(
                        f"DynamoDB refuses a transaction on the table {self.name}: {reasons}"
                    ) from None
                pause.wait("others write the same")
            else:
                return

    def _operation(self, write: Write, mark: str, among: int) -> dict[str, Any]:
        given: dict[str, Any] = {"TableName": self.name} | _condition(write.seen)
        if write.only_look:
            return {"ConditionCheck": given | {"Key": attributes(write.key._asdict())}}
        if write.item is None:
            return {"Delete": given | {"Key": attributes(write.key._asdict())}}
        return {"Put": given | {"Item": attributes(self.blobs.apart(write.item, among) | {WRITE: mark})}}

    def _alone(self, method: str, write: Write, item: Item | None) -> Item | None:
        mark = uuid.uuid4().hex
        given: dict[str, Any] = {"TableName": self.name, "ReturnValues": "ALL_OLD"} | _condition(write.seen)
        given |= (
            {"Key": attributes(write.key._asdict())} if item is None else {"Item": attributes(item | {WRITE: mark})}
        )
        try:
            done = self.call(method, **given)
        except Moved:
            stands = self.get(write.key)
            if item is not None and stands is not None and stands.get(WRITE) == mark:
                return None  # it was written by the first try, whose answer was lost
            raise Moved([write.key]) from None
        return self._whole(plain(done["Attributes"])) if done.get("Attributes") else None

    # ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Call the client, again and again while it is refused for the moment; StoreUnavailable if that lasts."""
        pause = _Pause()
        while True:
            try:
                done: dict[str, Any] = getattr(self.client, method)(**given)
            except BotoCoreError as error:  # no answer: what was asked for may be done, and asking again does no harm
                pause.wait(str(error), error)
            except ClientError as error:
                self._judge(error, pause, method)
            else:
                self._note_time(done)
                return done

    def _note_time(self, done: dict[str, Any]) -> None:
        told = done.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if told:
            self.ahead = datetime.now(UTC) - parsedate_to_datetime(told)

    def check_clock(self) -> None:
        """StoreUnavailable if this machine's clock is far from AWS's, as the last answer told that."""
        if abs(self.ahead) > MOST_AHEAD:
            raise StoreUnavailable(
                f"This machine's clock is {abs(self.ahead).total_seconds():.0f} seconds "
                f"{'ahead of' if self.ahead > timedelta(0) else 'behind'} AWS's: nothing is committed by it. Set it."
            )

    def _judge(self, error: Any, pause: _Pause, method: str) -> None:
        """Wait before the next try, or raise what has come of this one."""
        code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        if code == "ConditionalCheckFailedException":
            raise Moved from None
        if code == "TransactionCanceledException":
            reasons = [one.get("Code", "None") for one in error.response.get("CancellationReasons", ())]
            if method == "transact_write_items":
                raise _Cancelled(reasons) from None
            if FOR_THE_MOMENT.intersection(reasons):
                return pause.wait("others write what is read", error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in FOR_THE_MOMENT or status >= _SERVER_ERROR:
            return pause.wait(f"{code}: {message}", error)
        raise StoreUnavailable(f"DynamoDB refuses {method} on the table {self.name}: {code}: {message}") from error

    def _whole(self, item: Item) -> Item:
        return self.blobs.whole(item)


_FAILED = "ConditionalCheckFailed"
_SERVER_ERROR = 500


class _Cancelled(Exception):
    """A transaction was not carried out. `reasons` are its items', in order."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__()
        self.reasons = reasons


class _Pause:
    """Waits longer each time, by chance as long as another one does not, until patience is at its end."""

    def __init__(self) -> None:
        self._until = time.monotonic() + PATIENCE
        self._longest = 0.01

    def wait(self, why: str, error: Exception | None = None) -> None:
        """Wait; StoreUnavailable if that was tried for long enough."""
        if time.monotonic() >= self._until:
            raise StoreUnavailable(f"DynamoDB does not take it up in {PATIENCE:g} seconds: {why}.") from error
        time.sleep(random.uniform(0, self._longest))  # noqa: S311 - no secret
        self._longest = min(2 * self._longest, 0.5)


def _condition(seen: Any) -> dict[str, Any]:
    if seen is ANY:
        return {}
    if seen is None:
        return {"ConditionExpression": f"attribute_not_exists({PK})"}
    names = {"#w": WRITE}  # it is a word of DynamoDB's own
    return {
        "ConditionExpression": "#w = :w",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {":w": _write(seen[WRITE])},
    }

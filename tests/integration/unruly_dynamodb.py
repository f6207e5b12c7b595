"""A client of DynamoDB on which things happen that a stand-in does not show, and AWS does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError  # type: ignore[import-untyped]

WRITES = frozenset(("transact_write_items", "put_item", "delete_item"))
READS = frozenset(("get_item", "batch_get_item", "transact_get_items", "query", "scan"))


def refusal(code: str, *reasons: str) -> ClientError:
    """Return the error by which DynamoDB refuses something."""
    response: dict[str, Any] = {"Error": {"Code": code, "Message": "as a test wants it"}}
    return ClientError(response | {"CancellationReasons": [{"Code": one} for one in reasons]}, "it")


class Unruly:
    """Calls a client, and does to its calls what is set.

    Attributes:
        calls: the names of the methods that were called.
        lost: of how many of the next writes the answer is lost: what they come to, nobody hears.
        refused: by what the next calls are refused, before anything is done.
        refuse_write: by what the next transaction is refused.
        before_delete: called before the next item is deleted.
        meanwhile: called after a write whose answer is lost: what others do before it is tried again.
        late: what an index holds, of partitions that were read while it was None: as it was then.
        ahead: by how much the clock of AWS differs from this machine's.
        hidden: says of an item whether reads of the table do not show it yet.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.calls: list[str] = []
        self.lost = 0
        self.refused: list[ClientError] = []
        self.refuse_write: ClientError | None = None
        self.before_delete: Callable[[], None] = lambda: None
        self.meanwhile: Callable[[], None] = lambda: None
        self.late: dict[str, Any] | None = None
        self.ahead: timedelta | None = None
        self.hidden: Callable[[dict[str, Any]], bool] = lambda _: False

    def __getattr__(self, name: str) -> Any:
        if name not in WRITES | READS:
            return getattr(self._client, name)
        return lambda **given: self._called(name, given)

    @contextmanager
    def late_indexes(self) -> Iterator[None]:
        """Let indexes show what they hold now, or when they are first read, whatever is written."""
        self.late = {}
        yield
        self.late = None

    def _called(self, name: str, given: dict[str, Any]) -> Any:
        self.calls.append(name)
        if self.refused:
            raise self.refused.pop(0)
        if name == "transact_write_items" and self.refuse_write is not None:
            error, self.refuse_write = self.refuse_write, None
            raise error
        if name == "delete_item":
            self.before_delete()
        if name == "query" and "IndexName" in given and self.late is not None:
            return self._as_it_was(given)
        answer_is_lost = name in WRITES and self.lost > 0
        try:
            done = getattr(self._client, name)(**given)
        except ClientError:
            if not answer_is_lost:
                raise
        if answer_is_lost:
            self.lost -= 1
            self.meanwhile()
            raise ReadTimeoutError(endpoint_url="dynamodb")
        if self.ahead is not None:
            done["ResponseMetadata"]["HTTPHeaders"]["date"] = format_datetime(
                datetime.now(UTC) + self.ahead, usegmt=True
            )
        if name == "query":
            done = done | {"Items": [item for item in done["Items"] if not self.hidden(item)]}
        return done

    def _as_it_was(self, given: dict[str, Any]) -> Any:
        assert self.late is not None
        key = repr(sorted((name, repr(value)) for name, value in given.items()))
        if key not in self.late:
            self.late[key] = self._client.query(**given)
        return self.late[key]

"""What one cycle asks of DynamoDB, and what that costs: requests, units, dollars. On moto, which is no matter here.

Units are counted by AWS's rules from what is sent and what comes back: a stand-in does not count them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from tests.aws_stand_ins import AWS, serial

import graphs
from cycle import ME, REFERENCE
from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.commands import CastVote
from interlock.engine.ports.store import RequestFilter
from interlock.storage.dynamodb.keys import INDEXES
from interlock.storage.dynamodb.store import DynamoStore, open_dynamodb

CYCLES = 10
PRICES = Path(__file__).with_name("dynamodb_prices.json")
WRITE_UNIT, READ_UNIT = 1024, 4096
MILLION = 1_000_000

Item = Mapping[str, Mapping[str, Any]]


def size(item: Item) -> int:
    """Return the bytes of an item, as AWS counts them: names and values."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(inner.encode())
        case "B":
            return len(inner)
        case "N":
            return len(inner) // 2 + 2
        case "M":
            return 3 + size(inner) + len(inner)
        case "L":
            return 3 + sum(_size(one) + 1 for one in inner)
    return 1


@dataclass
class Counted:
    """A client that counts what is asked of it.

    Attributes:
        calls: by method.
        written, read: request units.
    """

    client: Any
    calls: Counter[str] = field(default_factory=Counter)
    written: float = 0
    read: float = 0

    def __getattr__(self, name: str) -> Any:
        of_client = getattr(self.client, name)
        counts = getattr(self, f"_of_{name}", None)
        if counts is None:
            return of_client

        def called(**given: Any) -> Any:
            done = of_client(**given)
            self.calls[name] += 1
            counts(given, done)
            return done

        return called

    def _of_transact_write_items(self, given: Any, _: Any) -> None:
        for one in given["TransactItems"]:
            ((kind, inner),) = one.items()
            self._writes(inner.get("Item") or inner["Key"], 2, indexed=kind == "Put")

    def _of_put_item(self, given: Any, _: Any) -> None:
        self._writes(given["Item"], 1, indexed=True)

    def _of_delete_item(self, given: Any, done: Any) -> None:
        self._writes(done.get("Attributes") or given["Key"], 1, indexed=True)

    def _writes(self, item: Item, times: int, *, indexed: bool) -> None:
        self.written += times * ceil(size(item) / WRITE_UNIT)
        for index, held in INDEXES.items():
            if indexed and f"{index}_pk" in item:  # at most: it is free where nothing changes of what the index holds
                names = {*held, "pk", "sk", f"{index}_pk", f"{index}_sk"}
                self.written += ceil(size({name: item[name] for name in names & item.keys()}) / WRITE_UNIT)

    def _of_get_item(self, _: Any, done: Any) -> None:
        self.read += max(1, ceil(size(done.get("Item", {})) / READ_UNIT))

    def _of_batch_get_item(self, _: Any, done: Any) -> None:
        for items in done["Responses"].values():
            self.read += sum(ceil(size(item) / READ_UNIT) for item in items)

    def _of_transact_get_items(self, _: Any, done: Any) -> None:
        self.read += sum(2 * max(1, ceil(size(one.get("Item", {})) / READ_UNIT)) for one in done["Responses"])

    def _of_query(self, given: Any, done: Any) -> None:
        weight = 1 if given.get("ConsistentRead") else 0.5
        self.read += weight * max(1, ceil(sum(map(size, done["Items"])) / READ_UNIT))


async def cycles(store: DynamoStore, count: int) -> None:
    """Let agents ask, somebody approve, and the agents end; nothing runs in between."""
    system = build(load_settings(None, {}), {}, store=store)
    for number in range(count):
        run = await system.runs.start("bench", REFERENCE, {"input": f"a{number}"}, ME)
        await system.worker(complain=print).drain()
        (request,) = await store.requests("default", RequestFilter(run_id=run.id))
        await system.desk.handle(CastVote(request.id, Verdict.approve, request.digest), ME)
        await system.worker(complain=print).drain()
        ended = (await store.load("default", run_id=run.id)).run
        assert ended is not None
        assert ended.run.output is not None, ended.run
        assert ended.run.output["result"] == str(graphs.pay(120, f"a{number}"))


def main() -> None:
    """Print the table."""
    os.environ |= AWS
    with serial() as endpoint:
        store = open_dynamodb(f"dynamodb://interlock-bench?endpoint={endpoint}")
        asyncio.run(_warm(store))
        counted = Counted(store._table.client)  # noqa: SLF001 - what it asks is what is looked at
        store._table.client = counted  # noqa: SLF001
        asyncio.run(cycles(store, CYCLES))
    prices = json.loads(PRICES.read_text())
    for name, number in counted.calls.most_common():
        print(f"{name:24}{number / CYCLES:8.1f} a cycle")
    dollars = (
        counted.written * prices["million_write_request_units"] + counted.read * prices["million_read_request_units"]
    )
    print(f"{'write request units':24}{counted.written / CYCLES:8.1f} a cycle")
    print(f"{'read request units':24}{counted.read / CYCLES:8.1f} a cycle")
    print(f"${dollars / CYCLES:,.2f} a million cycles, by prices of {prices['date']} in {prices['region']}")


async def _warm(store: DynamoStore) -> None:
    await cycles(store, 1)


if __name__ == "__main__":
    main()

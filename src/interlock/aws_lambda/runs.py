"""Carries runs on: a message of SQS names a run, and its agent goes on to its next pause or its end.

A run that is carried on elsewhere is left there: its lease in the database says so, however often SQS delivers. A
message that names no run fails until the queue puts it among its dead letters; the others of its batch do not.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any

from interlock.aws_lambda.hints import run_of
from interlock.aws_lambda.process import Process, process

_log = logging.getLogger("interlock.lambda")


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """Carry on the runs that an event of SQS names; return which of its messages are to come again."""
    mine = process()
    return {"batchItemFailures": mine.do(_carry_on(mine, event["Records"]))}


async def _carry_on(mine: Process, records: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    done = await asyncio.gather(*(_succeeds(mine, one) for one in records))
    return [{"itemIdentifier": one["messageId"]} for one, succeeded in zip(records, done, strict=True) if not succeeded]


async def _succeeds(mine: Process, record: Mapping[str, Any]) -> bool:
    try:
        run_id = run_of(record["body"])
        await mine.system.worker(name=f"lambda-{os.getpid()}", only=run_id, complain=mine.complain).drain()
    except Exception:  # noqa: BLE001 - the message comes again; the others do not
        _log.exception("The message %s could not be carried out", record["messageId"])
        return False
    mine.hints.discard(run_id)
    return True

"""Messages on queues of SQS that say what commits have left to do. They are hints: the sweep finds what they miss."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # it brings no types

from interlock.aws_lambda.clients import client
from interlock.engine.changes import Changes

RUNS_QUEUE, MESSAGES_QUEUE = "INTERLOCK_RUNS_QUEUE", "INTERLOCK_MESSAGES_QUEUE"
AT_ONCE = 10
"""How many messages SQS takes in one call."""

_log = logging.getLogger("interlock.lambda")


def hint_of(run_id: str) -> str:
    """Return the message that says that there is work for a run."""
    return json.dumps({"run": run_id})


def run_of(body: str) -> str:
    """Return the run that a message names; raise `ValueError` if it names none."""
    match json.loads(body):
        case {"run": str(run_id)} if run_id:
            return run_id
    raise ValueError("it names no run")


class Hints:
    """Gathers what the commits of an invocation leave to do, and says it when that ends: then the process is frozen.

    Args:
        queues: the addresses of the queues, by the variables that have them; nothing is sent to one that is not there.
    """

    def __init__(self, queues: Mapping[str, str]) -> None:
        self._queues = queues
        self._runs: dict[str, None] = {}
        self._is_told = False

    def committed(self, changes: Changes, _: float) -> None:
        """Note what a commit leaves to do."""
        self.add(*(job.subject for job in changes.enqueue))
        self._is_told = self._is_told or bool(changes.told)

    def add(self, *run_ids: str) -> None:
        """Note that there is work for runs."""
        self._runs |= dict.fromkeys(run_ids)

    def discard(self, run_id: str) -> None:
        """Forget a run: its work is done."""
        self._runs.pop(run_id, None)

    def send(self) -> None:
        """Say what was noted. What cannot be said is logged."""
        runs, is_told = list(self._runs), self._is_told
        self._runs, self._is_told = {}, False
        self._send(RUNS_QUEUE, [hint_of(run_id) for run_id in runs])
        self._send(MESSAGES_QUEUE, ["{}"] if is_told else [])

    def _send(self, queue: str, bodies: Sequence[str]) -> None:
        if not bodies or not self._queues.get(queue):
            return
        for start in range(0, len(bodies), AT_ONCE):
            entries = [
                {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + AT_ONCE])
            ]
            try:
                answer = client("sqs").send_message_batch(QueueUrl=self._queues[queue], Entries=entries)
                failed = answer.get("Failed", ())
            except (BotoCoreError, ClientError) as error:
                failed = [str(error)]
            if failed:
                _log.warning("The queue %s has not taken hints; the sweep finds that work: %s", queue, failed)

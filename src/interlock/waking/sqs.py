"""Processes tell each other by a queue of Amazon SQS that there is work: one of those who listen hears of it.

A message says nothing but that. It is a hint: what gets lost, or comes to a worker with no free place, costs a sweep.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import boto3  # type: ignore[import-untyped]  # it brings no types
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError  # type: ignore[import-untyped]

from interlock.errors import BadInput
from interlock.waking.failures import Failures

AT_MOST_EVERY = 0.02
"""Seconds between two messages of one process: what happens in between is told by one."""

LONG_POLL = 20
BACK_OFF = 2.0
FLUSH_SECONDS = 2.0
GROUP = "work"


class SqsHints:
    """Implements the port `WorkHints`, with a thread that sends and one that listens.

    Args:
        queue: its address, or its name; a standard queue that is there already.

    Raises:
        BadInput: if no region is given, here or by AWS's usual chain.
    """

    def __init__(self, queue: str, region: str | None) -> None:
        config = Config(connect_timeout=5, read_timeout=LONG_POLL + 10, retries={"total_max_attempts": 2})
        try:
            self._client: Any = boto3.client("sqs", region_name=region, config=config)
        except NoRegionError:
            raise BadInput("A queue of SQS needs a region: give `region`, or set AWS_DEFAULT_REGION.") from None
        self._queue = queue
        self._url = queue if queue.startswith(("https://", "http://")) else ""
        self._failures = Failures(f"The queue {queue}")
        self._news = False
        self._due = threading.Event()
        self._closed = threading.Event()
        self._starting = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}

    def tell(self) -> None:
        """Say that there is work. Returns at once."""
        self._news = True
        self._due.set()
        self._start("sender", self._send)

    def listen(self, heard: Callable[[], None]) -> None:
        """Let a function be called whenever a process says that there is work, and this one is chosen to hear it."""
        self._start("listener", lambda: self._hear(heard))

    def close(self) -> None:
        """Say what is still to be said; the thread that listens ends with its call, or with the process."""
        self._closed.set()
        self._due.set()
        if "sender" in self._threads:
            self._threads["sender"].join(FLUSH_SECONDS)
        self._client.close()

    def _start(self, name: str, work: Callable[[], None]) -> None:
        with self._starting:
            if name not in self._threads and not self._closed.is_set():
                thread = threading.Thread(target=work, name=f"interlock-hints-{name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def _send(self) -> None:
        while self._due.wait():
            self._due.clear()
            last = self._closed.is_set()
            if self._news:
                self._news = False
                self._put()
            if last:
                return
            self._closed.wait(AT_MOST_EVERY)

    def _put(self) -> None:
        try:
            self._call("send_message", MessageBody="work", MessageGroupId=GROUP)
        except (BotoCoreError, ClientError) as error:
            self._failures.failed(error)  # the sweep finds it
        else:
            self._failures.worked()

    def _hear(self, heard: Callable[[], None]) -> None:
        heard()  # of what was missed before
        while not self._closed.is_set():
            try:
                found = self._call("receive_message", MaxNumberOfMessages=10, WaitTimeSeconds=LONG_POLL)
                for message in found.get("Messages", ()):
                    heard()
                    self._call("delete_message", ReceiptHandle=message["ReceiptHandle"])
                self._failures.worked()
            except (BotoCoreError, ClientError) as error:
                if not self._closed.is_set():
                    self._failures.failed(error)
                self._closed.wait(BACK_OFF)

    def _call(self, method: str, **given: Any) -> dict[str, Any]:
        if not self._url:
            self._url = self._client.get_queue_url(QueueName=self._queue)["QueueUrl"]
        done: dict[str, Any] = getattr(self._client, method)(QueueUrl=self._url, **given)
        return done

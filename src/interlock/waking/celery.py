"""Configures Celery, and sends its tasks: each says that there is work for a run."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import Any

from celery import Celery  # type: ignore[import-untyped]  # it brings no types
from kombu.entity import Exchange, Queue

from interlock.engine.changes import Changes
from interlock.waking.failures import Failures
from interlock.waking.quorum_queues import arguments_of, dead_arguments, dead_letters_of

ADVANCE = "interlock.advance"
QUEUE = "interlock-runs"
"""The queue of the tasks: a name that SQS takes, too."""

FLUSH_SECONDS = 5.0
MOST_TASKS = 100_000
"""How many tasks wait where nobody takes them: a broker refuses the next one, which a sweep makes up for."""

MOST_DEAD = 10_000
"""How many of the tasks that were given back too often are kept: the newest ones, for who looks for the reason."""

VISIBILITY = 30
"""For how many seconds SQS hides a task that was taken: short, as one that was taken by a process that ended is lost so
long; a run that takes longer has its lease, so that whoever gets the task meanwhile does nothing."""


def configure(app: Celery) -> None:
    """Configure an application as tasks of Interlock need it, and so that RabbitMQ 4.3 refuses nothing of it.

    Its other tasks and queues stay as they are, and so does what it has set of its transport: a task of its own that is
    acknowledged late may need to be hidden for longer.
    """
    on_sqs = _is_on_sqs(app)
    app.conf.update(
        worker_prefetch_multiplier=1,
        # No transient queue that others could use: 4.3 refuses those.
        control_queue_exclusive=True,
        event_queue_exclusive=True,
        broker_connection_retry_on_startup=True,
        # RabbitMQ closes the channel of who takes longer than its `consumer_timeout`: the worker would end by it.
        broker_channel_error_retry=True,
        broker_transport_options={
            **({"visibility_timeout": VISIBILITY, "wait_time_seconds": 20} if on_sqs else {"confirm_publish": True}),
            **(app.conf.broker_transport_options or {}),
        },
    )
    app.on_after_finalize.connect(_add_queue, sender=app)
    if on_sqs:
        app.conf.worker_enable_remote_control = False  # it would make a queue for each process


def _is_on_sqs(app: Celery) -> bool:
    return str(app.conf.broker_url or "").startswith("sqs:")


def _add_queue(sender: Celery, **_: Any) -> None:
    if _is_on_sqs(sender):  # there its owner says where dead letters go
        sender.amqp.queues.add(Queue(QUEUE, Exchange(""), QUEUE))  # type: ignore[no-untyped-call]
    else:
        # Celery asks for no global prefetch where it finds a quorum queue.
        arguments = {**arguments_of(QUEUE), "x-max-length": MOST_TASKS, "x-overflow": "reject-publish"}
        sender.amqp.queues.add(_TaskQueue(QUEUE, Exchange(""), QUEUE, queue_arguments=arguments))  # type: ignore[no-untyped-call]


class _TaskQueue(Queue):
    """The queue of the tasks. Whoever declares it declares that of its dead letters first."""

    def declare(self, nowait: bool = False, channel: Any = None) -> str:  # noqa: FBT001, FBT002 - as kombu calls it
        """Declare both."""
        dead, arguments = dead_letters_of(QUEUE), {**dead_arguments(), "x-max-length": MOST_DEAD}
        bound = Queue(dead, Exchange(""), dead, queue_arguments=arguments)(channel or self.channel)  # type: ignore[no-untyped-call]
        bound.declare(nowait)  # type: ignore[no-untyped-call]
        return str(super().declare(nowait, channel))  # type: ignore[no-untyped-call]


class CeleryTasks:
    """Sends a task for each run for which a commit asks, by a thread of its own.

    Args:
        broker: Celery's address of the broker.
        options: of its transport.
    """

    def __init__(self, broker: str, options: dict[str, Any] | None = None) -> None:
        self._app = Celery("interlock", broker=broker, set_as_current=False)
        self._app.conf.broker_transport_options = options or {}
        configure(self._app)
        self._app.finalize()
        self._failures = Failures("Celery's broker")
        self._runs: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def committed(self, changes: Changes, _: float) -> None:
        """Send what a commit asks for. Returns at once."""
        for job in changes.enqueue:
            self._runs.put(job.subject)
        if changes.enqueue:
            self._start()

    def close(self) -> None:
        """Send what is still to be sent, and let go of the connection."""
        if self._thread is not None:
            self._runs.put(None)
            self._thread.join(FLUSH_SECONDS)
        self._app.close()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send, name="interlock-tasks", daemon=True)
                self._thread.start()

    def _send(self) -> None:
        while (run_id := self._runs.get()) is not None:
            try:
                self._app.send_task(ADVANCE, [run_id], queue=QUEUE, retry=False, ignore_result=True)
            except Exception as error:  # noqa: BLE001 - kombu's transports raise what they like; the sweep finds the run
                self._failures.failed(error)
                self._forget()
            else:
                self._failures.worked()

    def _forget(self) -> None:
        """Drop what waits for a broker that is away: sweeps find these runs, and what waits must not grow with them."""
        with contextlib.suppress(queue.Empty):
            while self._runs.get_nowait() is not None:
                continue
            self._runs.put(None)

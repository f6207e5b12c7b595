"""One-time schedules of EventBridge, which invoke the sweep in the minutes in which something comes due.

They are hints: the sweep also comes by itself, more seldom.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]  # it brings no types

from interlock.aws_lambda.clients import client
from interlock.engine.changes import Changes

GROUP, ROLE, SWEEP = "INTERLOCK_SCHEDULE_GROUP", "INTERLOCK_SCHEDULE_ROLE", "INTERLOCK_SWEEP"
MINUTE = timedelta(minutes=1)
MARGIN = timedelta(seconds=1)
"""By how much a schedule comes after what is due: the clocks of a store and of a scheduler differ."""

LATEST = timedelta(days=365)
"""What comes due later is left to the sweep."""

PAUSE = timedelta(minutes=1)
"""How long a scheduler that refuses is left alone: each call that commits would wait for it."""

RETRIES = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 300}

_log = logging.getLogger("interlock.lambda")


class Schedules:
    """Gathers when what an invocation commits comes due, and has the sweep invoked then.

    There is one schedule for a minute, since a schedule is exact to a minute; it is named after that. Whoever makes it
    a second time finds it there: none is read before it is made, or moved, so two who do it at once lose nothing. A
    schedule goes when it has invoked the sweep, also where what was due was done before.

    Args:
        environ: has the names of the group of the schedules, of the role that they have, and of the function that they
            invoke; where one is missing, none is made.

    Attributes:
        sweep: the name of that function; a function cannot be told its own by the stack that makes it.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._group, self._role = environ.get(GROUP, ""), environ.get(ROLE, "")
        self.sweep = environ.get(SWEEP, "")
        self._due: set[datetime] = set()
        self._made: set[datetime] = set()
        self._again = datetime.min.replace(tzinfo=UTC)

    def committed(self, changes: Changes, _: float) -> None:
        """Note when what a commit changes comes due next."""
        wakes = [one.after.wake_at for one in changes.requests]
        moments = [*wakes, *(job.due_at for job in (*changes.enqueue, *changes.jobs_anew))]
        self._due |= {one for one in moments if one is not None}

    def make(self) -> None:
        """Have the sweep invoked when it is time. What cannot be scheduled is logged."""
        now = datetime.now(UTC)
        minutes = {minute_of(one) for one in self._due if now < one < now + LATEST}
        self._due, self._made = set(), {one for one in self._made if one > now}
        if now < self._again or not (self._group and self._role and self.sweep):
            return
        for minute in sorted(minutes - self._made):
            try:
                self._make(minute)
            except (BotoCoreError, ClientError) as error:
                _log.warning("No sweep is scheduled at %s; the next one does it: %s", minute.isoformat(), error)
                self._again = now + PAUSE
                return
            self._made.add(minute)

    def _make(self, minute: datetime) -> None:
        given = {
            "GroupName": self._group,
            "Name": f"due-{minute:%Y%m%dT%H%M}",
            "ScheduleExpression": f"at({minute:%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {"Arn": self.sweep, "RoleArn": self._role, "Input": "{}", "RetryPolicy": RETRIES},
        }
        try:
            client("scheduler").create_schedule(**given)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConflictException":  # it is there
                raise


def minute_of(moment: datetime) -> datetime:
    """Return the first whole minute, in UTC, at which something that is due at a moment is found to be."""
    late = moment.astimezone(UTC) + MARGIN
    whole = late.replace(second=0, microsecond=0)
    return whole if whole == late else whole + MINUTE

"""Finds what is due: reminders, escalations, deadlines; and runs for which a message was lost.

It is invoked in each minute in which something comes due, and every few minutes for what nobody could schedule.
"""

from __future__ import annotations

from typing import Any

from interlock.aws_lambda.process import Process, process
from interlock.engine.deadlines import PAGE, sweep
from interlock.service.configuration import note

MOST_RUNS = 1_000
"""For how many runs one sweep sends messages."""

MOST_PAGES = 50


def handler(_: object, context: Any) -> None:
    """Do what is due for requests, and send a message for each run that is due."""
    mine = process()
    mine.schedules.sweep = mine.schedules.sweep or getattr(context, "invoked_function_arn", "")
    mine.do(_sweep(mine))


async def _sweep(mine: Process) -> None:
    system = mine.system
    configured = system.directories.configured()
    if configured.held is None:
        await note(system.directories, configured)
    else:
        mine.complain(configured.held)
    for _ in range(MOST_PAGES):
        if await sweep(system.store, system.desk, mine.complain) < PAGE:
            break
    agenda = await system.store.agenda(MOST_RUNS)
    mine.hints.add(*(job.subject for job in agenda.jobs))

"""Finds what is due, each minute: reminders, escalations, deadlines; and runs for which a message was lost."""

from __future__ import annotations

from interlock.aws_lambda.process import Process, process
from interlock.engine.deadlines import PAGE, sweep
from interlock.service.configuration import note

MOST_RUNS = 1_000
"""For how many runs one sweep sends messages."""

MOST_PAGES = 50


def handler(_: object, __: object) -> None:
    """Do what is due for requests, and send a message for each run that is due."""
    mine = process()
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

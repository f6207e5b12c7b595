"""Sends what people and programs are to be told by the configured channels."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from interlock.aws_lambda.process import Process, process

if TYPE_CHECKING:
    from interlock.service.delivering import Delivering


def handler(_: object, __: object) -> None:
    """Send all that is due, whatever the event says: it comes each minute, and after commits that tell something."""
    mine = process()
    if mine.system.settings.channels:
        mine.do(_delivering(mine).drain())


@cache
def _delivering(mine: Process) -> Delivering:
    from interlock.channels.table import senders_of  # noqa: PLC0415 - few installations have channels
    from interlock.service.delivering import Delivering  # noqa: PLC0415

    system = mine.system
    senders = senders_of(system.settings.channels, mine.around(), system)
    return Delivering(system, senders, mine.complain)

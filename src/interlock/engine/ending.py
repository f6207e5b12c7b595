"""How an advance ends: its end is committed, whatever the database does meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from interlock.domain.run_events import AdvanceBegan, AttemptFailed, RunEvent, RunPaused, RunRetried, VersionAccepted
from interlock.engine.desk import Desk, Held
from interlock.engine.ports.runtime import Attention, Broke, Ending
from interlock.engine.results import Results, why
from interlock.errors import AdvanceOvertaken, InterlockError, RecordAltered, StoreUnavailable

__all__ = ["broke", "commit_end", "exhausted", "let_go"]

LOST = "the lease ended before the advance did: its worker, or the database, stood still"


async def commit_end(desk: Desk, held: Held, ending: Ending, results: Results) -> None:
    """Commit the end of an advance, or why it cannot be committed.

    Raises:
        AdvanceOvertaken: if the advance no longer holds its run.
        StoreUnavailable: if the database did not answer until the worker stopped.
    """
    try:
        await results.outlast(f"The end of an advance of {held.hold.run_id}", lambda: desk.commit(held, ending))
    except RecordAltered as altered:
        await desk.commit(held, Attention("record_altered", altered.message))
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - the run goes on, and its log says what kept it
        await desk.commit(held, Broke(f"the end of the advance could not be recorded: {why(error)}"))


async def let_go(desk: Desk, held: Held, results: Results) -> None:
    """Give a run back whose lease has ended; do nothing if somebody else has it already."""
    try:
        await commit_end(desk, held, Broke(LOST, counted=False), results)
    except AdvanceOvertaken:
        return


def broke(error: InterlockError) -> Broke:
    """Return how an advance ends that an error of ours has ended before the graph ran."""
    return Broke(error.message, counted=not isinstance(error, StoreUnavailable), ran=False)


def exhausted(history: Iterable[RunEvent]) -> str:
    """Say over how many advances since the run last went on its worker vanished, the last one among them."""
    vanished, failed, running = 1, 0, False
    for event in history:
        match event:
            case RunPaused() | RunRetried() | VersionAccepted():
                vanished, failed = 1, 0
            case AdvanceBegan() if running:
                vanished += 1
            case AttemptFailed(counted=True):
                failed += 1
        running = isinstance(event, AdvanceBegan)
    if not failed:
        return f"{vanished} workers vanished over it"
    if vanished == 1:
        return f"{failed + 1} attempts failed, the last because its worker vanished"
    return f"{failed + vanished} attempts failed, {vanished} of them because their workers vanished, as the last did"

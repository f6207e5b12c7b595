"""Records the results of effects: tries until the store has each, and keeps it in a file meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from interlock.domain.authority import Principal
from interlock.domain.commands import RecordEffect
from interlock.domain.request import Request
from interlock.engine.desk import Desk
from interlock.engine.retry import Patience, is_passing
from interlock.errors import InterlockError, RecordAltered, Refused, StoreError, StoreUnavailable

SOON = 0.25
"""Seconds after which a result that the store does not have yet is also kept in a file."""

FEW = 3
"""How often a result is tried again that an available store has refused."""

LOOK_AGAIN = 5.0
KEPT = "result file"
MAX_WHY = 500


@dataclass(frozen=True, slots=True)
class KnownResult:
    """A result that a worker has to record, for an effect that this agent (a principal) has claimed."""

    tenant: str
    agent: str
    command: RecordEffect


class KeptResults(Protocol):
    """Keeps results that could not be recorded yet. Blocking; may be called from any thread."""

    def keep(self, result: KnownResult) -> str:
        """Keep a result so that it outlives the process; return its place, or raise `OSError`."""

    def drop(self, result: KnownResult) -> None:
        """Delete a result that was recorded."""

    def found(self, request_id: str | None = None) -> tuple[Sequence[KnownResult], Sequence[str]]:
        """Return the kept results of one request or of all, and a sentence for each that cannot be read."""


class NothingKept:
    """Keeps nothing, for a store that ends with the process. Implements `KeptResults`."""

    def keep(self, result: KnownResult) -> str:  # noqa: ARG002 - the signature is the port's
        """Keep nothing."""
        raise OSError("nothing is kept beside this store")

    def drop(self, result: KnownResult) -> None:
        """Delete nothing."""

    def found(self, request_id: str | None = None) -> tuple[list[KnownResult], list[str]]:  # noqa: ARG002 - likewise
        """Return nothing."""
        return [], []


class Results:
    """Records results for one worker; `complain` gets a sentence when that fails, and when it succeeds again."""

    def __init__(self, desk: Desk, kept: KeptResults, patience: Patience, complain: Callable[[str], None]) -> None:
        self._desk = desk
        self._kept = kept
        self.patience = patience
        self.complain = complain
        self._configuration_error: str | None = None
        self._under_way: set[tuple[str, int]] = set()
        self._told: set[str] = set()
        self._looked = -math.inf

    async def record(self, result: KnownResult, known: Request | None) -> Request:
        """Record a result, however long it takes.

        Args:
            known: the request, which this process has compared with its log.

        Raises:
            Refused: if the rules refuse it.
            RecordAltered: if the request differs from its log; the result is kept.
            StoreUnavailable: if the worker was told to stop meanwhile; the result is kept.
        """
        command = result.command
        place = (command.request_id, command.attempt)
        self._under_way.add(place)
        try:
            return await _Recording(self, result).done(known)
        finally:
            self._under_way.discard(place)

    async def look_around(self) -> None:
        """Record the kept results, and complain about an unusable configuration. This comes before any job."""
        if time.monotonic() - self._looked >= LOOK_AGAIN:
            self._looked = time.monotonic()
            await self.take_in()
        held = self._desk.configuration_error()
        if held != self._configuration_error:
            self.complain(held or "The configuration is valid again and in use.")
            self._configuration_error = held

    async def take_in(self, request_id: str | None = None) -> None:
        """Record all kept results, or those of one request before its effect is claimed again.

        Raises:
            StoreError: if the database cannot take the result of the one request now: the claim must not go on without
                it.
        """
        found, problems = self._kept.found(request_id)  # in this thread, because nearly always nothing is kept
        for problem in problems:
            self._tell(problem)
        for result in found:
            key = result.command.request_id
            if (key, result.command.attempt) in self._under_way:
                continue
            try:
                await self.handle(result, KEPT)
                await self.drop(result)
                self.complain(f"The result of {key}, which was kept in a file, is recorded now.")
            except Exception as error:  # a file that somebody else has written must not end the worker
                if request_id is not None and (is_passing(error) or isinstance(error, RecordAltered)):
                    raise
                self._tell(f"The result of {key} that is kept cannot be recorded: {why(error)}")

    async def handle(self, result: KnownResult, via: str = "run", known: Request | None = None) -> Request:
        """Try once to record it."""
        principal = Principal(result.agent, "agent", result.tenant, via)
        return await self._desk.handle(result.command, principal, known=known)

    async def keep(self, result: KnownResult) -> str | None:
        """Keep it in a file; return its place, or None if that fails."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._desk.pool, self._kept.keep, result)
        except Exception:  # noqa: BLE001 - then only this process knows it, and goes on trying
            return None

    async def drop(self, result: KnownResult) -> None:
        """Delete its file after it is recorded."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._desk.pool, self._kept.drop, result)
        except OSError as error:  # it will be recorded once more, which changes nothing
            self._tell(f"The result of {result.command.request_id} is recorded; its file cannot be removed: {error}.")

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self.complain(text)


class _Recording:
    """Records one result."""

    def __init__(self, results: Results, result: KnownResult) -> None:
        self._results = results
        self._result = result
        self._place: str | None = None
        self._request_id = result.command.request_id

    async def done(self, known: Request | None) -> Request:
        """Record it; return the request as it is afterwards."""
        first = asyncio.ensure_future(self._results.handle(self._result, known=known))
        in_time, _ = await asyncio.wait({first}, timeout=SOON)
        if not in_time:
            await self._keep()
        try:
            after = await first
        except Exception as error:  # noqa: BLE001 - whatever it is, the result is known and must not be lost
            await self._keep()
            after = await self._again(error)
        if self._place is not None:
            await self._results.drop(self._result)
        return after

    async def _keep(self) -> None:
        if self._place is None:
            self._place = await self._results.keep(self._result)

    async def _again(self, error: Exception) -> Request:
        kept = "nothing keeps it" if self._place is None else f"is kept in {self._place}"
        self._results.complain(
            f"The result of {self._request_id} could not be recorded: {why(error)} It is tried again, and {kept} "
            "meanwhile."
        )
        tries = refusals = 0
        while True:
            if isinstance(error, Refused | RecordAltered):
                raise error
            refusals += not is_passing(error)
            if refusals > FEW:
                return await self._as_unknown(error)
            if not await self._results.patience.again(tries):
                raise self._given_up(error) from error
            tries += 1
            await self._keep()
            try:
                after = await self._results.handle(self._result)
            except Exception as found:  # noqa: BLE001 - likewise
                error = found
            else:
                self._results.complain(f"The result of {self._request_id} is recorded now.")
                return after

    def _given_up(self, error: Exception) -> StoreUnavailable:
        left = "nothing keeps it" if self._place is None else f"{self._place} keeps it for the next worker"
        text = f"The result of {self._request_id} could not be recorded before this worker stopped, and {left}"
        self._results.complain(f"{text}: {why(error)}")
        return StoreUnavailable(f"{text}: {why(error)}", request_id=self._request_id)

    async def _as_unknown(self, error: Exception) -> Request:
        """Record as unknown a result that the store refuses, so that a person looks; its file stays for the repair."""
        reason = f"its result could not be recorded: {why(error)}"
        command = RecordEffect(self._request_id, self._result.command.attempt, "unknown", None, reason)
        self._place = None
        try:
            return await self._results.handle(replace(self._result, command=command))
        except Exception as another:
            if isinstance(another, InterlockError):
                raise
            raise StoreError(f"The result of {self._request_id} could not be recorded: {why(another)}") from another


def why(error: BaseException) -> str:
    """Return an error as a sentence."""
    text = error.message if isinstance(error, InterlockError) else f"{type(error).__name__}: {error}"
    return f"{text[:MAX_WHY].rstrip('.')}."

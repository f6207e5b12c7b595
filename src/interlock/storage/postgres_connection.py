"""One connection to PostgreSQL: few round trips, and nothing lost or done twice when the server goes away.

A transaction runs in the driver's pipeline: what belongs together travels together, and COMMIT with the last of it.
What is required (`expect`) fails in the server, so that nothing after it is done.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import errors
from sqlalchemy import Executable, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from interlock.errors import Conflict, StoreUnavailable
from interlock.storage.compiled import Connection, Outcome, Statements, Values, outcome_of
from interlock.storage.postgres_wire import Wire, WireReply
from interlock.storage.rows import Clock, changed, moment
from interlock.storage.sql_constructs import MICROS
from interlock.storage.writes import Commit, commit_together

T = TypeVar("T")

RECOVER_SECONDS = 15.0
"""How long a transaction waits for a server that has gone away, before it says so."""

AGAIN_SECONDS = 0.05
NOW = f"SELECT {MICROS}"
SETTLED = f"SELECT {MICROS}, pg_current_xact_id()::text"
STATUS = "SELECT pg_xact_status($1::text::xid8)"

# The driver warns of what goes wrong after an error that it has raised already: not on somebody's terminal.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

_CONFLICTS = (errors.UniqueViolation, errors.DeadlockDetected, errors.SerializationFailure)


class ServerConnection(NamedTuple):
    """A connection that is fit for use, and the number of the server's start that it belongs to."""

    raw: psycopg.Connection[Any]
    wire: Wire
    epoch: int


class PostgresStatements(Statements):
    """Statements as PostgreSQL takes them: with numbered parameters."""

    def __init__(self) -> None:
        super().__init__(PGDialect_psycopg(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]
        self._required: dict[Executable, str] = {}

    def required(self, statement: Executable) -> str:
        """Return a statement's text so that it fails unless it writes, or finds, a row."""
        if statement not in self._required:
            text = self.written(statement).text
            if isinstance(statement, Select):
                self._required[statement] = f"SELECT 1 / count(*) FROM ({text}) AS done"  # noqa: S608 - SQLAlchemy's
            else:
                self._required[statement] = f"WITH done AS ({text} RETURNING 1) SELECT 1 / count(*) FROM done"  # noqa: S608
        return self._required[statement]


class PostgresConnection(Connection):
    """A connection that comes back.

    Args:
        open_: opens a connection, waiting at most so many seconds for a server that is just starting.
        begin: how a transaction begins; empty if one that is not begun is as good: it ends where the wire is synced.
    """

    def __init__(self, open_: Callable[[float], ServerConnection], statements: PostgresStatements, begin: str) -> None:
        self._open = open_
        raw, self.wire, self.epoch = open_(RECOVER_SECONDS)
        super().__init__(raw, statements, begin)
        self._statements: PostgresStatements = statements
        self._expected: dict[WireReply, Conflict] = {}
        self._xact: str | None = None
        self._proof: tuple[Executable, Values] | None = None
        self._committing = False
        self._result: Any = None

    # ── transactions ─────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work in a transaction: once, even if the server goes away meanwhile and comes back."""
        end: float | None = None
        while True:
            try:
                return self._attempt(work)
            except psycopg.Error:
                if not self.raw.closed:
                    raise
                if end is not None and time.monotonic() > end:  # it ends every transaction: it is there, and no use
                    raise
                end = end or time.monotonic() + RECOVER_SECONDS
                if self._is_done(end):
                    result: T = self._result
                    return result

    def run_all(
        self, works: Sequence[Callable[[Connection], Any]], is_fatal: Callable[[Exception], bool]
    ) -> list[Outcome]:
        """Do several pieces of work; commits in one transaction, unless one of them fails: then each by itself.

        A savepoint for each would cost each a round trip, and what they expect is seldom not so. What the database is
        to blame for fails one alone as well: those before it are committed, and must not hear that they are not.
        """
        commits = [work for work in works if isinstance(work, Commit) and work.shares]
        done = commits if len(commits) > 1 and self._is_committed(commits) else []
        outcomes: list[Outcome] = []
        lost: Exception | None = None
        for work in works:
            if any(work is commit for commit in done):
                outcomes.append(Outcome())
            elif lost is not None:  # the server was waited for: not once more for everybody here
                outcomes.append(Outcome(error=lost))
            else:
                outcomes.append(outcome_of(partial(self.run, work), lambda _: False))
                error = outcomes[-1].error
                lost = error if error is not None and self.raw.closed and is_fatal(error) else None
        return outcomes

    def _is_committed(self, commits: Sequence[Commit]) -> bool:
        try:
            self.run(lambda on: commit_together(on, commits))
        except StoreUnavailable:  # perhaps it is
            raise
        except Exception:
            if self.raw.closed:
                raise
            return False  # whoever is to blame is told when it is done alone
        return True

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        self._expected, self._xact, self._proof, self._committing = {}, None, None, False
        try:
            return self._sent(work)
        except BaseException as error:
            conflict = self._conflict(error)
            self._undo()
            if conflict is not None:
                raise conflict from None
            raise

    def _sent(self, work: Callable[[Connection], T]) -> T:
        self.wire.drain()
        if not self._begin:
            result = work(self)
            self.wire.sync()
            self.wire.push()  # whoever comes next reads the answer: nothing depends on it
            return result
        self.wire.send(self._begin)
        self._result = result = work(self)
        self._committing = True
        ended = self.wire.send("COMMIT")
        self.wire.wait_for(self.wire.sync())
        assert ended.result.command_status == b"COMMIT", ended.result.command_status
        return result

    def _conflict(self, error: BaseException) -> Conflict | None:
        if isinstance(error, errors.DivisionByZero) and self.wire.failed in self._expected:
            return self._expected[self.wire.failed]
        if self._begin and isinstance(error, _CONFLICTS):  # who only reads has nothing to decide again
            # The versions held: a request and a run share an id, or two transactions wait for each other.
            return changed("record", error.diag.constraint_name or "that others write")
        return None

    def _undo(self) -> None:
        try:
            self.wire.sync()
            self.wire.push()
            self.wire.drain()
            if self.wire.in_transaction:
                self.wire.send("ROLLBACK")
                self.wire.wait_for(self.wire.sync())
        except psycopg.Error:
            self.close()

    def _is_done(self, end: float) -> bool:
        """Find out, of a connection that was lost, whether the transaction was committed; connect anew."""
        epoch, proof = self.epoch, self._proof if self._committing else None
        while True:
            self.close()
            self.raw, self.wire, self.epoch = self._open(max(0.0, end - time.monotonic()))
            if proof is None:
                return False  # COMMIT was never sent; or what it would have committed may be done again
            with contextlib.suppress(psycopg.Error):  # this line is lost as well: whoever cannot ask knows nothing yet
                while self.epoch == epoch and self._is_under_way():
                    _wait(end)
                return bool(self._alone(lambda: self.rows(*proof)))
            _wait(end)

    def _is_under_way(self) -> bool:
        """Say whether the server has not noticed yet that the old connection is gone.

        Not for a server that was started again: a transaction that never reached its disk may have lost its number to
        another one.
        """
        xact = self._xact
        return xact is not None and self._alone(lambda: self.told(STATUS, xact)) == [("in progress",)]

    def _alone(self, ask: Callable[[], T]) -> T:
        """Ask something outside of any transaction."""
        found = ask()
        self.wire.wait_for(self.wire.sync())
        return found

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(psycopg.Error):
            self.raw.close()

    # ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────

    def told(self, text: str, *values: Any) -> list[Any]:
        """Return what a query in the database's own words finds; `$1` is the first value."""
        return self.wire.wait_for(self.wire.send(text, values)).rows()

    def rows(self, statement: Executable, values: Values) -> list[Any]:
        """Return all rows of a query."""
        return self.ask(statement, values)()

    def ask(self, statement: Executable, values: Values) -> Callable[[], list[Any]]:
        """Send a query, and return a function that waits for all its rows."""
        reply = self._send(statement, values)
        return lambda: self.wire.wait_for(reply).rows()

    def write(self, statement: Executable, values: Values) -> None:
        """Send a change, however many rows it writes."""
        self._send(statement, values)

    def change(self, statement: Executable, values: Values) -> int:
        """Write, and return how many rows were written."""
        return self.wire.wait_for(self._send(statement, values)).result.command_tuples or 0

    def change_each(self, statement: Executable, rows: Any) -> None:
        """Send a change for each set of values."""
        for values in rows:
            self.write(statement, values)

    def expect(self, statement: Executable, values: Values, otherwise: Conflict) -> None:
        """Send a change or a query that has to meet a row; the server goes no further if it does not."""
        self._expected[self._send(statement, values, self._statements.required(statement))] = otherwise

    def _send(self, statement: Executable, values: Values, text: str | None = None) -> WireReply:
        written = self._statements.written(statement)
        parameters = written.parameters(values)
        return self.wire.send(text or written.text, [parameters[name] for name in written.order])

    def instant(self, clock: Clock | None) -> Callable[[], datetime]:
        """Return a function that returns the given clock, or the server's."""
        if clock is not None:
            return super().instant(clock)
        reply = self.wire.send(NOW)
        return lambda: moment(self.wire.wait_for(reply).rows()[0][0])

    def proven_by(self, statement: Executable, values: Values) -> None:
        """Remember a query that finds a row if this transaction was committed, and not otherwise."""
        self._proof = statement, values

    def settled(self, clock: Clock | None) -> datetime:
        """Wait for everything that was sent, and so for its locks; return the clock after that."""
        ((now, self._xact),) = self.told(SETTLED)
        return moment(now) if clock is None else clock()


def _wait(end: float) -> None:
    """Let time pass before it is asked again what became of a commit; StoreUnavailable after a while."""
    if time.monotonic() > end:
        raise StoreUnavailable(
            "The line to the database was cut while a change was being committed, and it is not known yet whether it "
            "was: look before you repeat it."
        )
    time.sleep(AGAIN_SECONDS)

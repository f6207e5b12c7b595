"""Compile statements with SQLAlchemy, run them on the driver: SQLAlchemy's execution is several times slower.

Works with every driver that takes parameters by name (PEP 249: `named` or `pyformat`) and commits by method.

A transaction is written so that a database across a network needs few round trips: what is asked (`ask`), written
(`write`) and required (`expect`) may be sent together, and is looked at when somebody needs it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Dialect, Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from interlock.errors import Conflict
from interlock.storage.rows import Clock, utc_now

Values = Mapping[str, Any]
Check = Callable[[bool], None]
T = TypeVar("T")


class Outcome(NamedTuple):
    """What one of several pieces of work came to: its result, or the error that is its own."""

    result: Any = None
    error: Exception | None = None


class _Written(NamedTuple):
    """A statement as text, the values that belong to it, and how the driver wants what it does not take as it is.

    `order` names the parameters, where the text numbers them.
    """

    text: str
    order: tuple[str, ...]
    constants: dict[str, Any]
    processors: tuple[tuple[str, Callable[[Any], Any]], ...]

    def parameters(self, values: Values) -> dict[str, Any]:
        parameters = {**self.constants, **values}
        for name, process in self.processors:
            parameters[name] = process(parameters[name])
        return parameters


class Statements:
    """What each statement is called in a dialect whose parameters have names; written when it is first used."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._written: dict[Executable, _Written] = {}

    def written(self, statement: Executable) -> _Written:
        """Return a statement as the driver takes it."""
        found = self._written.get(statement)
        if found is None:  # two threads may do it at once, and come to the same
            found = self._written[statement] = self._write(statement)
        return found

    def _write(self, statement: Executable) -> _Written:
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=self._dialect)
        assert isinstance(compiled, SQLCompiler)
        binds = compiled.binds
        processors = {
            name: bind.type.dialect_impl(self._dialect).bind_processor(self._dialect) for name, bind in binds.items()
        }
        constants = {name: bind.effective_value for name, bind in binds.items() if not bind.required}
        return _Written(
            str(compiled),
            tuple(compiled.positiontup or ()),
            constants,
            tuple((name, process) for name, process in processors.items() if process),
        )


def outcome_of(work: Callable[[], Any], is_fatal: Callable[[Exception], bool]) -> Outcome:
    """Do a piece of work; raise only what is fatal."""
    try:
        return Outcome(work())
    except Exception as error:
        if is_fatal(error):
            raise
        return Outcome(error=error)


@contextmanager
def whatever_is_stored(on: Connection) -> Iterator[None]:
    """Read SQLite's texts that are no UTF-8 as what they are, so that one of them does not hide the others."""
    if not isinstance(on.raw, sqlite3.Connection):
        yield
        return
    on.raw.text_factory = lambda text: text.decode(errors="surrogateescape")
    try:
        yield
    finally:
        on.raw.text_factory = str


class Connection:
    """A connection of the driver, on which the statements of one dialect run.

    Args:
        raw: the driver's own connection; it begins no transaction by itself.
        begin: how a transaction begins.
        check: raises if the database is not what it was; called with False before a transaction, and with True before
            it is committed.
    """

    epoch = 0
    """The number of the server's start that it belongs to, where the log's order needs it."""

    def __init__(self, raw: Any, statements: Statements, begin: str, check: Check = lambda _: None) -> None:
        self.raw = raw
        self._statements = statements
        self._begin = begin
        self._check = check

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do a piece of work in a transaction."""
        with self.transaction():
            return work(self)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, all of it or nothing."""
        self._check(False)
        self.raw.execute(self._begin)
        try:
            yield
            self._check(True)
            self.raw.commit()
        except BaseException:
            self.raw.rollback()
            raise

    def run_all(
        self, works: Sequence[Callable[[Connection], Any]], is_fatal: Callable[[Exception], bool]
    ) -> list[Outcome]:
        """Do several pieces of work in one transaction. What one of them raises undoes it alone.

        Unless `is_fatal` says that it is the database's, and so everybody's: that is raised, and nothing was done.
        """
        outcomes = []
        with self.transaction():
            for work in works:
                self.raw.execute("SAVEPOINT part")
                outcomes.append(outcome := outcome_of(partial(work, self), is_fatal))
                if outcome.error is not None:
                    self.raw.execute("ROLLBACK TO part")
                self.raw.execute("RELEASE part")
        return outcomes

    def rows(self, statement: Executable, values: Values) -> list[Any]:
        """Return all rows of a query."""
        written = self._statements.written(statement)
        return list(self.raw.execute(written.text, written.parameters(values)).fetchall())

    def first(self, statement: Executable, values: Values) -> Any | None:
        """Return the first row of a query, or None."""
        found = self.rows(statement, values)  # read to its end: a query that is under way keeps its instant alive
        return found[0] if found else None

    def value(self, statement: Executable, values: Values) -> Any | None:
        """Return what the first row of a query begins with, or None."""
        row = self.first(statement, values)
        return None if row is None else row[0]

    def change(self, statement: Executable, values: Values) -> int:
        """Write, and return how many rows were written."""
        written = self._statements.written(statement)
        return int(self.raw.execute(written.text, written.parameters(values)).rowcount)

    def ask(self, statement: Executable, values: Values) -> Callable[[], list[Any]]:
        """Begin a query, and return a function that returns all its rows."""
        found = self.rows(statement, values)
        return lambda: found

    def write(self, statement: Executable, values: Values) -> None:
        """Write, however many rows that are."""
        self.change(statement, values)

    def expect(self, statement: Executable, values: Values, otherwise: Conflict) -> None:
        """Write one row, or find one if it is a query; otherwise raise this Conflict, at the latest by `settled`."""
        written = self._statements.written(statement)
        cursor = self.raw.execute(written.text, written.parameters(values))
        if cursor.rowcount != 1 and not cursor.fetchall():
            raise otherwise

    def instant(self, clock: Clock | None) -> Callable[[], datetime]:
        """Return a function that returns the store's clock: the given one, or the database's own."""
        now = (clock or utc_now)()
        return lambda: now

    def proven_by(self, statement: Executable, values: Values) -> None:
        """Name a query that finds a row if this transaction was committed, and not otherwise: for lost connections."""

    def settled(self, clock: Clock | None) -> datetime:
        """Wait until earlier statements hold their locks, or raise what one expected in vain; return the clock then."""
        return self.instant(clock)()

    def change_each(self, statement: Executable, rows: Sequence[Values]) -> None:
        """Write once for each set of values."""
        written = self._statements.written(statement)
        self.raw.cursor().executemany(written.text, [written.parameters(values) for values in rows])

    def close(self) -> None:
        """Let go of it."""
        self.raw.close()

"""SQL constructs that differ between SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, BindParameter, Column, ColumnElement, Dialect, Table, Update, bindparam, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import UserDefinedType

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert

MICROS = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""PostgreSQL's own clock, as microseconds since 1970; not that of the transaction's beginning."""


def insert_or(table: Table) -> Insert:
    """Return an INSERT that can say what happens if the row is there already.

    SQLite took the clause over from PostgreSQL, and SQLAlchemy writes PostgreSQL's form for SQLite too (its SQLite form
    lacks what PostgreSQL adds). A test holds it to that.
    """
    from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - slow to load, so called by what writes alone

    return insert(table)


def update_at_version(table: Table, key: str) -> Update:
    """Return an UPDATE of a tenant's row with a key, if it still has the version that is expected.

    Its parameters are `of_tenant`, `of_` and the key's name, and `expected`: SQLAlchemy keeps the names of columns.
    """
    columns = table.c
    of_row = columns.tenant == bindparam("of_tenant"), columns[key] == bindparam(f"of_{key}")
    return update(table).where(*of_row, columns.version == bindparam("expected"))


class _Texts(UserDefinedType[list[str]]):
    """A list of texts as one parameter: PostgreSQL takes a list, SQLite a JSON array."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return json.dumps if dialect.name == "sqlite" else list


class _WithTexts(ColumnElement[bool]):
    """Says something of a column and the list of texts that a parameter takes: one statement, however long that is."""

    def __init__(self, column: Column[str] | Unindexed, name: str) -> None:
        self.column = column
        self.texts: BindParameter[list[str]] = bindparam(name, type_=_Texts())


class OneOf(_WithTexts):
    """Whether a column has one of the texts."""

    inherit_cache = True


@compiles(OneOf, "sqlite")
def _in_json(element: OneOf, compiler: SQLCompiler, **more: Any) -> str:
    column, texts = compiler.process(element.column, **more), compiler.process(element.texts, **more)
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 - both are written by SQLAlchemy


@compiles(OneOf, "postgresql")
def _in_array(element: OneOf, compiler: SQLCompiler, **more: Any) -> str:
    return f"{compiler.process(element.column, **more)} = ANY({compiler.process(element.texts, **more)})"


class HoldsOneOf(_WithTexts):
    """Whether one of a column's lines is one of the texts."""

    inherit_cache = True


@compiles(HoldsOneOf, "sqlite")
def _in_lines(element: HoldsOneOf, compiler: SQLCompiler, **more: Any) -> str:
    column, texts = compiler.process(element.column, **more), compiler.process(element.texts, **more)
    # Behind a join and a limit SQLite reads the JSON once, and not for each row, which takes several times as long.
    lines = f"SELECT char(10) || value || char(10) AS line FROM json_each({texts}) LIMIT -1"  # noqa: S608 - see above
    return f"EXISTS (SELECT 1 FROM (SELECT 1) CROSS JOIN ({lines}) WHERE instr({column}, line) > 0)"  # noqa: S608


@compiles(HoldsOneOf, "postgresql")
def _among_lines(element: HoldsOneOf, compiler: SQLCompiler, **more: Any) -> str:
    column, texts = compiler.process(element.column, **more), compiler.process(element.texts, **more)
    return f"string_to_array({column}, E'\\n') && {texts}"


class as_bytes(ColumnElement[bytes]):  # noqa: N801 - it stands in a query like a function
    """A column of bytes, as bytes whatever SQLite was given: text that is no UTF-8 stops a whole query."""

    inherit_cache = True

    def __init__(self, column: Column[bytes]) -> None:
        self.column = column
        self.type = column.type


@compiles(as_bytes, "sqlite")
def _cast_to_blob(element: as_bytes, compiler: SQLCompiler, **more: Any) -> str:
    return f"CAST({compiler.process(element.column, **more)} AS BLOB)"


@compiles(as_bytes, "postgresql")
def _bytes_already(element: as_bytes, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.column, **more)


class Unindexed(ColumnElement[str]):
    """A column by which no row is looked for: SQLite, which keeps no statistics, would guess which index is best."""

    inherit_cache = True

    def __init__(self, column: Column[str]) -> None:
        self.column = column
        self.type = column.type


@compiles(Unindexed, "sqlite")
def _with_a_plus(element: Unindexed, compiler: SQLCompiler, **more: Any) -> str:
    return f"+{compiler.process(element.column, **more)}"


@compiles(Unindexed, "postgresql")
def _by_statistics(element: Unindexed, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.column, **more)


class Now(ColumnElement[int]):
    """The store's clock in a statement: the parameter `now`, or PostgreSQL's own clock where that is None."""

    inherit_cache = True
    type = BigInteger()

    def __init__(self) -> None:
        self.given: BindParameter[int] = bindparam("now", type_=BigInteger())


@compiles(Now, "sqlite")
def _given(element: Now, compiler: SQLCompiler, **more: Any) -> str:
    return compiler.process(element.given, **more)


@compiles(Now, "postgresql")
def _given_or_read(element: Now, compiler: SQLCompiler, **more: Any) -> str:
    return f"coalesce({compiler.process(element.given, **more)}, {MICROS})"

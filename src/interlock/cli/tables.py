"""Rows of text in columns, as wide as the screen."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.service.hostile_text import cells
from interlock.terminal.screen import Line

GAP = "  "


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[Line]:
    """Lay out rows of harmless text, the last columns below the others where the screen is too narrow for all."""
    columns = [max(cells(row[index]) for row in (head, *rows)) for index in range(len(head))]
    beside = len(columns)
    while width is not None and beside > 1 and sum(columns[:beside]) + len(GAP) * (beside - 1) > width:
        beside -= 1
    lines = [Line(_table_row(head[:beside], columns), "dim")] if beside > 1 else []
    for row in rows:
        lines.append(Line(_table_row(row[:beside], columns), "" if beside == len(columns) else "title"))
        lines += _below(head[beside:], row[beside:])
    return lines


def _below(names: Sequence[str], values: Sequence[str]) -> list[Line]:
    if len(values) == 1:
        return [Line(values[0], "", GAP, GAP * 2)] if values[0] else []
    told = GAP.join(f"{name.lower()}: {value}" for name, value in zip(names, values, strict=True) if value)
    return [Line(told, "", GAP, GAP * 2)] if told else []


def _table_row(row: Sequence[str], columns: Sequence[int]) -> str:
    padded = (value + " " * (width - cells(value)) for value, width in zip(row, columns, strict=False))
    return GAP.join(padded).rstrip()

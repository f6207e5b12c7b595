"""Rows in columns where there is room, one below the other where there is not. Nothing is cut."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.channels.screen import Line
from interlock.channels.text import cells

__all__ = ["table"]

GAP = "  "


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[Line]:
    """Lay out rows of harmless text.

    Args:
        width: of the screen; None where nothing wraps.
    """
    columns = [max(cells(row[index]) for row in (head, *rows)) for index in range(len(head))]
    if width is None or sum(columns) + len(GAP) * (len(columns) - 1) <= width:
        lines = [Line(_row(row, columns)) for row in rows]
        return [Line(_row(head, columns), "dim"), *lines]
    lines = []
    for row in rows:
        lines.append(Line(row[0], "title"))
        lines += [
            Line(f"{name.lower()}: {value}", "", GAP) for name, value in zip(head[1:], row[1:], strict=True) if value
        ]
    return lines


def _row(row: Sequence[str], columns: Sequence[int]) -> str:
    padded = (value + " " * (width - cells(value)) for value, width in zip(row, columns, strict=True))
    return GAP.join(padded).rstrip()

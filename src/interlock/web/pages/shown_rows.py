"""Renders each row of the inbox once for all readers who see the same, because hundreds of pages refresh at once."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from interlock.web.pages.inbox_rows import Row
from interlock.web.pages.inbox_view import List
from interlock.web.pages.rendering import ENVIRONMENT


def shown_row(row: Row, which: List) -> Markup:
    """Return a row of a list as markup."""
    return _shown(_RowOfList(row, which))


class _RowOfList:
    """A row, compared by all that its markup depends on. Readers of the same request share one object."""

    __slots__ = ("key", "row", "which")

    def __init__(self, row: Row, which: List) -> None:
        self.row, self.which, listed = row, which, row.listed
        person = listed.excluded, listed.on_behalf_of, listed.snoozed_until
        said = row.summary, row.said, row.is_gone, row.is_soon, row.on_it, row.is_same
        self.key = which, id(row.request), *person, *said  # while a row is kept, no other request has its id

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _RowOfList) and self.key == other.key


@lru_cache(maxsize=1_000)
def _shown(one: _RowOfList) -> Markup:
    written: Markup = ENVIRONMENT.get_template("macros/inbox_row.html").module.row(one.row, one.which)  # type: ignore[attr-defined]
    return written

"""The view of the inbox that an address names: a list and filters. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from interlock.domain.action import Kind
from interlock.domain.request import Status
from interlock.service.inbox import EVERYTHING, InboxFilter, Which

List = Which | Literal["all"]
E = TypeVar("E", bound=StrEnum)

LISTS: dict[List, str] = {
    "mine": "Waits for you",
    "others": "Waits for others",
    "decided": "Decided by you",
    "snoozed": "Put aside",
    "all": "All",
}
KINDS = {Kind.approval: "actions", Kind.input: "questions", Kind.review: "drafts"}
STATUSES = {
    Status.open: "waits for people",
    Status.approved: "approved",
    Status.rejected: "rejected",
    Status.answered: "answered",
    Status.revised: "sent back",
    Status.expired: "expired",
    Status.withdrawn: "taken back",
}
_OF_OPEN = ("agent", "kind", "group", "reference", "text")
APPLY: dict[List, tuple[str, ...]] = {
    "mine": _OF_OPEN,
    "snoozed": _OF_OPEN,
    "others": _OF_OPEN,
    "decided": ("agent", "kind", "status", "reference", "text"),
    "all": ("agent", "status", "reference", "text"),
}
"""The filters of each list."""

MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class View:
    """A list, its filters, and a page of it.

    Args:
        after: the cursor of the previous page.
        shown: the ids of requests that the reader sees already, which keep their place.
        since: when these were shown first.
    """

    which: List = "mine"
    only: InboxFilter = EVERYTHING
    after: str | None = None
    shown: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def here(self) -> str:
        """Its address."""
        return self.at()

    def filters_of(self, which: List) -> InboxFilter:
        """Return those of its filters that another list has, too: the link and the count of that list use them."""
        return replace(EVERYTHING, **{name: getattr(self.only, name) for name in APPLY[which]})

    def at(self, **changed: object) -> str:
        """Return the address of the first page of this view, of another list, or with other filters."""
        which = changed.pop("which", self.which)
        only = replace(self.only, **changed)  # type: ignore[arg-type]  # the names of its fields
        given = {} if which == "mine" else {"list": str(which)}
        given |= {name: str(value) for name in APPLY[which] if (value := getattr(only, name))}  # type: ignore[index]
        return f"/?{urlencode(given)}" if given else "/"

    def chips(self) -> Iterator[tuple[str, str]]:
        """Yield each filter in words, and the address without it."""
        only = self.only
        words = {
            "agent": f"of {only.agent}",
            "kind": KINDS[only.kind] if only.kind else "",
            "group": f"asks {only.group}",
            "status": STATUSES[only.status] if only.status else "",
            "reference": f"about {only.reference} …",
            "text": f"“{only.text}”",
        }
        yield from ((words[name], self.at(**{name: None})) for name in APPLY[self.which] if getattr(only, name))


def view_of(given: QueryParams) -> View:
    """Return the view of an address; unknown values are ignored."""
    found = given.get("list", "mine")
    which: List = next((one for one in LISTS if one == found), "mine")
    texts = {name: given.get(name, "").strip() or None for name in ("agent", "group", "reference", "text")}
    only = InboxFilter(kind=_one_of(Kind, given.get("kind")), status=_one_of(Status, given.get("status")), **texts)
    kept = replace(EVERYTHING, **{name: getattr(only, name) for name in APPLY[which]})
    shown = tuple(filter(None, given.get("shown", "").split(",")))[:MOST_SHOWN]
    since = None
    with suppress(ValueError):
        since = datetime.fromisoformat(given.get("since", ""))
    aware = since is not None and since.tzinfo is not None
    return View(which, kept, given.get("after") or None, shown, since if aware else None)


def _one_of(values: type[E], given: str | None) -> E | None:
    return next((one for one in values if one == given), None)

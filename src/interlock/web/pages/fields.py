"""The fields that a form sends, by name, each as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from interlock.domain.canonical import check_storable
from interlock.errors import BadInput, Conflict

MOST = 5_000
"""The most fields of a form."""


FOR = "made_for"
"""The field that says for which person the page was made."""

ANOTHER = (
    "Nothing was done. Somebody else has signed in with this browser since that page was opened, and it would have "
    "counted as theirs. Go back and load the page again: it shows who is signed in now."
)


class Fields(Mapping[str, str]):
    """The fields of a form, the last of each name; `every` has all of one name."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._last = dict(pairs)

    def __getitem__(self, name: str) -> str:
        """Return a field's text; empty if the form did not send it."""
        return self._last.get(name, "")

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def every(self, name: str) -> list[str]:
        """Return the texts of all fields of one name, in order."""
        return [value for one, value in self.pairs if one == name]


async def fields_of(call: Request) -> Fields:
    """Return the fields that a form has sent.

    Raises:
        BadInput: if it is no form, has too many fields, or a text cannot be kept.
        Conflict: if its page was made for another person than the one who is signed in now.
    """
    if call.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise BadInput("Send the form of the page.")
    body = (await call.body()).decode(errors="replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST)
    except ValueError:
        raise BadInput(f"This form has more than {MOST:,} fields.") from None
    kept = [(name, value.replace("\r\n", "\n")) for name, value in pairs]
    for name, value in kept:
        check_storable(value, name)
    found = Fields(kept)
    if found[FOR] and found[FOR] != getattr(call.state, "mark", found[FOR]):
        raise Conflict(ANOTHER)
    return found

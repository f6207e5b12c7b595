"""Does a value come back from the store as it went in? The strict serializer turns unknown types into plain dicts."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from interlock.errors import InvalidState

__all__ = ["check", "lost_type"]

PLAIN = (str, int, float, bytes, dict)
"""What a value of a class derived from one of these comes back as, by every saver of LangGraph."""


def check(namespace: str, channel: str, before: object, after: object) -> None:
    """Refuse, by InvalidState, a value that came back as another type."""
    lost = lost_type(before, after)
    if lost is None:
        return
    where = f" of the sub-graph {namespace.rpartition('|')[2].partition(':')[0]}" if namespace else ""
    raise InvalidState(
        f"The channel {channel!r}{where} holds a {lost}, which would not come back from the store as it is: use JSON "
        "values, or list the type in Agent(state_types=[…])."
    )


def lost_type(before: object, after: object) -> str | None:
    """Return the name of the first type in a value that did not survive the way to the store and back.

    A tuple comes back as a list, and a class derived from `str`, `dict` or another plain type as that type: so they do
    from LangGraph's own savers. Anything else that comes back as something else is lost.
    """
    if not _is_kept(before, after):
        return f"{type(before).__module__}.{type(before).__qualname__}"
    pairs: Iterator[tuple[object, object]] = iter(())
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = ((value, after.get(key)) for key, value in before.items())
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        pairs = zip(before, after, strict=False)
    elif hasattr(before, "__dict__") and not isinstance(before, (Enum, type, *PLAIN)):
        pairs = ((value, vars(after).get(key)) for key, value in vars(before).items())
    return next((lost for pair in pairs if (lost := lost_type(*pair)) is not None), None)


def _is_kept(before: object, after: object) -> bool:
    if type(before) is type(after):
        return True
    if isinstance(before, tuple):
        return type(after) is list and not hasattr(before, "_fields")
    return type(after) in PLAIN and isinstance(before, type(after)) and not isinstance(before, Enum | bool)

"""How the items of the table are named, and in which of its indexes they are found.

An item of a request, a run or another stream of the log is in the partition of that stream. What has no entry in an
index is not in it: each index is sparse, and serves several kinds of items by the names of its partitions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeVar

Item = dict[str, Any]
T = TypeVar("T")

LONGEST = 600
"""How many bytes of a text a key holds; the table takes 1,024 in all. A longer one is cut, and ends with its digest."""

_CUT = re.compile(r"~[0-9a-f]{64}\Z")

_SHIFT = 10**17
"""Makes every number that is sorted by positive: the first time that there is lies 6.2 * 10**16 before 1970."""

PK, SK = "pk", "sk"
WRITE = "write"
"""The attribute that says by which write an item came to be what it is. Every other write changes it."""

ENDS = "ends"
"""The attribute by which the table forgets items some day, in seconds since 1970. Nobody relies on when."""

INDEXES: dict[str, tuple[str, ...]] = {
    "due": ("kind", "tenant", "id", "wake_at", "due_at", "generation", "owner"),
    "age": (
        *("kind", "tenant", "id", "status", "effect", "agent", "run_id", "reference", "opened_at", "due_at"),
        *("started_at", "thread", "turn", "initiator"),
    ),
    "open": (
        *("kind", "tenant", "id", "status", "effect", "agent", "run_id", "reference", "opened_at", "due_at"),
        *("action", "asks", "level", "started_at", "thread", "turn", "initiator"),
    ),
    "ended": (
        *("tenant", "id", "status", "opened_at", "decided_at", "ended", "agent", "action", "level"),
        *("request_id", "person", "at", "verdict", "waited"),
    ),
    "named": ("tenant", "id", "request_id", "person", "at"),
    "about": ("tenant", "id"),
    "ids": ("tenant", "id"),
}
"""Each index, and the attributes that it holds besides the keys."""


class Key(NamedTuple):
    """The key of an item."""

    pk: str
    sk: str


def joined(*parts: str) -> str:
    """Return a text that no other parts make. What comes last stands as it is: it may be searched by its beginning."""
    *names, last = parts
    return "/".join([*(name.replace("%", "%25").replace("/", "%2F") for name in map(cut, names)), cut(last)])


def cut(text: str) -> str:
    """Return a text that is short enough for a key."""
    encoded = text.encode(errors="surrogatepass")
    if len(encoded) <= LONGEST and not _CUT.search(text):  # what looks like a cut text is not to be taken for it
        return text
    return f"{beginning(text)}~{hashlib.sha256(encoded).hexdigest()}"


def beginning(text: str) -> str:
    """Return as much of a text as every key holds that is made of it."""
    return text.encode(errors="surrogatepass")[: LONGEST - 100].decode(errors="ignore")


def reference(text: str) -> str:
    """Return what a request is about as a key; a key is never empty."""
    return f"={cut(text)}"


def references(prefix: str) -> str:
    """Return with what the keys of all references begin that begin with a text."""
    return f"={beginning(prefix)}"


def number(value: int) -> str:
    """Return a number as a text that sorts like it."""
    return f"{value + _SHIFT:020}"


def key_of(item: Item) -> Key:
    """Return the key of an item."""
    return Key(item[PK], item[SK])


def placed(index: str, partition: str, *place: str) -> Item:
    """Return the attributes that put an item into an index."""
    return {f"{index}_{PK}": partition, f"{index}_{SK}": "/".join(place)}


def row(tenant: str, stream: str) -> Key:
    """Return the key of a request or run."""
    return Key(joined(tenant, stream), "row")


def job(tenant: str, subject: str) -> Key:
    """Return the key of a run's job."""
    return Key(joined(tenant, subject), "job")


def job_of(subject: str, tenant: str) -> Key:
    """Return the key of what says that a tenant has a job of this subject: whoever looks for one knows no tenant."""
    return Key(joined("job", "of", subject), joined("of", tenant))


def asked(tenant: str, run_id: str) -> Key:
    """Return the key of the list of what a run has asked."""
    return Key(joined(tenant, run_id), "asked")


def state(tenant: str, run_id: str, digest: str) -> Key:
    """Return the key of a state."""
    return Key(joined(tenant, run_id), f"state/{cut(digest)}")


def block(tenant: str, stream: str, last: int) -> Key:
    """Return the key of entries of a stream that one commit wrote, by the number of the last of them."""
    return Key(joined(tenant, stream), f"log/{number(last)}")


def act(tenant: str, request_id: str, person: str) -> Key:
    """Return the key of what somebody has done on a request."""
    return Key(joined(tenant, request_id), f"act/{cut(person)}")


def head(tenant: str) -> Key:
    """Return the key of a tenant's head: how many commits it has, and what is counted with them."""
    return Key("heads", cut(tenant))


def commit(tenant: str, place: int) -> Key:
    """Return the key of a tenant's commit."""
    return Key(joined(tenant, "log", ""), number(place))


def window(tenant: str, action: str) -> Key:
    """Return the key of an action's counter."""
    return Key(joined(tenant, "window", ""), cut(action))


def thread(tenant: str, name: str) -> Key:
    """Return the key of a thread's counter."""
    return Key(joined(tenant, "threads", ""), cut(name))


def turn(tenant: str, name: str, place: int, run_id: str) -> Key:
    """Return the key of a run's turn in a thread."""
    return Key(joined(tenant, "turns", name), joined(number(place), run_id))


def policy(policy_hash: str) -> Key:
    """Return the key of a policy's body."""
    return Key(joined("policy", policy_hash), "policy")


def note(name: str) -> Key:
    """Return the key of a fact about the database."""
    return Key("notes", cut(name))


def batched(found: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield what is found in lists of so many; of an iterator, no more is taken than is used."""
    rest = iter(found)
    while some := list(islice(rest, size)):
        yield some

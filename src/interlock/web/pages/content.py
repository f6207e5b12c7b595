"""Shows what is decided on in its natural form: as a mail, a patch, a command, an address, a formatted text.

These views stand beside the canonical view, which counts, and never replace it. If a rule is not sure, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from interlock.domain.action import Action, Draft, Subject
from interlock.domain.canonical import Json, canonical_bytes
from interlock.service.recipients import OF_MAIL

LONGEST = 60_000
"""The longest text that is shown so, in characters."""

MOST_LINES = 2_000

_MAIL = re.compile(r"e?mail", re.IGNORECASE)
_PATCH = re.compile(r"^(diff --git |--- [^\n]*\n\+\+\+ )", re.MULTILINE)
_HUNK = re.compile(r"^@@ -\d+(,\d+)? \+\d+(,\d+)? @@", re.MULTILINE)
_SQL = re.compile(
    r"\s*(select|insert|update|delete|create|alter|drop|with|merge|truncate|grant|revoke)\b", re.IGNORECASE
)
_MARKDOWN = re.compile(r"^(#{1,6} |[-*+] |\d+\. |> |```)|\*\*\S", re.MULTILINE)

SQL_NAMES = frozenset({"sql", "query", "statement"})
SHELL_NAMES = frozenset({"command", "cmd", "script", "shell", "bash"})
AMOUNTS = frozenset({"amount", "total", "price", "sum"})
LONGEST_AMOUNT = 30
ADDRESS = re.compile(r"(.*_)?(url|uri|link|endpoint|webhook)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, with all its recipients.

    Args:
        others: the arguments that are no part of the mail.
    """

    recipients: tuple[tuple[str, tuple[str, ...]], ...]
    subject: str
    body: str
    others: tuple[str, ...]
    kind: Literal["mail"] = "mail"

    @property
    def number(self) -> int:
        """How many recipients it has."""
        return sum(len(people) for _, people in self.recipients)


@dataclass(frozen=True, slots=True)
class Lines:
    """A text in which each line counts: a command, or a patch, whose lines are added, removed or unchanged.

    Args:
        of: the argument's name.
        lines: each line with its kind.
    """

    kind: Literal["SQL", "command", "patch"]
    of: str
    lines: tuple[tuple[Literal["", "added", "removed", "place"], str], ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A web address in its parts, because its host is what counts.

    Args:
        ascii_host: the host in ASCII, if that differs.
        before: the user's part in front of the host, if there is one.
    """

    of: str
    scheme: str
    before: str
    host: str
    ascii_host: str
    rest: str
    kind: Literal["address"] = "address"


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text with headings, lists and emphasis, as it was written.

    Args:
        of: the field of a draft that holds it; empty if it is the whole draft.
    """

    text: str
    of: str = ""
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount with the currency beside it; its digits as written, in groups of three."""

    of: str
    amount: str
    currency: str
    kind: Literal["money"] = "money"


View = Money | Mail | Lines | Address | Formatted


def views_of(subject: Subject) -> tuple[View, ...]:
    """Return the views of what is decided on; none if the canonical view is enough."""
    match subject:
        case Action(name=name, args=args):
            mail = _mail(name, args)
            return (mail,) if mail is not None else tuple(_views(args))
        case Draft(body=str(body)) if len(body) <= LONGEST:
            if _is_patch(body):
                return (_patch("body", body),)
            return (Formatted(body),) if _MARKDOWN.search(body) else ()
        case Draft(body=dict(body)):
            return tuple(_formatted(body))
    return ()


def _formatted(body: dict[str, Json]) -> Iterator[Formatted]:
    for name, value in body.items():
        if isinstance(value, str) and len(value) <= LONGEST and _MARKDOWN.search(value):
            yield Formatted(value, name)


def _mail(name: str, args: dict[str, Json]) -> Mail | None:
    recipients = [(field, _people(args.get(field))) for field in OF_MAIL]
    text = args.get("body", args.get("text", args.get("message")))
    subject = args.get("subject", "")
    known = [(field, people) for field, people in recipients if people is not None]
    if not (_MAIL.search(name) and known and isinstance(subject, str) and isinstance(text, str)):
        return None
    if len(text) > LONGEST or any(people is None and args.get(field) is not None for field, people in recipients):
        return None
    shown = {field for field, _ in known} | {"subject"}
    shown.add(next(field for field in ("body", "text", "message") if field in args))
    return Mail(tuple(known), subject, text, tuple(sorted(args.keys() - shown)))


def _people(value: Json) -> tuple[str, ...] | None:
    """Return the mail addresses in a field; None if it holds anything else."""
    found = [value] if isinstance(value, str) else value
    return tuple(found) if isinstance(found, list) and all(isinstance(one, str) for one in found) else None


def _views(args: dict[str, Json]) -> Iterator[View]:
    yield from _money(args)
    for name, value in args.items():
        if not isinstance(value, str) or len(value) > LONGEST or value.count("\n") > MOST_LINES:
            continue
        if _is_patch(value):
            yield _patch(name, value)
        elif name.lower() in SQL_NAMES and _SQL.match(value):
            yield Lines("SQL", name, _plain(value))
        elif name.lower() in SHELL_NAMES:
            yield Lines("command", name, _plain(value))
        elif ADDRESS.fullmatch(name):
            yield from _address(name, value)


def _money(args: dict[str, Json]) -> Iterator[Money]:
    currency = args.get("currency")
    if not isinstance(currency, str) or not re.fullmatch("[A-Z]{3}", currency):
        return
    for name in sorted(AMOUNTS & args.keys()):
        value = args[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        written = canonical_bytes(value).decode() if is_number else value
        found = re.fullmatch(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?", written) if isinstance(written, str) else None
        if found is not None and len(found[1]) <= LONGEST_AMOUNT:
            sign = "-" if found[1].startswith("-") else ""
            yield Money(name, f"{sign}{abs(int(found[1])):,}{found[2] or ''}", currency)


def _is_patch(text: str) -> bool:
    return bool(_PATCH.search(text) and _HUNK.search(text)) and text.count("\n") <= MOST_LINES


def _patch(name: str, text: str) -> Lines:
    return Lines("patch", name, tuple((_sign(line), line) for line in text.split("\n")))


def _sign(line: str) -> Literal["", "added", "removed", "place"]:
    if line.startswith(("+++", "---", "@@", "diff ")):
        return "place"
    return "added" if line.startswith("+") else "removed" if line.startswith("-") else ""


def _plain(text: str) -> tuple[tuple[Literal[""], str], ...]:
    return tuple(("", line) for line in text.split("\n"))


def _address(name: str, value: str) -> Sequence[Address]:
    """Return an address in its parts; None if a browser could read it differently."""
    if not re.fullmatch(r"https?://[^\s\\]+", value):
        return ()
    try:
        parts: SplitResult = urlsplit(value)
        port = parts.port
    except ValueError:
        return ()
    before, _, _ = parts.netloc.rpartition("@")
    host = parts.hostname or ""
    try:
        ascii_host = host.encode("idna").decode()
    except UnicodeError:
        ascii_host = ""
    rest = value.partition(parts.netloc)[2]
    shown = f"{host}:{port}" if port is not None else host
    return (Address(name, parts.scheme, before, shown, "" if ascii_host == host else ascii_host, rest),)

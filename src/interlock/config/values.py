"""The values that settings may have: durations, hours, days, moments, names and what people are called."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StrictStr, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_DURATION = timedelta(days=3660)
_DURATION = re.compile(r"([0-9]{1,6}w)?([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?")
_RATE = re.compile(r"([1-9][0-9]{0,8}) per ([0-9wdhms]+)")
_CLOCK = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS = re.compile(rf"{_CLOCK}-(?:{_CLOCK}|24:00)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2})?([Zz]|[+-][0-9]{2}:[0-9]{2})")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_NAME = r"^[^\W_][\w .\-]*$"
_PERSON = r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$"
_ASK = r"^(group:|role:|person:|anyone with role )[^\x00-\x1f]*[^\s\x00-\x1f]$"
ARGUMENT = r"^args(\.[A-Za-z_][A-Za-z0-9_\-]*)+$"
_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_]*$"
_REFERENCE = r"^[^:\s][^\x00-\x1f]*:[A-Za-z_][A-Za-z0-9_.]*$"

_SLUG = r"^[a-z0-9][a-z0-9\-]{0,39}$"
_QUEUE = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,199}$"
_QUEUE_ADDRESS = r"^(https?://[!-~]+|[A-Za-z0-9_\-]{1,80})$"
_REGION = r"^[a-z0-9\-]{1,40}$"
_SLACK_ROOM = r"^[CGD][A-Z0-9]{2,30}$"
_HOST = r"^[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?$"
_MAIL = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\-]{1,64}@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)*$"
_OAUTH_SCOPE = r"^[!#-\[\]-~]+$"

PATTERNS = {
    _NAME: "must be a name of letters, digits, spaces and . _ -",
    _PERSON: "must be a person's id, such as mia@example.com",
    _ASK: "must be group:NAME, role:NAME, person:ID or `anyone with role NAME`",
    ARGUMENT: "must be the path of an argument, such as args.amount",
    _IDENTIFIER: "must be a name of letters, digits and _",
    _REFERENCE: "must be module:attribute or path/to/file.py:attribute",
    _SLUG: "must be at most 40 small letters, digits and -",
    _QUEUE: "must be a name of at most 200 letters, digits and . _ -",
    _QUEUE_ADDRESS: "must be the name of a queue, or its address",
    _REGION: "must be the name of a region, such as eu-central-1",
    _SLACK_ROOM: "must be the id of a room, such as C0123456789, and not its name",
    _HOST: "must be the name or the address of a machine, such as smtp.example.com",
    _MAIL: "must be a mail address, such as approvals@example.com",
    _OAUTH_SCOPE: "must be one scope of the provider's, such as email",
}
"""What to say when text is not of one of these forms."""

NOT_YET = frozenset({"extend", "step_up"})


def parse_duration(text: object) -> timedelta:
    """Read a duration such as `30s`, `15m`, `4h`, `2d`, `1w` or `1h30m`."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None or not found.group():
        raise PydanticCustomError("duration", "must be a duration such as 30s, 15m, 4h, 2d, 1w or 1h30m")
    parts = [part for part in found.groups() if part]
    length = timedelta(**{_UNITS[part[-1]]: int(part[:-1]) for part in parts})
    if not timedelta(seconds=1) <= length <= MAX_DURATION:
        raise PydanticCustomError("duration", "must be at least 1s and at most ten years")
    return length


def parse_hold(text: object) -> timedelta:
    """Read the length of a hold: a duration, or `0s` for none."""
    return timedelta(0) if text == "0s" else parse_duration(text)


def none_if_false(value: object) -> object:
    """Read `false` as nothing; anything else stays as it is."""
    return None if value is False else value


def parse_rate(text: object) -> tuple[int, timedelta] | None:
    """Read how often something may happen, such as `600 per 1m`; None if `unlimited`."""
    if text == "unlimited":
        return None
    found = _RATE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise PydanticCustomError("rate", "must be how often in how long, such as 600 per 1m, or unlimited")
    return int(found[1]), parse_duration(found[2])


def parse_moment(text: object) -> datetime:
    """Read a moment such as `2026-12-01T09:00:00+01:00`: its offset says which one it is."""
    try:
        if isinstance(text, str) and _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # no such day, or too far away
    raise PydanticCustomError(
        "moment", "must be a moment with its offset, such as 2026-12-01T09:00:00Z or 2026-12-01T09:00:00+01:00"
    )


def _issuer(text: str) -> str:
    """Check an issuer (OpenID Connect Discovery, section 2): https, and on this machine also http."""
    try:
        parts = urlsplit(text)
        port_is_none = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_none = urlsplit(""), False
    is_here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    is_address = bool(parts.hostname) and port_is_none and "@" not in parts.netloc and text.isascii()
    if not is_address or parts.query or parts.fragment or "?" in text or "#" in text or " " in text:
        raise PydanticCustomError("issuer", "must be an address such as https://login.example.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise PydanticCustomError("issuer", "must begin with https://: whoever is between could be anybody")
    return text


def _http(text: str) -> str:
    """Check an address that is reached by HTTP."""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.fragment or parts.username is not None or not text.isascii() or " " in text:
        raise PydanticCustomError("address", "must be an address such as https://crm.example.com/interlock")
    return text


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `did you mean …?` with the nearest name, or else all names."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there is {', '.join(names)}" if names else "there is none"


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("number", "must be a number")
    return Decimal(value)


def _hours(value: object) -> object:
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise PydanticCustomError("hours", "must be hours such as 09:00-17:00, from 00:00 to 24:00")
    return value


def one_or_more(value: object) -> object:
    """Turn one span of hours into a list of one."""
    return (_hours(value),) if isinstance(value, str) else value


def _day(value: object) -> date:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:  # not in that month
        pass
    raise PydanticCustomError("date", "must be a day such as 2026-12-25")


def never_approve(value: object) -> object:
    """Refuse a setting by which silence would approve."""
    if value == "approve":
        raise PydanticCustomError("silence", "must be expire or escalate: silence never approves")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": f"^(?=.){_DURATION.pattern}$", "examples": ["30s", "4h", "1h30m"]}),
]
Hold = Annotated[
    timedelta,
    BeforeValidator(parse_hold),
    WithJsonSchema({"type": "string", "pattern": f"^(?=.){_DURATION.pattern}$", "examples": ["10s", "0s"]}),
]
Rate = Annotated[
    tuple[int, timedelta] | None,
    BeforeValidator(parse_rate),
    WithJsonSchema({"type": "string", "pattern": f"^(unlimited|{_RATE.pattern})$", "examples": ["600 per 1m"]}),
]
Issuer = Annotated[StrictStr, Field(max_length=150), AfterValidator(_issuer)]
Address = Annotated[StrictStr, Field(max_length=2_000), AfterValidator(_http)]
Hours = Annotated[str, BeforeValidator(_hours)]
_SPAN = {"type": "string", "pattern": f"^{_HOURS.pattern}$"}
_SPANS = {"type": "array", "items": _SPAN, "minItems": 1, "maxItems": 24}
ONE_OR_MORE_HOURS = WithJsonSchema({"anyOf": [{**_SPAN, "examples": ["09:00-17:00"]}, _SPANS]})
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Moment = Annotated[
    datetime,
    BeforeValidator(parse_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-12-01T09:00:00+01:00"]}),
]
Number = Annotated[Decimal, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
Name = Annotated[StrictStr, Field(pattern=_NAME, max_length=100)]
Slug = Annotated[StrictStr, Field(pattern=_SLUG)]
QueueName = Annotated[StrictStr, Field(pattern=_QUEUE)]
QueueAddress = Annotated[StrictStr, Field(pattern=_QUEUE_ADDRESS, max_length=300)]
Region = Annotated[StrictStr, Field(pattern=_REGION)]
SlackRoom = Annotated[StrictStr, Field(pattern=_SLACK_ROOM)]
HostName = Annotated[StrictStr, Field(pattern=_HOST)]
MailAddress = Annotated[StrictStr, Field(pattern=_MAIL, max_length=254)]
Variable = Annotated[StrictStr, Field(pattern=_IDENTIFIER, max_length=200)]
OAuthScope = Annotated[StrictStr, Field(pattern=_OAUTH_SCOPE, max_length=200)]
Person = Annotated[StrictStr, Field(pattern=_PERSON, max_length=200)]
Expression = Annotated[StrictStr, Field(min_length=1, max_length=2_000)]
AskEntry = Annotated[StrictStr, Field(pattern=_ASK, max_length=250)]
Identifier = Annotated[StrictStr, Field(pattern=_IDENTIFIER, max_length=64)]
Reference = Annotated[StrictStr, Field(pattern=_REFERENCE, max_length=1_000)]

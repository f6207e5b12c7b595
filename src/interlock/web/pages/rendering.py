"""Renders pages: a template, its reader, and headers that let nothing else run in it."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request as Call

from interlock.domain.access import Permission
from interlock.domain.action import Subject
from interlock.domain.canonical import Json
from interlock.domain.explain import duration_words
from interlock.domain.request import Request, name_of
from interlock.errors import InterlockError
from interlock.service.browser_names import browser_name
from interlock.service.failures import what_happened
from interlock.service.hostile_text import CLOSE, OPEN, fold_padding, harmless, quoted, shortened
from interlock.service.inline import as_json
from interlock.service.pages import Count
from interlock.service.summary import summaries, summary, summary_words
from interlock.web.callers import Caller, why_not
from interlock.web.context import context_of
from interlock.web.pages.appearance import appearance_of
from interlock.web.pages.assets import address_of
from interlock.web.pages.differences import changes_between
from interlock.web.pages.fields import FOR
from interlock.web.pages.markdown import formatted
from interlock.web.pages.value_text import shown_text
from interlock.web.pages.values import node_of
from interlock.web.visible import attention_seen, visible_inbox

_NAMED = re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")

LOOK_AGAIN = 15
"""Seconds after which a page that somebody looks at looks again, where no stream tells it what happens."""

MOST_WAITING = 99
"""The most waiting requests that are counted for every page."""

MADE_FOR = Markup('<input type="hidden" name="{}" value="{}">')
_MOMENT = re.compile(r"\b([0-9]{4}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]) UTC\b")
_PROGRAMMED = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+|[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+")
_JOINED = re.compile(r"_|(?<=[a-z0-9])(?=[A-Z])")
LONGEST_JOINED = 60
_CODE = re.compile(r"U\+([0-9A-F]{4,6})\b")
LONGEST_BEGINNING = 2_000
LONGEST_LINE = 300
"""The most characters of a name or a sentence in one line."""


@dataclass(frozen=True, slots=True)
class Section:
    """A link of the navigation."""

    name: str
    address: str
    need: Permission
    count: Callable[[Caller], Awaitable[Count]] | None = None
    """How much there is to do; 0 is not shown."""


async def _attention(caller: Caller) -> Count:
    return (await attention_seen(caller)).count


SECTIONS = (
    Section("Inbox", "/", Permission.decide),
    Section("Runs", "/runs", Permission.read),
    Section("Attention", "/attention", Permission.read, _attention),
    Section("Log", "/log", Permission.log),
    Section("Statistics", "/statistics", Permission.measure),
    Section("Policies", "/policies", Permission.read_all),
    Section("Settings", "/settings", Permission.manage),
)
"""The links of the navigation; each is shown to people who may follow it."""


def readable(text: object) -> Markup:
    """Return safe text in one line: invisible and deceptive characters are replaced by their names."""
    return badges(plain(text))


def plain(text: object) -> str:
    """Return safe text in one line without markup, for titles and attributes."""
    return shortened(fold_padding(harmless(str(text))), LONGEST_LINE)


def lines(text: object) -> Markup:
    """Return safe text with its line breaks, which `white-space` must keep."""
    return badges(fold_padding(harmless(str(text), lines=True)))


def value_text(text: str) -> Markup:
    """Return safe text of a value with its line breaks, and with visible spaces at its ends."""
    return badges(shown_text(text))


def badges(text: str) -> Markup:
    """Return harmless text as markup; what stands between the marks of `service/hostile_text.py` shows as a badge."""
    shown = _NAMED.sub(lambda found: _badge(found[1]), str(escape(text)))  # a name needs no escaping
    return Markup(f"<bdi>{shown}</bdi>")  # noqa: S704 - escaped as a whole


def formatted_text(text: str) -> Markup:
    """Return safe text with headings, lists and emphasis, and without links."""
    return Markup(_NAMED.sub(lambda found: _badge(found[1]), formatted(text)))  # noqa: S704 - escaped by both


@lru_cache(maxsize=1_000)
def _badge(name: str) -> Markup:
    code = _CODE.match(name)
    known = "" if code is None else unicodedata.name(chr(int(code[1], 16)), "")
    title = Markup(' title="{}"').format(known.capitalize()) if known else ""
    return Markup('<span class="character"{}>{}</span>').format(title, name)


def moment(at: datetime | None, *, left: bool = False) -> Markup:
    """Return a moment in UTC, which `times.js` writes in the reader's zone; with `left`, also the time until then."""
    if at is None:
        return Markup()
    at = at.astimezone(UTC)
    attribute = Markup(" data-left") if left else Markup()
    return Markup('<time datetime="{}"{}>{}</time>').format(at.isoformat(), attribute, f"{at:%-d %b %Y, %H:%M} UTC")


def dated(shown: Markup) -> Markup:
    """Return one of our sentences, safe already, with every moment shown as on all pages."""
    return Markup(_MOMENT.sub(_moment_named, shown))  # noqa: S704 - harmless already


def _moment_named(found: re.Match[str]) -> str:
    try:
        return moment(datetime.fromisoformat(f"{found[1]}+00:00"))
    except ValueError:  # somebody else wrote it, and it is no moment
        return found[0]


def lasting(span: timedelta) -> str:
    """Return a duration in its two largest units."""
    return " ".join(duration_words(max(span, timedelta(0))).split(" ")[:4])


def spelled(name: str) -> str:
    """Return the words of a programmer's name, such as `timeout_seconds` or `dryRun`; empty for any other text."""
    return _JOINED.sub(" ", name).lower() if len(name) <= LONGEST_JOINED and _PROGRAMMED.fullmatch(name) else ""


def in_one_line(value: Json) -> Markup:
    """Return the beginning of a value: a text itself, also if an object holds nothing else; any other value as JSON."""
    match value:
        case {"input": str(text)} if len(value) == 1:
            value = text
    if isinstance(value, str):
        return readable(value[:LONGEST_BEGINNING])
    shown = ""
    for piece in _pieces(value):
        shown += piece
        if len(shown) > LONGEST_LINE:
            return badges(f"{shown[:LONGEST_LINE]}…")
    return badges(shown)


def _pieces(value: Json) -> Iterator[str]:
    """Yield a value as JSON, piece by piece, so that a caller can stop after the beginning."""
    match value:
        case str():
            yield quoted(value[:LONGEST_BEGINNING])
        case list() | dict():
            yield "[" if isinstance(value, list) else "{"
            for number, part in enumerate(value):
                yield ", " if number else ""
                if isinstance(value, dict):
                    yield f"{quoted(part[:LONGEST_BEGINNING])}: "
                yield from _pieces(value[part] if isinstance(value, dict) else part)
            yield "]" if isinstance(value, list) else "}"
        case _:
            yield as_json(value)


def in_words(subject: Subject) -> Markup:
    """Return an ask in one line: its name and its most telling part."""
    return readable(summary_words(summary(subject)))


def each_in_words(requests: Sequence[Request]) -> list[tuple[Request, Markup]]:
    """Return the asks of some requests, each in one line; different asks never read alike."""
    shorts = summaries([one.edition.subject for one in requests])
    return [(one, readable(summary_words(short))) for one, short in zip(requests, shorts, strict=True)]


def failure(note: str) -> Markup:
    """Return a failure in words, with its line breaks."""
    return lines(what_happened(note))


ENVIRONMENT = Environment(
    loader=PackageLoader("interlock.web.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {
    "name": name_of,
    "browser": browser_name,
    "readable": readable,
    "plain": plain,
    "lines": lines,
    "badges": badges,
    "value_text": value_text,
    "node": node_of,
    "formatted": formatted_text,
    "differs_from": changes_between,
    "moment": moment,
    "dated": dated,
    "lasting": lasting,
    "spelled": spelled,
    "in_words": in_words,
    "each_in_words": each_in_words,
    "failure": failure,
    "in_one_line": in_one_line,
}
ENVIRONMENT.globals["asset"] = address_of


async def waiting_for(caller: Caller) -> Count | None:
    """Return how many requests wait for the reader, for every page; None if that cannot be read now."""
    with suppress(InterlockError):
        return await (await visible_inbox(caller)).count("mine", most=MOST_WAITING)
    return None


async def _now(caller: Caller | None) -> str:
    """Return the store's time, because a reader's clock may be wrong; empty if it cannot be read now."""
    with suppress(InterlockError):
        return "" if caller is None else (await caller.client.now()).isoformat()
    return ""


async def page(
    call: Call,
    template: str,
    caller: Caller | None = None,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page.

    Args:
        caller: the reader; None if they are not signed in.
        values: the values of the template.
    """
    nonce = secrets.token_urlsafe(16)
    frame: dict[str, Any] = {
        "nonce": nonce,
        "appearance": appearance_of(call),
        "person": None if caller is None else caller.principal.id,
        "mark": None if caller is None else caller.mark,
        "made_for": "" if caller is None else MADE_FOR.format(FOR, caller.mark),
        "sections": await _sections(call, caller),
        "path": call.url.path,
        "position": getattr(call.state, "position", ""),
        "looks_again": "" if context_of(call).streams_events else str(LOOK_AGAIN),
        "now": await _now(caller),
        "address": call.url.path + (f"?{call.url.query}" if call.url.query else ""),
        "key": secrets.token_hex(16),
    }
    if "waiting" not in values:
        frame["waiting"] = None if caller is None else await waiting_for(caller)
    return _answer(caller, template, frame | values, status, headers or {})


def region(caller: Caller, template: str, **values: Any) -> HTMLResponse:
    """Return a region of a page that fetches itself again: without the frame around it, and what that has to count."""
    return _answer(caller, template, {"nonce": secrets.token_urlsafe(16), **values}, HTTPStatus.OK, {})


def _answer(
    caller: Caller | None, template: str, values: Mapping[str, Any], status: HTTPStatus, headers: Mapping[str, str]
) -> HTMLResponse:
    shown = ENVIRONMENT.get_template(template).render(values)
    said = {"Content-Security-Policy": policy(values["nonce"])} | ({} if caller is None else {"Made-For": caller.mark})
    return HTMLResponse(shown, status, {**headers, **said})


def policy(nonce: str) -> str:
    """Return what a page may load and run: files of ours that it names itself. No page can frame it."""
    allowed = {
        "default-src": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": f"'nonce-{nonce}'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "htmx",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


async def _sections(call: Call, caller: Caller | None) -> list[tuple[Section, Count | None]]:
    if caller is None:
        return []
    context = context_of(call)
    open_ = [one for one in SECTIONS if await why_not(caller, one.need, context) is None]
    return [(one, None if one.count is None else await one.count(caller)) for one in open_]

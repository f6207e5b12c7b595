"""A mail's text, and the same as HTML: without pictures, scripts or anything that a mail program would fetch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from textwrap import TextWrapper

from interlock.channels.mail_content import Content
from interlock.terminal.screen import Line

NO_REPLIES = "Replies to this mail are not read, and nothing in it decides by itself."
WHY = "You get it because this waits for you, or did."

WIDTH = 72
"""How many characters of what an agent has given stand in a line of a mail's text, beside its indent."""

GOES_ON = "  ↪ "
"""What stands before what goes on in another line: no key, and nothing of ours, begins so."""

_WRAPPED = TextWrapper(
    WIDTH, expand_tabs=False, replace_whitespace=False, drop_whitespace=False, break_on_hyphens=False
)
_STYLE = """
body { margin: 0; padding: 16px; font: 16px/1.45 system-ui, sans-serif; color: #1d2330; background: #fff; }
.all { max-width: 640px; margin: 0 auto; } h1 { font-size: 20px; margin: 0 0 12px; }
.what { border: 1px solid #9aa3b2; border-radius: 8px; padding: 12px; font: 15px/1.45 ui-monospace, monospace;
  overflow-wrap: anywhere; }
.what div { padding-left: 20px; text-indent: -20px; }
.title { font-weight: 700; } .warn { color: #8a4b00; font-weight: 600; } .dim { color: #4c5566; }
.what .said { border-left: 2px solid #9aa3b2; padding-left: 8px; text-indent: 0; }
h2 { font-size: 14px; margin: 20px 0 4px; color: #4c5566; } p, li, td { overflow-wrap: anywhere; }
.button { display: inline-block; margin: 16px 8px 0 0; padding: 12px 20px; border-radius: 8px; background: #1f4fd8;
  color: #fff; text-decoration: none; font-weight: 600; min-height: 20px; }
.second { background: #fff; color: #1d2330; border: 1px solid #4c5566; }
table { border-collapse: collapse; margin-top: 12px; }
th { text-align: left; vertical-align: top; padding: 2px 12px 2px 0; }
td { padding: 2px 0; } ol { padding-left: 24px; } li { margin: 8px 0; } a { color: #1f4fd8; }
.small { font-size: 13px; color: #4c5566; margin-top: 24px; }
@media (prefers-color-scheme: dark) {
  body, .second { background: #14171f; color: #e6e9f0; } .dim, h2, .small { color: #a9b2c3; } .warn { color: #f0b35a; }
  a { color: #9db7ff; } a.button { color: #fff; } a.second { color: #e6e9f0; }
}
"""


def text_of(content: Content, settings: str) -> str:
    """Return a mail as text.

    Args:
        settings: where one changes what one is told.
    """
    return "\n".join(_text(content, settings)) + "\n"


def _text(content: Content, settings: str) -> Iterator[str]:
    yield from (content.headline, "")
    if content.asks:
        yield content.title.upper()
        yield from _indented(content.asks)
        yield ""
    yield from (f"* {one}" for one in content.follows)
    for number, (what, until, address) in enumerate(content.rows, start=1):
        yield from (f"{number}. {what}", *([f"   {until}"] if until else []), f"   {address}", "")
    yield from ("", *(f"{name}: {said}" for name, said in content.facts))
    yield from ("", f"{content.leads}:", content.address, "")
    for name, address in content.links:
        yield from (f"{name} (opens a page that asks once more):", address, "")
    if content.words:
        yield from ("IN THE AGENT'S OWN WORDS, WHICH NOBODY HAS CHECKED", *_indented(content.words), "")
    yield from (NO_REPLIES, f"{WHY} Change what you are told: {settings}")


def _indented(lines: Iterable[Line]) -> Iterator[str]:
    """Break lines where a mail program would: what goes on in another line must not look like one of its own."""
    for line in lines:
        first = f"  {line.indent}"
        wrapped = _WRAPPED.wrap(line.text) or [""]
        yield f"{first}{wrapped[0]}"
        yield from (f"{first}{GOES_ON}{one}" for one in wrapped[1:])


def html_of(content: Content, settings: str) -> str:
    """Return a mail as HTML. See `text_of`."""
    return "".join(_html(content, settings))


def _html(content: Content, settings: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
    yield f'<title>{_shown(content.subject)}</title><style>{_STYLE}</style></head><body><div class="all">'
    yield f"<h1>{_shown(content.headline)}</h1>"
    if content.asks:
        yield from _block(content.title, content.asks)
    yield from (f"<p>{_shown(one)}</p>" for one in content.follows)
    if content.rows:
        yield "<ol>"
        for what, until, address in content.rows:
            yield f'<li><a href="{escape(address)}">{_shown(what)}</a><br><span class="dim">{_shown(until)}</span></li>'
        yield "</ol>"
    if content.facts:
        rows = (f"<tr><th>{_shown(name)}</th><td>{_shown(said)}</td></tr>" for name, said in content.facts)
        yield f"<table>{''.join(rows)}</table>"
    yield f'<p><a class="button" href="{escape(content.address)}">{content.leads}</a>'
    yield from (
        f'<a class="button second" href="{escape(address)}">{_shown(name)}…</a>' for name, address in content.links
    )
    yield "</p>"
    if content.words:
        yield from _block("In the agent's own words, which nobody has checked", content.words)
    yield f'<p class="small">{NO_REPLIES}<br>{WHY} <a href="{escape(settings)}">Change what you are told</a>.</p>'
    yield "</div></body></html>"


def _block(title: str, lines: Iterable[Line]) -> Iterator[str]:
    yield f'<h2>{escape(title)}</h2><div class="what">'
    for line in lines:
        indent = 8 * line.indent.replace("│ ", "  ").count("  ")
        style = f' style="margin-left: {indent}px"' if indent else ""
        kind = f"{line.style or 'line'}{' said' if '│' in line.indent else ''}"
        yield f'<div class="{kind}"{style}>{_shown(line.text) or "&nbsp;"}</div>'
    yield "</div>"


def _shown(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>" if text else ""

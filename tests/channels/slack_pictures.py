"""Cards as HTML, near enough to how Slack shows them, for a look: `python -m tests.channels.slack_pictures FOLDER`."""

import asyncio
import sys
import tempfile
from html import escape
from pathlib import Path

from playwright.async_api import async_playwright
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.hostile import EVIL, LINES, MARKUP
from tests.channels.slack_room import POLICY, Room

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Action, Question
from interlock.storage.memory import MemoryStore
from interlock.testing.fakes import SettableClock

STYLE = """
body { font: 15px/1.46 Lato, "Helvetica Neue", Arial, sans-serif; margin: 16px; color: #1d1c1d; background: #fff }
.message { max-width: 640px; margin-bottom: 28px; border-left: 4px solid #ddd; padding-left: 12px }
h3 { margin: 4px 0; font-size: 18px }
.context { color: #616061; font-size: 12px; margin: 4px 0 }
p, pre, blockquote { margin: 2px 0; white-space: pre-wrap; word-break: break-word }
pre { background: #f8f8f8; border: 1px solid #ddd; padding: 6px }
blockquote { border-left: 4px solid #ddd; padding-left: 10px }
code { color: #c01343; background: #f8f8f8; border: 1px solid #ddd; border-radius: 3px; padding: 0 2px }
button { border: 1px solid #ccc; border-radius: 4px; padding: 6px 12px; margin: 6px 8px 6px 0; font-weight: 700 }
button { background: #fff; color: inherit }
.primary { background: #007a5a; color: #fff }
.danger { background: #e01e5a; color: #fff }
@media (prefers-color-scheme: dark) {
  body { background: #1a1d21; color: #d1d2d3 }
  pre, code, button { background: #222529; border-color: #555 }
}
"""


def page(contents):
    """Return messages as a page."""
    shown = "".join(f'<div class="message">{"".join(map(block, one))}</div>' for one in contents)
    head = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    return f"{head}<style>{STYLE}</style>{shown}"


def block(one):
    match one["type"]:
        case "header":
            return f"<h3>{escape(one['text']['text'])}</h3>"
        case "section":
            return f"<p>{escape(one['text']['text'])}</p>"
        case "context":
            return "".join(f'<div class="context">{escape(each["text"])}</div>' for each in one["elements"])
        case "actions":
            return "".join(map(button, one["elements"]))
        case "rich_text":
            return "".join(map(part, one["elements"]))


def button(one):
    confirm = f" title='{escape(one['confirm']['text']['text'])}'" if "confirm" in one else ""
    return f'<button class="{one.get("style", "")}"{confirm}>{escape(one["text"]["text"])}</button>'


def part(one):
    tag = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote"}.get(one["type"], "p")
    return f"<{tag}>{''.join(map(piece, one['elements']))}</{tag}>"


def piece(one):
    if one["type"] == "date":
        return escape(one["fallback"])
    text, style = escape(one["text"]), one.get("style", {})
    for name, tag in (("bold", "b"), ("italic", "i"), ("code", "code")):
        text = f"<{tag}>{text}</{tag}>" if style.get(name) else text
    return text


async def cards(folder):
    """Return cards of all sorts."""
    clock = SettableClock()
    (folder / "interlock.yaml").write_text(POLICY)
    room = Room(build(load_settings(folder / "interlock.yaml", {}), {}, store=MemoryStore(clock)), clock)
    mail = {
        "to": ["ann@example.com", "bob@example.com"],
        "subject": "Prices",
        "body": "Dear all,\n\nprices rise by 3 %.\n\nBest",
    }
    asked = [
        await room.ask(Action("send_email", mail), description="A mail to two customers.", reference="CRM-88"),
        await room.ask(
            Action(f"pay <!channel> {EVIL}"[:150], {"to": f"*bold* <@U1> {EVIL}", "a": {"b": [1, EVIL]}}),
            description=EVIL,
        ),
        await room.ask(Action("pay", {"lines": LINES}), description="<https://evil.example|Approve here> :skull:"),
        await room.ask(Question("Which account?", options=["Savings", "Current"])),
        await room.ask(Action("delete_table", {"name": "customers"}), context={"reversible": False}),
        await room.ask(Action("wire", {"amount": 1200, "to": "ACME"}), reference=f"ref {MARKUP}"[:90]),
    ]
    await room.person("mia@example.com", "slack").approve(asked[5].id, digest=None, comment="checked the invoice")
    found = [(await room.card(one.id)).blocks for one in asked]
    await room.person("noah@example.com").approve(asked[5].id, digest=None, comment="fine")
    await room.person("noah@example.com").reject(asked[4].id, digest=None, comment=f"no {EVIL}")
    found += [(await room.card(one.id)).blocks for one in (asked[5], asked[4])]
    await room.system.close()
    return found


async def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        html = page(await cards(Path(place)))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, width, scheme in (("phone", 390, "dark"), ("desk", 1280, "light")):
            view = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            await view.set_content(html)
            await view.screenshot(path=folder / f"slack.{name}.png", full_page=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

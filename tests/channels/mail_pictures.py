"""Mails as a mail program shows them, for a look: `python -m tests.channels.mail_pictures FOLDER`.

Every kind of mail, of an agent that means well and of one that attacks: as HTML at both sizes, light and dark; as text.
"""

import asyncio
import sys
import tempfile
from html import escape
from pathlib import Path

from playwright.async_api import async_playwright
from tests.browser.conftest import CHROMIUM, FLAGS, SIZES
from tests.browser.hostile import EVIL, LINES, MARKUP, SAID, VALUES
from tests.channels.house import CONFIG, MIA, NOAH, OLGA, House
from tests.channels.post_office import post_office

from interlock.bootstrap import build
from interlock.channels.mail import MailSender, MailServer
from interlock.config import load_settings
from interlock.domain.action import Action, Draft, Question
from interlock.domain.notice_choice import NoticeChoice, Way
from interlock.service.notices import Notices, mail_address_of
from interlock.testing.fakes import SettableClock

OLGA_MAIL = "olga@example.com"
ORIGIN = "https://approvals.example.com"
HEAD = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
PLAIN = f"{HEAD}<pre style='white-space: pre-wrap; overflow-wrap: anywhere'>"
MAIL = {"to": ["ann@example.com"], "subject": "Prices", "body": "Dear all,\n\nprices rise by 3 %.\n\nBest\nMia"}


class Office:
    """A house whose agents ask, and its mail."""

    def __init__(self, folder, box, port):
        clock = SettableClock()
        (folder / "interlock.yaml").write_text(CONFIG.replace("group:managers], ", "group:managers], approvals: 2, "))
        settings = load_settings(folder / "interlock.yaml", {"INTERLOCK_DATABASE_URL": "memory:"})
        system = build(settings, {}, clock=clock)
        more = {"tenant": "default", "sender": ("Approvals at ACME", "approvals@example.com"), "origin": ORIGIN}
        notices, server = (
            Notices(system, "default", "mail", mail_address_of("mail")),
            MailServer("127.0.0.1", port, "none"),
        )
        sender = MailSender("mail", notices, server, **more, now=clock, most_an_hour=None, links=b"k" * 32)
        self.box, self.house, self.found = box, House(system, clock, sender), {}

    async def keep(self, name, person=MIA, **by):
        """Keep the mail that somebody gets next."""
        await self.house.goes(**by)
        sent = self.box.take()
        assert person in sent, f"{name}: {sorted(sent)}"
        self.found[name] = sent[person]

    async def well(self):
        """Let a good agent ask, and people decide."""
        for person in (MIA, NOAH):
            await self.house.choose(person, NoticeChoice(outcomes=True, zone="Europe/Berlin"))
        asked = await self.house.ask(
            Action("send_email", MAIL), description="To our two customers.", reference="CRM-88"
        )
        await self.keep("asked")
        await self.keep("reminded", hours=1)
        await self.house.by(MIA).edit(asked.id, {**MAIL, "subject": "New prices"}, digest=None)
        await self.keep("changed", NOAH)
        await self.keep("escalated", OLGA_MAIL, hours=2)
        await self.house.by(NOAH).approve(asked.id, digest=None, comment="fine")
        await self.keep("next-step", OLGA_MAIL)
        await self.house.by(OLGA).approve(asked.id, digest=None)
        asked = await self.house.ask(Action("send_email", MAIL))
        await self.keep("asked-in-short")
        await self.house.by(NOAH).reject(asked.id, digest=None, comment="Not before Monday.")
        await self.keep("ended")
        await self.house.ask(Question("Which account?", options=["Savings", "Current"]))
        await self.keep("question")
        await self.house.ask(Draft("# Plan\n\nFirst this, then that.", title="A plan"))
        await self.keep("draft")

    async def badly(self):
        """Let an agent attack by all that it says."""
        said = {"description": SAID, "context": {EVIL: [EVIL]}, "reference": f"ref {MARKUP}"[:200]}
        await self.house.ask(Action(f"pay {EVIL}"[:200], VALUES), **said)
        await self.keep("evil-action")
        small = {"to": f"Approve <a href='https://evil.example'>here</a> {EVIL}", EVIL: {"a": [1, EVIL]}}
        asked = await self.house.ask(Action("pay", small), description=f"</div></table>{EVIL}", initiator=MIA)
        await self.keep("evil-with-links", NOAH)
        await self.house.by(NOAH).ask_back(asked.id, EVIL)
        await self.keep("evil-asked-back")
        await self.house.by(NOAH).reject(asked.id, digest=None, comment=EVIL)
        await self.keep("evil-ended")
        await self.house.ask(Question(EVIL, options=[EVIL, "other"]), description=LINES)
        await self.keep("evil-question")
        await self.house.ask(Draft({"title": EVIL, "text": LINES}, title=f"draft {EVIL}"[:200]))
        await self.keep("evil-draft")
        await self.house.choose(MIA, NoticeChoice({"mail": Way("digest", "17:00")}))
        for number in range(12):
            await self.house.ask(
                Action(f"{'pay' if number % 2 else 'x' * 150} {EVIL}"[:200], {"n": number, "to": EVIL})
            )
        await self.house.goes()
        await self.keep("evil-digest", hours=6)


async def mails():
    """Return every mail by a name."""
    with tempfile.TemporaryDirectory() as folder:
        async with post_office() as (box, port):
            office = Office(Path(folder), box, port)
            await office.well()
            await office.badly()
            await office.house.system.close()
    return office.found


async def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    found = await mails()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for size, pixels in SIZES.items():
            for scheme in ("light", "dark"):
                page = await browser.new_page(viewport=pixels, color_scheme=scheme)
                for name, mail in found.items():
                    await page.set_content(mail.get_body(("html",)).get_content())
                    await page.screenshot(path=folder / f"mail-{name}.{size}.{scheme}.png", full_page=True)
                    if scheme == "light":
                        await page.set_content(PLAIN + escape(mail.get_body(("plain",)).get_content()))
                        await page.screenshot(path=folder / f"mail-{name}-text.{size}.png", full_page=True)
                await page.close()
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

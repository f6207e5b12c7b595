"""Mail: what it says, to whom, in which thread; and what a mail server may do to it."""

import re
from datetime import timedelta
from html import unescape

import pytest
from tests.channels.house import MIA, NOAH, OLGA
from tests.channels.post_office import post_office

from interlock.channels import mail as module
from interlock.channels.mail import MailSender, MailServer
from interlock.domain.action import Action, Question
from interlock.domain.authority import Principal
from interlock.domain.delivery import DeliveryState
from interlock.domain.notice_choice import NoticeChoice, Way
from interlock.domain.reply_tokens import read_reply_token
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.service.hostile_text import TURNING
from interlock.service.notices import Notices, mail_address_of

ORIGIN = "https://approvals.example.com"
HIDDEN = "\u202e\u2066\u200b\u2060\ufeff\U000e0041"
MARKUP = "<img src=x onerror=hacked()>\"'</div>"
EVIL = f"{MARKUP}{HIDDEN}\r\nBcc: eve@example.com\r\n\r\n"


@pytest.fixture
async def office(open_house, clock):
    """Yield a house with mail, and its mail server."""
    async with post_office() as (box, port):

        def sender(system, security="none"):
            return MailSender(
                "mail",
                Notices(system, "default", "mail", mail_address_of("mail")),
                MailServer("127.0.0.1", port, security),
                tenant="default",
                sender=("Approvals at ACME", "approvals@example.com"),
                origin=ORIGIN,
                now=clock,
                most_an_hour=10,
            )

        senders = []
        house = open_house(lambda system: senders.append(sender(system)) or senders[0])
        house.sender_of_mail = senders[0]
        house.box, house.sender, house.port = box, sender, port
        yield house


async def mails(house, **by):
    await house.goes(**by)
    return house.box.take()


def parts(mail):
    return {kind: mail.get_body((kind,)).get_content() for kind in ("plain", "html")}


async def test_a_mail_says_what_will_happen_by_when_and_who_decides_and_leads_to_the_page(office):
    await office.choose(NOAH, NoticeChoice({}, "Europe/Berlin"))
    asked = await office.ask(
        Action("pay", {"to": "ACME", "amount": 120.5}), description="All is well.", reference="order 17"
    )
    sent = await mails(office)
    assert sorted(sent) == [MIA, NOAH]
    mail = sent[NOAH]
    assert (mail["From"], mail["Subject"]) == (
        "Approvals at ACME <approvals@example.com>",
        "Decide: pay: to ACME, amount 120.5",
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == f"<{ORIGIN}/account/notices>"
    assert "List-Unsubscribe-Post" not in mail
    for said in parts(mail).values():
        wanted = ("An action waits for your decision", "amount: 120.5", 'to: "ACME"', f"{ORIGIN}/requests/{asked.id}")
        wanted += ("Mon 2 Nov 2026, 18:00 (Europe/Berlin)", "mia@example.com, noah@example.com, rex", "order 17")
        for text in (*wanted, "Asked by", "payer", "All is well.", "Replies to this mail are not read"):
            assert text in said.replace("&quot;", '"'), text
        assert said.index("amount: 120.5") < said.index("All is well."), "the agent's own words come below"
    assert "http" not in parts(mail)["html"].replace(ORIGIN, ""), "nothing else is led to, or fetched"


async def test_all_about_one_request_stands_in_one_thread_for_each_person(office):
    asked = await office.ask()
    first = await mails(office)
    second = await mails(office, hours=1)
    await office.by(MIA).ask_back(asked.id, "Why?")
    roots = {person: mail["Message-ID"] for person, mail in first.items()}
    assert len(set(roots.values())) == 2
    for person, mail in second.items():
        assert mail["In-Reply-To"] == mail["References"] == roots[person]
        assert mail["Subject"] == f"Re: {first[person]['Subject']}"
        assert mail["Message-ID"] not in roots.values()
        assert "A reminder" in parts(mail)["plain"]
    [row, _] = await office.system.store.deliveries("default", DeliveryFilter(recipient=MIA))
    assert row.reference == second[MIA]["Message-ID"]


async def test_hostile_content_can_only_be_read(office):
    args = {EVIL: EVIL, "to": [EVIL], "long": "x" * 5_000, "lines": f"{EVIL}\n" * 300} | {
        f"z{n}": n for n in range(300)
    }
    asked = await office.ask(
        Action(f"evil {MARKUP}", args), description=EVIL * 50, context={EVIL: EVIL}, reference="<b>r</b>"
    )
    mail = (await mails(office))[MIA]
    assert mail["Bcc"] is None
    assert mail["To"] == MIA
    text, html = parts(mail).values()
    for said in (text, html, mail["Subject"]):
        assert not TURNING & set(said)
        assert not {"\u200b", "\u2060", "\ufeff", "\U000e0041"} & set(said)
    assert "⟨U+202E⟩" in text
    assert "⟨U+202E⟩" in html
    assert not {"<img", "<b>r", "</div>{"} & set(html.split())
    assert "<img" not in html
    assert "1,000 of 5,000 characters are shown; the page shows all" in text
    assert "lines are shown; the page shows all" in html
    assert "turns round what follows" in text, "also where all the rest is cut"
    assert len(mail.as_bytes()) < 100_000
    words = text[text.index("OWN WORDS") :].split("\n")[1:-6]
    assert all(line.lstrip().startswith(("│", '"', "↪")) for line in words if "eve" in line), (
        "none of them can pass for ours"
    )
    await office.by(MIA).ask_back(asked.id, EVIL)
    assert await mails(office) == {}, "nobody started it"


async def test_what_goes_on_in_another_line_cannot_pass_for_a_line_of_its_own(office):
    hides = " ".join(["ACME", "and more" * 7, "amount: 1", "Until: never", "Approve (opens a page)"] * 3)
    await office.ask(Action("pay", {"amount": 9_000, "to": hides}))
    text, html = parts((await mails(office))[MIA]).values()
    begins = [line for line in text.splitlines() if re.match(r"\s*(amount: 1|Until: never|Approve)", line)]
    assert begins == []
    longest = max(len(line) for line in text.splitlines() if "amount: 1" in line)
    assert longest <= 80, "so no mail program breaks it anew"
    shown = text[text.index("to: ") :].replace("\r", "").partition("\n\n")[0]
    assert re.sub(r"\n +↪ ", "", shown) == f'to: "{hides}"', "and nothing of it is lost"
    assert ".what div { padding-left: 20px; text-indent: -20px; }" in html


async def test_what_somebody_says_is_made_harmless_once(office):
    asked = await office.ask(initiator=OLGA)
    await mails(office)
    await office.by(MIA).ask_back(asked.id, "Why \u202e ⟨here⟩?")
    (mail,) = (await mails(office)).values()
    for said in parts(mail).values():
        assert "⟨U+202E⟩ ⟨U+27E8⟩here⟨U+27E9⟩" in said, "and not once more what stands for a character"


async def test_links_that_decide_are_only_in_mails_that_show_all_of_it_and_only_where_they_are_wanted(office):
    await office.ask()
    assert "/decide?" not in str((await mails(office))[MIA])
    office.sender_of_mail._links = b"k" * 32
    one = await office.ask(Action("pay", {"to": "ACME"}))
    links = {
        person: re.findall(r"/decide\?token=(irt_[\w.\-]+)", parts(mail)["html"])
        for person, mail in (await mails(office)).items()
    }
    grants = {
        person: [read_reply_token(b"k" * 32, link, office.clock.at) for link in found]
        for person, found in links.items()
    }
    for person in (MIA, NOAH):
        assert [(one.person, str(one.verdict), one.digest) for one in grants[person]] == [
            (person, verdict, one.digest) for verdict in ("approve", "reject") for one in [grants[person][0]]
        ]
        assert {grant.request_id for grant in grants[person]} == {one.id}
    await office.ask(Action("pay", {"text": "x" * 5_000}))
    assert "/decide?" not in str((await mails(office))[MIA]), "it does not show all of it"


async def test_an_argument_that_looks_like_a_conversation_is_shown_whole_where_a_link_decides(office):
    office.sender_of_mail._links = b"k" * 32
    hiding = {"tool_call_id": "WIRE-1", "response_metadata": {"also": "WIRE-2"}, "tool_calls": "WIRE-3"}
    await office.ask(Action("post", {"messages": [{"role": "user", "content": "Hello team", **hiding}]}))
    said = parts((await mails(office))[MIA])["plain"]
    assert "/decide?token=" in said
    assert all(f"WIRE-{number}" in said for number in (1, 2, 3))


async def test_a_question_and_what_is_asked_back_and_how_it_ended(office):
    for person in (MIA, OLGA):
        await office.choose(person, NoticeChoice(outcomes=True))
    asked = await office.ask(Question("Which colour?", options=["red", "blue"]), initiator=OLGA)
    first = (await mails(office))[MIA]
    assert first["Subject"] == "Answer: Which colour?: 2 options"
    await office.by(MIA).ask_back(asked.id, "For <whom>?")
    [(person, mail)] = (await mails(office)).items()
    assert person == "olga@example.com", "the name of hers that is an address"
    assert 'mia@example.com asks you about what you have started: "For <whom>?"' in parts(mail)["plain"]
    await office.by(NOAH).answer(asked.id, "red", digest=None)
    await office.goes()
    await office.by(OLGA).answer(asked.id, "red", digest=None)
    sent = await mails(office)
    assert "Nothing is left to do for you: it is answered by" in parts(sent[MIA])["plain"]


async def test_a_mail_says_who_has_voted_by_which_way(office):
    await office.choose(NOAH, NoticeChoice(outcomes=True))
    asked = await office.ask()
    await mails(office)
    for person, via in ((MIA, "link"), (OLGA, "slack")):
        await office.system.client(Principal(person, "person", "default", via)).approve(asked.id, digest=None)
    for said in parts((await mails(office))[NOAH]).values():
        assert f"{MIA} approved by a mail's link" in unescape(said)
        assert "olga approved in Slack" in said
        assert "WHAT WAS ASKED" in said.upper()
        assert "Open the request" in said, "there is nothing to decide any more"


async def test_a_digest_lists_what_waits_with_its_links(office):
    await office.choose(MIA, NoticeChoice({"mail": Way("digest", "12:00", "mia@elsewhere.example")}))
    asked = [await office.ask(Action(MARKUP if n else "pay", {"n": n})) for n in range(3)]
    await office.goes()
    office.box.take()
    mail = (await mails(office, hours=3))["mia@elsewhere.example"]
    assert mail["Subject"] == "3 requests wait for you"
    for said in parts(mail).values():
        assert all(f"{ORIGIN}/requests/{one.id}" in said for one in asked)
    assert "<img" not in parts(mail)["html"]


@pytest.mark.parametrize("down", ["451 try later", "429 too many", "drop", "slow", "refused"])
async def test_a_mail_server_that_is_down_for_an_hour_holds_up_nobody(office, monkeypatch, down):
    """Fault 14."""
    monkeypatch.setattr(module, "SECONDS", 0.2 if down == "slow" else 10)
    office.box.answers["DATA"] = down
    if down == "refused":
        office.box.server.close()
    asked, decided = await office.ask(), await office.ask()
    await office.by(MIA).reject(decided.id, digest=None, comment="no")
    for _ in range(3):
        await office.goes(hours=1)
    assert (await office.request(asked.id)).escalated == (0,)
    assert len((await office.request(decided.id)).votes) == 1
    row = next(one for one in await office.rows(OLGA) if one.state is DeliveryState.waiting)
    assert row.attempts > 0, "the next people are tried"
    assert row.last[0].error.startswith(("The mail server is not reached", "The mail server does not take the mail: 4"))
    office.box.answers.clear()
    monkeypatch.setattr(module, "SECONDS", 10)
    if down == "refused":
        await office.box.listen(office.port)
    assert sorted(await mails(office, minutes=15)) == [MIA, NOAH, "olga@example.com"]


async def test_an_address_that_does_not_exist_is_given_up_at_once_and_keeps_nobody_else(office):
    office.box.answers[MIA] = "550 no such user"
    await office.ask()
    assert sorted(await mails(office)) == [NOAH]
    [row] = await office.rows(MIA)
    assert (row.state, row.last[0].error) == (
        DeliveryState.failed,
        "The mail server does not take this address: 550 no such user",
    )


async def test_without_encryption_nothing_is_sent_where_it_is_wanted(office):
    office.deliverer._senders["mail"] = office.sender(office.system, "starttls")
    await office.ask()
    assert await mails(office) == {}
    [row] = await office.rows(MIA)
    assert "STARTTLS" in row.last[0].error
    assert row.due_at == office.clock.at + timedelta(seconds=10)

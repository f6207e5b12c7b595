"""How people are told, chosen by each for themselves: on a page, over HTTP, by the client and in a terminal."""

import re
from dataclasses import replace

import httpx2
import pytest

from interlock.client import connect
from interlock.client.calls import Session
from interlock.config.channels import MailSettings
from interlock.domain.notice_choice import NoticeChoice, Way
from interlock.errors import Forbidden, InvalidValue
from interlock.web.app import application

MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
MAIL = MailSettings(type="mail", host="mail.example.com", sender="a@example.com")
PATH = "../../account/notices"
FORM = {
    "when-mail": "digest",
    "at-mail": "08:15",
    "address-mail": " mia@elsewhere.example ",
    "zone": "Europe/Berlin",
    "quiet-from": "22:00",
    "quiet-to": "07:00",
    "outcomes": "on",
}
CHOSEN = NoticeChoice(
    {"mail": Way("digest", "08:15", "mia@elsewhere.example")}, "Europe/Berlin", ("22:00", "07:00"), True
)


@pytest.fixture
def server(open_server):
    server = open_server()
    channels = {"mail": MAIL, "theirs": MAIL.model_copy(update={"tenant": "other"})}
    server.context = replace(server.context, channels=channels)
    server.app = application(server.context)
    return server


async def kept(server, person=MIA):
    return (await server.system.directories.kept("default")).notices.get(person)


async def test_somebody_chooses_on_the_page_and_finds_it_there(server):
    mia = await server.person(MIA)
    first = (await mia.get(PATH)).text
    assert 'value="at_once" checked' in first
    assert "Empty: mia@example.com, your name here." in first
    assert "theirs" not in first
    answer = await mia.post(PATH, data=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/notices?done=saved")
    assert await kept(server) == CHOSEN
    shown = (await mia.get(f"{PATH}?done=saved")).text
    for wanted in ('value="digest" checked', 'value="08:15"', "mia@elsewhere.example", 'value="22:00"', "from now on"):
        assert wanted in shown
    assert re.findall(r'<a href="([^"]+)" aria-current="page">', shown) == ["/account/notices"]
    log = await (await server.person(OLGA)).get("../../log")
    assert "mia@example.com is told of what waits for them by mail daily at 08:15" in log.text
    cleared = {**FORM, "quiet-from": "", "quiet-to": "", "address-mail": ""} | {"when-mail": "at_once"}
    await mia.post(PATH, data={name: value for name, value in cleared.items() if name != "outcomes"})
    assert await kept(server) == NoticeChoice({"mail": Way("at_once", "08:15")}, "Europe/Berlin")


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"zone": "Mars"}, "zone", "The time zone must be a time zone"),
        ({"quiet-to": "22:00"}, "quiet-from", "Quiet hours must be two different times"),
        ({"quiet-to": ""}, "quiet-from", "Quiet hours must be two different times"),
        ({"address-mail": "<m@x.example>"}, "address-mail", "The address must be a mail address"),
        ({"at-mail": "25:00"}, "at-mail", "The time must be a time of day"),
    ],
)
async def test_what_cannot_be_kept_is_said_at_its_field_with_what_was_typed(server, wrong, field, said):
    mia = await server.person(MIA)
    answer = await mia.post(PATH, data=FORM | wrong)
    assert answer.status_code == 400
    assert f'<a href="#{field}">' in answer.text
    assert said in answer.text
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', answer.text)
    assert all(value.replace("<", "&lt;").replace(">", "&gt;").strip() in answer.text for value in wrong.values())
    assert await kept(server) is None


async def test_where_there_is_no_channel_the_page_says_so_and_keeps_what_was_chosen(server):
    mia = await server.person(MIA)
    await mia.post(PATH, data=FORM)
    server.context = replace(server.context, channels={})
    server.app = application(server.context)
    mia = await server.person(MIA)
    assert "no way here yet" in (await mia.get(PATH)).text
    assert (await mia.post(PATH, data={"zone": "UTC"})).status_code == 303
    assert (await kept(server)).ways == CHOSEN.ways


async def test_programs_read_and_choose_it_and_nobody_changes_where_somebody_else_is_told(server):
    async def client(person):
        issued = await server.context.authenticator.session("default", person, by="test")
        session = Session(server.context.origin, issued.secret)
        return connect(server.context.origin, session=session, transport=httpx2.ASGITransport(server.app))

    async with await client(MIA) as mia, await client(OLGA) as olga:
        assert await mia.notices() == NoticeChoice()
        assert await mia.choose_notices(CHOSEN) == await mia.notices() == await olga.notices(MIA) == CHOSEN
        quiet = replace(CHOSEN, quiet=None)
        assert await olga.choose_notices(quiet, MIA) == await kept(server) == quiet
        elsewhere = replace(CHOSEN, ways={"mail": Way(address="olga@example.com")})
        for kit, choice, of in ((olga, elsewhere, MIA), (olga, NoticeChoice(), MIA), (mia, quiet, NOAH)):
            with pytest.raises(Forbidden):
                await kit.choose_notices(choice, of)
        with pytest.raises(Forbidden):
            await mia.notices(NOAH)
        with pytest.raises(InvalidValue, match="no channel phone"):
            await mia.choose_notices(NoticeChoice({"phone": Way()}))
        with pytest.raises(InvalidValue):
            await olga.choose_notices(NoticeChoice(), "agent:bot")
    agent = await server.agent("agent:bot")
    assert (await agent.put("/directory/notices", json={})).status_code == 400


def test_it_is_chosen_in_a_terminal_here_and_at_a_server(installation):
    installation.sign_in()
    for say in (installation.here, installation.there):
        code, out, err = say("notices", "set", "--zone", "Europe/Berlin", "--quiet", "22:00-07:00", "--outcomes")
        assert (code, err) == (0, ""), out
        assert "22:00 to 07:00; times are those of Europe/Berlin" in say("notices", "show")[1]
        assert say("notices", "set", "--channel", "mail", "--when", "never")[0] == 2, "there is none"
        assert say("notices", "set", "--when", "never")[0] == 2
        assert say("notices", "set", "--quiet", "night")[0] == 2
        assert "none; times" in say("notices", "set", "--quiet", "none")[1]

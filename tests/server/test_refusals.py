"""Nobody decides who may not, at any door: one table of refusals, and every door a column of it (I5 to I9, I13, S13).

Each row says who tries what, and what they are told. At every door nothing changes by it, and the log says that it was
tried, where it is known who tried. A new door is one more function in `DOORS`.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Literal

import httpx2
import pytest
from tests.server.conftest import REPLY_KEY, Server
from tests.server.sockets import Denied, Socket

from interlock.agents import AGENTS
from interlock.bootstrap import build
from interlock.cli import session
from interlock.cli.app import run
from interlock.cli.stored_logins import Kept, keep
from interlock.client import calls, connecting
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.credentials import Scope
from interlock.domain.directory import ChatUser
from interlock.domain.reply_tokens import ReplyGrant, reply_token
from interlock.errors import InterlockError
from interlock.service.queue_replies import QueueReplies
from interlock.slack.api import SlackApi
from interlock.slack.interactions import SlackInteractions
from interlock.slack.sender import SlackChannel
from interlock.testing.slack import TEAM, FakeSlack, SlackMessage, press, submit
from interlock.web.app import application

CONFIG = """
people: {mia@example.com: {aliases: [m.mia@example.com]}}
groups: {managers: [mia@example.com, noah@example.com, pete@example.com], directors: [olga@example.com]}
roles:
  admin: [zoe@example.com, uma@example.com]
  operator: [zoe@example.com]
  viewer: [pete@example.com, olga@example.com]
policies:
  payments:
    applies_to: action.name == "pay"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: small, when: amount < 100, steps: [{ask: [group:managers], approvals: 2, within: 1h}]}
      - {name: large, steps: [{ask: [group:directors], within: 1h}]}
    four_eyes: true
    reason_for: [reject]
"""


@dataclass(frozen=True)
class Row:
    """One thing that nobody may do.

    Args:
        who: who tries it; None is whoever is known by no credential that still holds.
        code: what they are told; None: it was taken as said already, and counts nothing.
        logged: whether the log says that it was tried.
        known: who the access log names, where the log cannot say it; it has its line of each call.
        before: what happens first; it may return the vote that is tried, in place of an approval of what stands.
        reason: of a withdrawal.
    """

    name: str
    who: str
    code: str | None
    logged: bool = True
    known: str | None = None
    before: "Callable[[House], Awaitable[dict | None]] | None" = None
    kind: Literal["person", "agent", "service"] = "person"
    tenant: str = "default"
    initiator: str | None = None
    reason: str = "not needed"


class House:
    """A server, one request of its agent, and what happens to it before somebody tries something."""

    def __init__(self, server, folder, capture):
        self.server = server
        self.folder = folder
        self.capture = capture
        self.asked = {}
        self.secret = ""

    async def ask(self, row):
        self.who = row.who
        agent = await self.server.agent("agent:bot", Scope.ask)
        body = {"asked": {"kind": "approval", "name": "pay", "args": {"amount": "5"}}, "initiator": row.initiator}
        self.asked = (await agent.post("/requests", json=body, headers={"Idempotency-Key": "k"})).json()
        if row.kind == "person":
            issued = await self.server.context.authenticator.session(row.tenant, row.who, by="test")
        else:
            issued = await self.server.context.authenticator.token(
                row.tenant, row.who, scopes=frozenset(Scope), lasts=timedelta(days=1), by="test"
            )
        self.secret, self.credential = issued.secret, issued.credential
        said = None if row.before is None else await row.before(self)
        return {"verdict": "approve", "digest": (await self.stands()).digest, **(said or {})}

    async def vote(self, person, verdict="approve", **said):
        client = await self.server.person(person)
        body = {"verdict": verdict, "digest": (await self.stands()).digest, **said}
        answer = await client.post(f"/requests/{self.asked['id']}/votes", json=body)
        assert answer.status_code == 200, answer.text

    async def stands(self):
        """Return the request as it stands."""
        return (await self.server.system.store.load("default", [self.asked["id"]])).requests[self.asked["id"]]

    async def log(self):
        return [entry.event for entry in await self.server.system.store.history("default", self.asked["id"])]

    @property
    def headers(self):
        context = self.server.context
        if self.secret.startswith("ilk_"):
            return {"Authorization": f"Bearer {self.secret}", "Origin": context.origin}
        return {"Cookie": f"{context.cookie}={self.secret}", "Origin": context.origin}


# ── the rows ──


async def edited(house):
    await house.vote("noah@example.com", "edit", value={"amount": "6"})


async def made_large(house):
    await house.vote("noah@example.com", "edit", value={"amount": "600"})


async def voted(house):
    await house.vote("mia@example.com")


async def decided(house):
    await house.vote("mia@example.com")
    await house.vote("noah@example.com")


async def role_lost(house):
    (house.folder / "interlock.yaml").write_text(CONFIG.replace(", pete@example.com]", "]"))


async def session_ended(house):
    await house.server.context.authenticator.end(house.credential)


async def deadline_passed(house):
    house.server.clock.advance(hours=1)
    issued = await house.server.context.authenticator.session("default", "pete@example.com", by="test")
    house.secret = issued.secret  # the first one has rested as long


async def expired(house):
    await deadline_passed(house)
    await house.server.drain()


async def saw_another(house):
    before = house.asked["digest"]
    await edited(house)
    return {"digest": before}


async def delegated(house):
    client = await house.server.person("pete@example.com")
    path = f"/requests/{house.asked['id']}"
    assert (await client.post(f"{path}/delegations", json={"to": "zoe@example.com"})).status_code == 200
    await house.vote("pete@example.com")


async def rejects_without_a_word(_):
    return {"verdict": "reject"}


async def revises(_):
    return {"verdict": "revise", "comment": "more"}


ROWS = (
    Row("the initiator", "mia@example.com", "forbidden", initiator="mia@example.com"),
    Row("the initiator by another name", "M.MIA@example.com", "forbidden", initiator="mia@example.com"),
    Row("the author, under four-eyes", "noah@example.com", "forbidden", before=edited),
    Row("the agent that asks", "agent:bot", "forbidden", kind="agent"),
    Row("another agent", "agent:other", "forbidden", kind="agent"),
    Row("a service", "service:cron", "forbidden", kind="service"),
    Row("a stranger", "ann@example.com", "forbidden"),
    Row("an admin whom the policy does not ask", "zoe@example.com", "forbidden"),
    Row("one who has lost the role", "pete@example.com", "forbidden", before=role_lost),
    Row("one whose session has ended", "pete@example.com", "unauthenticated", logged=False, before=session_ended),
    Row("another tenant", "pete@example.com", "not_found", logged=False, known="pete@example.com", tenant="other"),
    Row("after it has expired", "pete@example.com", "closed", before=expired),
    Row("after the deadline, before anybody has seen it pass", "pete@example.com", "too_late", before=deadline_passed),
    Row("after it was decided", "pete@example.com", "closed", before=decided),
    Row("on what stood there before", "pete@example.com", "wrong_digest", before=saw_another),
    Row("a director on a small payment", "olga@example.com", "forbidden"),
    Row("a manager on a large payment", "pete@example.com", "forbidden", before=made_large),
    Row("a second vote", "mia@example.com", None, logged=False, before=voted),
    Row("a second vote by another name", "M.Mia@example.com", None, logged=False, before=voted),
    Row("a second vote by a delegate", "zoe@example.com", "forbidden", before=delegated),
    Row("a verdict that is not offered", "pete@example.com", "not_offered", before=revises),
    Row("a rejection without a reason", "pete@example.com", "reason_missing", before=rejects_without_a_word),
)


WITHDRAWALS = (
    Row("a manager who is asked", "pete@example.com", "forbidden"),
    Row("a manager who has voted", "mia@example.com", "forbidden", before=voted),
    Row("a viewer", "olga@example.com", "forbidden"),
    Row("an admin who is no operator", "uma@example.com", "forbidden"),
    Row("a stranger", "ann@example.com", "forbidden"),
    Row("another agent", "agent:other", "not_found", logged=False, kind="agent"),
    Row("a service", "service:cron", "forbidden", kind="service"),
    Row("the initiator of another one", "noah@example.com", "forbidden", initiator="pete@example.com"),
    Row("without a reason", "pete@example.com", "reason_missing", initiator="pete@example.com", reason=" "),
    Row("an operator without a reason", "zoe@example.com", "reason_missing", reason=" "),
    Row("after it has expired", "pete@example.com", "closed", initiator="pete@example.com", before=expired),
    Row(
        "after the deadline, before anybody has seen it pass",
        "pete@example.com",
        "too_late",
        initiator="pete@example.com",
        before=deadline_passed,
    ),
    Row("after it was decided", "pete@example.com", "closed", initiator="pete@example.com", before=decided),
    Row(
        "one whose session has ended",
        "pete@example.com",
        "unauthenticated",
        logged=False,
        initiator="pete@example.com",
        before=session_ended,
    ),
    Row(
        "another tenant",
        "pete@example.com",
        "not_found",
        logged=False,
        known="pete@example.com",
        initiator="pete@example.com",
        tenant="other",
    ),
)
"""Who withdraws it, and may not."""


# ── the doors: each tries the vote, and returns the code of the error that it is told; None if there is none ──


async def rest(house, vote):
    client = house.server.client(**house.headers)
    answer = await client.post(f"/requests/{house.asked['id']}/votes", json=vote)
    assert (answer.status_code < 400) is ("code" not in answer.json()), answer.text
    return answer.json().get("code")


async def batch(house, vote):
    client = house.server.client(**house.headers)
    answer = await client.post("/requests/votes", json={"votes": [{"request_id": house.asked["id"], **vote}]})
    if answer.status_code != 200:
        return answer.json()["code"]
    (result,) = answer.json()["results"]
    assert (result["status"] < 400) is ("problem" not in result), result
    return result.get("problem", {}).get("code")


async def websocket(house, vote):
    try:
        async with Socket(house.server.app, house.headers) as socket:
            told = await socket.answer_to({"request_id": house.asked["id"], **vote})
    except Denied as denied:
        return denied.problem["code"]
    return told.get("problem", {}).get("code")


async def token_of(house, vote):
    """Return the token by which somebody says it who has got a message."""
    until = int(house.server.clock.at.timestamp()) + 60
    grant = ReplyGrant("default", house.asked["id"], vote["digest"], house.who, Verdict(vote["verdict"]), until)
    return {"token": reply_token(REPLY_KEY, grant), "comment": vote.get("comment", "")}


async def callback(house, vote):
    path = f"../../api/approval/{house.asked['id']}"
    answer = await house.server.client().post(path, json=await token_of(house, vote))
    assert (answer.status_code < 400) is ("code" not in answer.json()), answer.text
    return answer.json().get("code")


async def link_of_mail(house, vote):
    before = len(await house.log())
    answer = await house.server.client().post("../../decide", data=await token_of(house, vote))
    noted = [event.code for event in (await house.log())[before:] if event.type == "refusal_noted"]
    assert (answer.status_code < 400) is not bool(noted), answer.text
    return noted[0] if noted else None


async def queue(house, vote):
    replies = QueueReplies(house.server.system, REPLY_KEY, tenant="default", channel="bus", via="rabbitmq")
    try:
        await replies.take(json.dumps(await token_of(house, vote)).encode())
    except InterlockError as refused:
        return refused.code


async def slack(house, vote):
    """Say it in Slack, by an account that is theirs who tries: by a button, or by a form where a word goes with it."""
    fake, system = FakeSlack(), house.server.system
    api = SlackApi("xoxb-1", "https://slack.example/api", fake)
    channel = SlackChannel("ops", "default", "C0OPS", api, fake.secret)
    room = SlackInteractions(channel, system, lambda: house.server.clock.at)
    house.server.context = replace(house.server.context, slack={"ops": room})
    house.server.app = application(house.server.context)
    await link(room, house.server.context, house.who)
    about, at = [house.asked["id"], vote["digest"]], int(house.server.clock.at.timestamp())
    if vote["verdict"] == "approve":
        content = {"blocks": [{"elements": [{"action_id": "approve", "value": json.dumps(about)}]}]}
        payload = press(SlackMessage("C0OPS", "1.0", content), "approve", "U0")
    else:
        view = {
            "callback_id": "decide",
            "private_metadata": json.dumps([*about, vote["verdict"], "C0OPS"]),
            "blocks": [],
        }
        payload = submit(view, {}, "U0")
        typed = {"type": "plain_text_input", "value": vote.get("comment")}
        payload["view"]["state"] = {"values": {"comment": {"value": typed}}}
    body, headers = fake.signed(payload, at)
    before = len(await house.log())
    answer = await house.server.client().post("../../slack/ops", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    told = bool(fake.ephemeral) or (answer.content and answer.json()["response_action"] in {"errors", "update"})
    noted = [event.code for event in (await house.log())[before:] if event.type == "refusal_noted"]
    assert bool(told) is bool(noted)
    return noted[0] if noted else None


async def link(room, context, person):
    code = await context.chat_accounts.code(room.key[1], "default", ChatUser("slack", TEAM, "U0"), "somebody")
    await context.chat_accounts.link(Principal(person, "person", "default", "web"), code)


def terminal(house, row, vote):
    words = [vote["verdict"], house.asked["id"], "--digest", vote["digest"], "--as", row.who, "--json", "--no-advance"]
    file = ["-c", str(house.folder / "interlock.yaml"), "--database", str(house.folder / "server.db")]
    code = run([*file, *words, *(["-m", vote["comment"]] if "comment" in vote else [])])
    told = json.loads(house.capture.readouterr().out.splitlines()[-1])
    assert (code == 0) is ("error" not in told)
    return told.get("error", {}).get("code")


def remote_terminal(house, vote):
    """Say it by a command at the server, which is called in this process."""
    origin, as_token = house.server.context.origin, house.secret.startswith("ilk_")
    keep(origin, Kept("token" if as_token else "session", house.secret, ""))
    reason = ["-m", vote["comment"]] if "comment" in vote else []
    code = run(["--server", origin, vote["verdict"], house.asked["id"], "--digest", vote["digest"], "--json", *reason])
    told = json.loads(house.capture.readouterr().out.splitlines()[-1])
    assert (code == 0) is ("error" not in told), told
    return told.get("error", {}).get("code")


# ── the doors of a withdrawal ──


async def rest_withdraws(house, row):
    client = house.server.client(**house.headers)
    answer = await client.post(f"/requests/{house.asked['id']}/withdrawal", json={"reason": row.reason})
    return answer.json().get("code")


async def page_withdraws(house, row):
    before = len(await house.log())
    client = house.server.client(**house.headers)
    answer = await client.post(
        f"../../requests/{house.asked['id']}/withdraw", data={"needless": row.reason, "key": "k"}
    )
    noted = [event.code for event in (await house.log())[before:] if event.type == "refusal_noted"]
    assert len(noted) <= 1
    if answer.status_code == 303:
        return "unauthenticated" if "/sign-in" in answer.headers["location"] else None
    return noted[0] if noted else {401: "unauthenticated", 404: "not_found"}[answer.status_code]


def terminal_withdraws(house, row):
    words = ["requests", "withdraw", house.asked["id"], "-m", row.reason, "--as", row.who, "--json", "--no-advance"]
    file = ["-c", str(house.folder / "interlock.yaml"), "--database", str(house.folder / "server.db")]
    return told_by(house, run([*file, *words]))


def remote_terminal_withdraws(house, row):
    origin, as_token = house.server.context.origin, house.secret.startswith("ilk_")
    keep(origin, Kept("token" if as_token else "session", house.secret, ""))
    return told_by(
        house, run(["--server", origin, "requests", "withdraw", house.asked["id"], "-m", row.reason, "--json"])
    )


def told_by(house, code):
    """Return the code of the error that a command has told."""
    told = json.loads(house.capture.readouterr().out.splitlines()[-1])
    assert (code == 0) is ("error" not in told), told
    return told.get("error", {}).get("code")


DOORS = {"rest": rest, "batch": batch, "websocket": websocket, "callback": callback, "queue": queue}
DOORS |= {"link": link_of_mail, "slack": slack, "terminal": terminal, "remote terminal": remote_terminal}
PATHS = {"rest": "/api/v1/requests/{}/votes", "batch": "/api/v1/requests/votes", "websocket": "/api/v1/socket"}
PATHS |= {"callback": "/api/approval/{}", "slack": "/slack/ops", "link": "/decide"}
WITHOUT_CALL = {"terminal", "queue"}
BY_TOKEN = {"callback", "queue", "link"}
UNSEEN = {"another agent", "a stranger"}  # a command shows first what it votes on, and they do not see it
NO_SUCH = {"one whose session has ended", "another tenant"}  # a terminal, or a channel, has one tenant
NO_PERSON = {"agent", "service"}  # whom nobody can play in a terminal, or by a token: that is said first
CELLS = [
    pytest.param(row, door, id=f"{row.name}, {door}")
    for row in ROWS
    for door in DOORS
    if door not in BY_TOKEN | {"terminal", "slack"} or row.name not in NO_SUCH
    if door not in {"slack", "link"} or row.kind not in NO_PERSON  # who cannot sign in has no account of Slack, no mail
    if door != "link" or row.logged  # its page says why, in words: the log has the code
]


WITHDRAWING = {"rest": rest_withdraws, "page": page_withdraws}
WITHDRAWING |= {"terminal": terminal_withdraws, "remote terminal": remote_terminal_withdraws}
WITHDRAWAL_CELLS = [
    pytest.param(row, door, id=f"{row.name}, {door}")
    for row in WITHDRAWALS
    for door in WITHDRAWING
    if door == "rest" or row.kind == "person"
    if door != "terminal" or row.name not in NO_SUCH
]


@pytest.fixture
def open_house(tmp_path, clock, monkeypatch, capsys):
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    monkeypatch.setattr(session, "build", partial(build, clock=clock))
    with asyncio.Runner() as loop:
        houses = []

        def opened(address):
            settings = load_settings(tmp_path / "interlock.yaml", {"INTERLOCK_DATABASE_URL": address})
            houses.append(House(Server(build(settings, AGENTS, clock=clock), clock), tmp_path, capsys))
            return houses[0], loop.run

        def call(origin, auth, **_):
            return calls.opened(origin, auth, transport=httpx2.ASGITransport(houses[0].server.app))

        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
        monkeypatch.delenv("INTERLOCK_TOKEN", raising=False)
        monkeypatch.setattr(connecting, "opened", call)
        yield opened
        for house in houses:
            loop.run(house.server.close())


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("row", "door"), CELLS)
def test_none_is_accepted_and_the_log_says_who_tried(open_house, tmp_path, caplog, row, door):
    caplog.set_level(logging.INFO, "interlock.access")
    house, do = open_house("memory:" if door != "terminal" else str(tmp_path / "server.db"))
    vote = do(house.ask(row))
    before, log = do(house.stands()), do(house.log())
    if door == "terminal":
        do(house.server.system.store.note("demo", "yes"))
        code, wanted = terminal(house, row, vote), "invalid_value" if row.kind in NO_PERSON else row.code
    elif door == "remote terminal":
        code, wanted = remote_terminal(house, vote), "not_found" if row.name in UNSEEN else row.code
    else:
        code = do(DOORS[door](house, vote))
        wanted = "invalid_value" if door in BY_TOKEN and row.kind in NO_PERSON else row.code
    assert code == wanted
    after, more = do(house.stands()), do(house.log())
    assert replace(after, version=before.version) == before, "something has changed"
    noted = [(event.type, event.by.casefold(), event.code) for event in more[len(log) :] if event.type != "viewed"]
    logged = row.logged and code == row.code
    tried = house.server.system.directories.canonical(row.who) if door == "slack" else row.who.casefold()
    assert noted == ([("refusal_noted", tried, row.code)] if logged else [])
    if door not in WITHOUT_CALL:
        call = json.loads(caplog.messages[-1])
        if door in PATHS:
            assert call["path"] == PATHS[door].format(house.asked["id"])
        assert call["address"] == "127.0.0.1"
        who = row.known if row.name in NO_SUCH else tried
        assert call["principal"] == who
        assert (call["status"] == 401) is (row.code == "unauthenticated")


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("row", "door"), WITHDRAWAL_CELLS)
def test_nobody_withdraws_who_may_not_and_the_log_says_who_tried(open_house, tmp_path, caplog, row, door):
    caplog.set_level(logging.INFO, "interlock.access")
    house, do = open_house("memory:" if door != "terminal" else str(tmp_path / "server.db"))
    do(house.ask(row))
    before, log = do(house.stands()), do(house.log())
    if door == "terminal":
        do(house.server.system.store.note("demo", "yes"))
    tried = WITHDRAWING[door](house, row)
    code = tried if door.endswith("terminal") else do(tried)
    unseen = row.name in UNSEEN and door == "page"
    assert code == ("not_found" if unseen else row.code)
    after, more = do(house.stands()), do(house.log())
    assert replace(after, version=before.version) == before, "something has changed"
    noted = [(event.type, event.command, event.by, event.code) for event in more[len(log) :] if event.type != "viewed"]
    wanted = [("refusal_noted", "WithdrawAsPerson", row.who, row.code)]
    assert noted == (wanted if row.logged and not unseen else [])
    if door != "terminal":
        assert json.loads(caplog.messages[-1])["principal"] == (None if row.code == "unauthenticated" else row.who)


@pytest.mark.parametrize("door", WITHDRAWING)
@pytest.mark.parametrize("who", ["pete@example.com", "zoe@example.com"])
def test_who_may_withdraws_at_every_door(open_house, tmp_path, door, who):
    """The table would be worth nothing if everybody were refused."""
    house, do = open_house("memory:" if door != "terminal" else str(tmp_path / "server.db"))
    row = Row("one who may", who, None, initiator="pete@example.com")
    do(house.ask(row))
    do(house.server.system.store.note("demo", "yes"))
    tried = WITHDRAWING[door](house, row)
    assert (tried if door.endswith("terminal") else do(tried)) is None
    stands = do(house.stands())
    assert (stands.status, stands.decided_by) == ("withdrawn", (who,))


def test_each_who_is_refused_would_be_heard_if_it_were_not_for_the_reason(open_house):
    """The table would be worth nothing if everybody were refused: two managers who may, decide."""
    house, do = open_house("memory:")
    vote = do(house.ask(Row("one who may", "pete@example.com", None)))
    assert do(rest(house, vote)) is None
    do(house.vote("mia@example.com"))
    assert do(house.stands()).status == "approved"

"""A room of a Slack of our own, an installation that tells it of requests, and an agent that asks."""

import httpx2
from tests.server.conftest import UNLIMITED

from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.domain.directory import ChatUser
from interlock.domain.events import Event
from interlock.engine.deliverer import Deliverer
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.ports.log_subscriber import Notice
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.service.delivering import is_told
from interlock.slack.api import SlackApi
from interlock.slack.cards import card_of
from interlock.slack.direct import SlackDirectSender
from interlock.slack.interactions import SlackInteractions
from interlock.slack.sender import SlackChannel, SlackSender
from interlock.testing.slack import TEAM, FakeSlack
from interlock.web.app import application
from interlock.web.context import Context

ROOM = "C0OPS"
ORIGIN = "https://approvals.example.com"
POLICY = """
people: {mia@example.com: {}, noah@example.com: {}, olga@example.com: {}}
groups: {managers: [mia@example.com, noah@example.com, olga@example.com]}
roles: {admin: [zoe@example.com]}
policies:
  big:
    applies_to: action.name == "wire"
    four_eyes: true
    reason_for: [approve, reject]
    levels: [{name: big, steps: [{ask: [group:managers], approvals: 2, within: 1h}]}]
  buying:
    applies_to: action.name == "buy"
    facts: {amount: {from: args.amount, type: decimal, min: 0}}
    levels:
      - {name: low, when: amount < 100, steps: [{ask: [group:managers]}]}
      - {name: high, steps: [{ask: [group:managers], approvals: 2}]}
  reminding:
    applies_to: action.name == "late"
    levels: [{steps: [{ask: [group:managers], within: 1h, remind_after: [20m]}]}]
  escalating:
    applies_to: action.name == "urgent"
    levels: [{steps: [{ask: ["person:mia@example.com"], within: 2h, remind_after: [20m],
      escalate: {to: ["person:noah@example.com"], after: 40m}}]}]
default: {levels: [{name: small, steps: [{ask: [group:managers], within: 1h}]}]}
"""


class Room:
    """Attributes:
    slack: what people see.
    interactions: what takes what they do.
    """

    def __init__(self, system, clock, **settings):
        self.system, self.clock, self.slack, self.said = system, clock, FakeSlack(clock), []
        api = SlackApi("xoxb-1", "https://slack.example/api", self.slack)
        room, most = settings.pop("room", ROOM), settings.pop("most_an_hour", 10)
        self.channel = SlackChannel("ops", "default", room, api, self.slack.secret, **{"origin": ORIGIN, **settings})
        is_room = room is not None
        self.sender = SlackSender(self.channel, system) if is_room else SlackDirectSender(self.channel, system, most)
        self.interactions = SlackInteractions(self.channel, system, lambda: clock.at)
        hosts = frozenset({"approvals.example.com"})
        self.context = Context(system, ORIGIN, hosts, server=UNLIMITED, slack={"ops": self.interactions})
        self.app = application(self.context)
        self.deliverer = Deliverer(system.store, [self.sender], self.said.append)
        self._told, self._number = "", 0

    async def ask(self, subject=None, **asked):
        self._number += 1
        agent = AgentClient(self.system, Principal("agent:payer", "agent", "default", "api"))
        wanted = Asked(subject or Action("pay", {"amount": self._number, "to": "ACME"}), **asked)
        return await agent.ask(wanted, key=str(self._number))

    def agent(self):
        return AgentClient(self.system, Principal("agent:payer", "agent", "default", "api"))

    def person(self, name, via="web"):
        return Client(self.system, Principal(name, "person", "default", via))

    async def plan(self):
        entries = await self.system.store.feed("default", after=self._told, limit=1_000)
        told = [Notice(entry) for entry in entries if isinstance(entry.event, Event) and is_told(entry)]
        await DeliveryPlan(self.system.store, "default", [self.sender], lambda: None).deliver(told)
        self._told = entries[-1].position if entries else self._told

    async def tell(self, *, rounds=4):
        """Tell the room of what has happened, until nothing waits for the next second."""
        await self.plan()
        for _ in range(rounds):
            if not await self.deliverer.drain():
                break
            self.clock.advance(seconds=1)

    async def card(self, request_id, origin=ORIGIN):
        service = Client(self.system, Principal("service:ops", "service", "default", "slack"))
        return card_of(await service.request(request_id), await service.history(request_id), origin)

    async def knows(self, user, person, team=TEAM):
        """Let an account of Slack be somebody's."""
        code = await self.interactions._accounts.code(
            self.interactions.key[1], "default", ChatUser("slack", team, user), user.lower()
        )
        await self.context.chat_accounts.link(Principal(person, "person", "default", "web"), code)

    def browser(self, cookie=None):
        sent = {"Origin": ORIGIN} | ({"Cookie": cookie} if cookie else {})
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=sent)

    async def signed_in(self, person, tenant="default"):
        issued = await self.context.authenticator.session(tenant, person, by="test")
        return self.browser(f"{self.context.cookie}={issued.secret}")

    async def call(self, payload, *, late=0, **headers):
        """Let Slack call, signed as it does; return the answer."""
        body, signed = self.slack.signed(payload, int(self.clock.at.timestamp()) + late)
        async with self.browser() as client:
            return await client.post("/slack/ops", content=body, headers={**signed, **headers})

    def card_of(self, request):
        """Return the card of a request in the room."""
        about = {"request": request.id}
        found = (one for one in self.slack.cards() if one.content["metadata"]["event_payload"] == about)
        return next(found)

    def told(self):
        """Return what single people were told, the last thing first."""
        return [f"{one['user']}: {words(one['blocks'])}" for one in reversed(self.slack.ephemeral)]

    async def events(self, request_id):
        return [entry.event.type for entry in await self.system.store.history("default", request_id)]


def words(blocks):
    """Return all that blocks show, in their order, a line for each part."""
    return "\n".join(filter(None, map(_words, blocks)))


def _words(one):
    if one["type"] == "date":
        return one["fallback"]
    if one["type"] == "button":
        return f"[{one['text']['text']}]"
    if isinstance(one.get("text"), dict):
        return one["text"]["text"]
    if "elements" in one:
        joint = "" if one["type"].startswith("rich_text_") else "\n"
        return joint.join(map(_words, one["elements"]))
    return one.get("text", "")


def buttons(blocks):
    """Return the buttons of a card by their action."""
    return {one["action_id"]: one for block in blocks if block["type"] == "actions" for one in block["elements"]}

"""An installation on a store in memory, whose log is planned and sent step by step, by a clock that a test sets."""

from interlock.domain.action import Action
from interlock.domain.authority import Principal
from interlock.engine.changes import Actor
from interlock.engine.deliverer import Deliverer
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.directories import PlannedChange
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.log_subscriber import Notice
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.service.delivering import is_told
from interlock.service.people import People

CONFIG = """
people: {mia@example.com: {}, noah@example.com: {}, olga: {aliases: [olga@example.com]}, zoe@example.com: {}, rex: {}}
groups:
  managers: [mia@example.com, noah@example.com, rex]
  chiefs: [olga]
default:
  initiator_may_approve: true
  levels:
    - steps:
        - {ask: [group:managers], within: 8h, remind_after: [1h], escalate: {to: [group:chiefs], after: 2h}}
        - {ask: [group:chiefs], within: 8h}
"""
MIA, NOAH, OLGA, ZOE = "mia@example.com", "noah@example.com", "olga", "zoe@example.com"


class House:
    """The installation, and one sender."""

    def __init__(self, system, clock, sender):
        self.system, self.clock, self.position, self.number = system, clock, "", 0
        self.said = []
        self.deliverer = Deliverer(system.store, [sender], self.said.append)
        self.plan = DeliveryPlan(system.store, "default", [sender], lambda: None)

    async def ask(self, subject=None, **more):
        self.number += 1
        agent = AgentClient(self.system, Principal("agent:payer", "agent", "default", "api"))
        asked = Asked(subject or Action("pay", {"amount": self.number}), **more)
        return await agent.ask(asked, key=str(self.number))

    def by(self, person):
        return Client(self.system, Principal(person, "person", "default", "test"))

    async def choose(self, person, choice, by=None):
        await People(self.system.directories, Principal(by or person, "person", "default", "test")).choose_notices(
            choice, person
        )

    async def joins(self, group, person):
        await self._changed(lambda rules: rules.add_member("group", group, person))

    async def leaves(self, group, person):
        await self._changed(lambda rules: rules.remove_member("group", group, person))

    async def _changed(self, change):
        await self.system.directories.change("default", Actor(ZOE, "test"), lambda rules: PlannedChange(change(rules)))

    async def goes(self, **by):
        """Let time pass, and all happen that is due."""
        self.clock.advance(**by)
        await self.system.worker().drain()
        entries = await self.system.store.feed("default", after=self.position, limit=1_000)
        self.position = entries[-1].position if entries else self.position
        await self.plan.deliver([Notice(one) for one in entries if is_told(one)])
        for _ in range(3):  # in their order: each a second after the one before
            await self.deliverer.drain()
            self.clock.advance(seconds=1)
        self.clock.advance(seconds=-3)

    async def request(self, request_id):
        return (await self.system.store.load("default", [request_id])).requests[request_id]

    async def rows(self, person, state=None):
        return await self.system.store.deliveries("default", DeliveryFilter("mail", state, recipient=person), limit=500)

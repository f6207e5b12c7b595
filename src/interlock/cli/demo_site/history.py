"""The demo's past: a week of requests, votes and effects, made by the kit under a clock that is put back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interlock.agents import AGENTS
from interlock.bootstrap import System, build
from interlock.cli.demo_site import sample_requests
from interlock.cli.demo_site.agents import agent, carry_out
from interlock.cli.session import DEMO
from interlock.config.sections import DatabaseSettings, Settings
from interlock.domain.action import Action, Verdict
from interlock.domain.authority import LOCAL_TENANT, Principal
from interlock.domain.request import Request, Status
from interlock.engine.ports.store import RequestFilter
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client

MIA, PETE, OLGA = "mia@example.com", "pete@example.com", "olga@example.com"
PEOPLE = (MIA, PETE, OLGA)
EARLIER = 30
"""How many requests of the days before have ended by now."""

FATES = (*("approved",) * 3, "rejected", *("approved",) * 3, "expired", "approved", "approved", "rejected")
ASKED: tuple[tuple[str, Callable[[int], Asked]], ...] = (
    ("billing", lambda number: sample_requests.invoice(1_980 + number, 21_000 + number * 17_100)),
    ("billing", lambda number: sample_requests.refund(4_800 + number, 5_200 + number * 411)),
    ("billing", lambda number: sample_requests.invoice(2_000 + number, 30_500 + number * 911)),
    ("release", lambda number: sample_requests.patch(480 + number)),
)
"""What comes of them and who asks what, in turn."""


async def make(settings: Settings, file: Path) -> None:
    """Make the demo's database, whole or not at all."""
    unfinished = file.with_name(f"{file.name}.new")
    for left in file.parent.glob(f"{unfinished.name}*"):
        left.unlink()
    clock = _Clock(datetime.now(UTC))
    there = settings.model_copy(update={"database": DatabaseSettings(url=f"sqlite:///{unfinished}")})
    system = build(there, AGENTS, clock=clock)
    try:
        await system.store.note(DEMO, "yes")
        await _Week(system, clock).tell()
    finally:
        await system.close()
    unfinished.rename(file)


class _Clock:
    """The store's clock while the past is made."""

    def __init__(self, now: datetime) -> None:
        self.now, self.at = now, now - timedelta(days=7)

    def __call__(self) -> datetime:
        """Return the time, which passes by a little whenever somebody looks."""
        self.at += timedelta(milliseconds=1)
        return self.at


class _Week:
    """What has happened, the oldest first."""

    def __init__(self, system: System, clock: _Clock) -> None:
        self._system, self._clock = system, clock

    async def tell(self) -> None:
        """Let it happen."""
        for number in range(EARLIER):
            await self._earlier(number)
        await self._yesterday()
        await self._runs()
        await self._today()

    async def _at(self, **ago: float) -> None:
        """Let time pass until so long ago, and what is due meanwhile be done."""
        self._clock.at = max(self._clock.at, self._clock.now - timedelta(**ago))
        await self._client(OLGA).sweep()

    def _client(self, person: str) -> Client:
        return Client(self._system, Principal(person, "person", LOCAL_TENANT, "web"))

    async def _ask(self, name: str, asked: Asked) -> Request:
        key = f"{name}-{asked.reference}-{self._clock.at:%j-%H}"
        return await AgentClient(self._system, agent(name)).ask(asked, key=key)

    async def _earlier(self, number: int) -> None:
        """Let one request be asked in the days before, and come to its end."""
        hours, fate = 150 - number * 4, FATES[number % len(FATES)]
        await self._at(hours=hours)
        name, asked = ASKED[number % len(ASKED)]
        request = await self._ask(name, asked(number))
        if fate == "expired":
            return
        await self._at(hours=hours, minutes=-(4 + number * 37 % 110))
        if fate == "rejected":
            await self._client(MIA).reject(request.id, digest=request.digest, comment="We have paid this already.")
        else:
            await self._pass(request)

    async def _pass(self, request: Request) -> None:
        """Let people approve a request, each who may, and carry it out."""
        for person in PEOPLE:
            client = self._client(person)
            view = await client.request(request.id)
            if Verdict.approve in view.may.vote:
                request = await client.approve(request.id, digest=request.digest)
        if request.status is Status.approved and isinstance(request.asked, Action):
            await carry_out(self._system, request, 0)

    async def _yesterday(self) -> None:
        await self._at(hours=26)
        await self._ask("release", sample_requests.command())  # runs out: nobody decides within its two hours
        await self._at(hours=20)
        lost = await self._ask("billing", sample_requests.invoice(2_038, 64_000))
        await self._at(hours=19)
        await self._client(MIA).approve(lost.id, digest=lost.digest)
        acting = AgentClient(self._system, agent("billing"))
        claimed = await acting.claim(lost.id, digest=lost.digest, tool="bank:transfer", lasts=timedelta(minutes=1))
        assert claimed.claim is not None
        reason = "The bank's gateway closed the connection before it answered."
        await acting.record(lost.id, claimed.claim.attempt, "unknown", reason=reason)

    async def _runs(self) -> None:
        """Let the agents that are LangGraph graphs begin; each pauses where it asks."""
        await self._at(hours=7)
        for person, name, text in (
            (PETE, "feedback", "Write a report about the third quarter"),
            (OLGA, "multi_step", "Buy 12 laptops from ACME for 18400"),
            (PETE, "approval", "Send email to team about the move to the new office"),
            (PETE, "input", "Book a flight to Lisbon"),
            (OLGA, "trip", "A workshop in Lisbon"),
            (OLGA, "trip", "A workshop in Atlantis"),  # to which no flight goes: somebody has to look
        ):
            await self._client(person).start(name, text)
        await self._carry_on()
        await self._at(hours=6)
        for request in (await self._client(MIA).list_requests(RequestFilter())).rows:
            if request.agent == "feedback":
                said = "Begin with what customers noticed, and leave the outlook out."
                await self._client(MIA).revise(request.id, digest=request.digest, comment=said)
            elif request.agent == "multi_step":
                await self._client(MIA).approve(request.id, digest=request.digest, comment="We need them by March.")
        await self._carry_on()

    async def _carry_on(self) -> None:
        await self._system.worker(name="server").drain()

    async def _today(self) -> None:
        await self._at(minutes=95)
        await self._ask("release", sample_requests.command())
        large = await self._ask("billing", sample_requests.invoice(2_041, 1_284_000))
        await self._at(minutes=80)
        await self._ask("outreach", sample_requests.campaign())
        await self._ask("outreach", sample_requests.release_notes())
        await self._ask("release", sample_requests.settings())
        await self._at(minutes=52)
        await self._ask("billing", sample_requests.choice())
        await self._ask("outreach", sample_requests.forwarded())
        await self._client(PETE).ask_back(large.id, "Is this the one with the second delivery?")
        await self._at(minutes=40)
        await AgentClient(self._system, agent("billing")).ask(sample_requests.details(), key="details")
        for number in range(3):  # alike, so that they are one line that opens
            await self._ask("billing", sample_requests.refund(5_130 + number, 6_490))
        await self._at(minutes=18)
        held = await self._ask("outreach", sample_requests.page_to_publish())
        await self._ask("release", sample_requests.patch(533))
        await self._ask("release", sample_requests.query())
        await self._at(minutes=4)
        await self._client(MIA).approve(held.id, digest=held.digest)
        await self._client(MIA).comment(large.id, "The order says 12,840.00, so the amount is right.")
        await self._client(PETE).request(large.id)  # who has seen it

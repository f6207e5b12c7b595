"""The demo's agents: they carry out what people approved, answer what is asked back, and ask again now and then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta

from interlock.cli.demo_site import sample_requests
from interlock.domain.action import Action
from interlock.domain.authority import LOCAL_TENANT, Principal
from interlock.domain.request import EffectState, Request, Status
from interlock.engine.ports.store import RequestFilter
from interlock.errors import InterlockError
from interlock.service.agent_client import AgentClient, Asked
from interlock.service.client import Client
from interlock.service.components import Components

LOOKS_EVERY = 1.0
ASKS_EVERY = timedelta(seconds=45)
AT_MOST = 6
"""How many requests of one agent wait until it asks nothing more."""

TAKES = 2.0
"""Seconds that an agent needs for what was approved: long enough to see that it runs."""

NEXT: dict[str, Sequence[Callable[[int], Asked]]] = {
    "billing": (
        lambda number: sample_requests.invoice(number, 12_400 + number * 731 % 80_000),
        lambda number: sample_requests.refund(number, 2_990 + number * 173 % 9_000),
        lambda number: sample_requests.invoice(number, 140_000 + number * 977 % 700_000),
    ),
    "release": (sample_requests.patch, lambda _: sample_requests.query(), lambda _: sample_requests.command()),
    "outreach": (),
}
"""The agents, and what each asks in turn."""


def agent(name: str) -> Principal:
    """Return an agent."""
    return Principal(f"agent:{name}", "agent", LOCAL_TENANT, "api")


class WorkingAgents:
    """One agent, as long as the demo runs. What it has to do stands in the record, so another start goes on with it."""

    def __init__(self, system: Components, name: str, takes: float = TAKES) -> None:
        self._system, self._name, self._takes = system, name, takes
        self._client = Client(system, agent(name))
        self._asked_at: float | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        while not stop.is_set():
            with contextlib.suppress(InterlockError):  # somebody was faster, or the record is busy: it looks again
                await self.turn()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOKS_EVERY)

    async def turn(self) -> None:
        """Do what is to be done now."""
        approved = RequestFilter((Status.approved,), agent=self._name, effects=(EffectState.none,))
        for request in (await self._client.list_requests(approved)).rows:
            if not request.run_id and isinstance(request.asked, Action):
                await carry_out(self._system, request, self._takes)
        waiting = (await self._client.list_requests(RequestFilter(agent=self._name))).rows
        for request in waiting:
            await self._answer(request)
        await self._ask_again(waiting)

    async def _answer(self, request: Request) -> None:
        for question in request.clarifications:
            if question.said is None and not request.run_id:
                said = "I have looked again: everything that I know stands in the request."
                await self._client.clarify(request.id, question.number, said)

    async def _ask_again(self, waiting: Sequence[Request]) -> None:
        now = asyncio.get_running_loop().time()
        if self._asked_at is None:
            self._asked_at = now
        if not NEXT[self._name] or len(waiting) >= AT_MOST or now - self._asked_at < ASKS_EVERY.total_seconds():
            return
        self._asked_at = now
        number = int((await self._system.store.now()).timestamp()) % 100_000
        asks = NEXT[self._name]
        asked = asks[number % len(asks)](number)
        await AgentClient(self._system, agent(self._name)).ask(asked, key=f"{self._name}-{number}")


async def carry_out(system: Components, request: Request, takes: float) -> None:
    """Claim what was approved, do it, and say what became of it."""
    acting = AgentClient(system, agent(request.agent))
    tool, lasts = f"{request.agent}:act", timedelta(minutes=1)
    claimed = await acting.claim(request.id, digest=request.digest, tool=tool, repeatable="idempotent", lasts=lasts)
    if claimed.claim is None:
        return
    await asyncio.sleep(takes)
    await acting.record(request.id, claimed.claim.attempt, "executed", result={"receipt": f"R-{request.id[-6:]}"})

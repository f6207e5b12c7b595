"""Everything that is told by the channels of one process: planned as the log grows, and sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from interlock.engine.changes import Entry
from interlock.engine.deliverer import Deliverer
from interlock.engine.delivery_plan import DeliveryPlan
from interlock.engine.ports.sender import Sender
from interlock.service.components import Components
from interlock.service.following import Follower, concerns_people
from interlock.service.log_reader import Reader

ENDINGS = frozenset({"effect_executed", "effect_failed", "effect_lapsed"})
"""What has become of an approval: people are not asked for anything by it, but a card or a program says it."""

TELLS_ONE = frozenset({"delegated"})
"""What tells one person alone that something waits for them."""


def is_told(entry: Entry) -> bool:
    """Say whether channels may be told of an entry."""
    return concerns_people(entry) or entry.event.type in ENDINGS | TELLS_ONE


class Delivering:
    """Plans and sends the messages of some channels.

    Args:
        complain: is told what goes wrong.
    """

    def __init__(self, components: Components, senders: Sequence[Sender], complain: Callable[[str], None]) -> None:
        self._components = components
        self._senders = senders
        self._complain = complain
        self.deliverer = Deliverer(components.store, senders, complain)

    async def run(self, stop: asyncio.Event) -> None:
        """Plan and send until it is stopped."""
        tenants = sorted({sender.tenant for sender in self._senders})
        followers = [self._follower(tenant, stop) for tenant in tenants]
        for follower in followers:
            await follower.begin(None)
        async with asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.run())
            group.create_task(self.deliverer.run(stop))

    async def drain(self) -> None:
        """Plan and send what there is to send now; what goes wrong is complained of, and is tried by the next call."""
        for tenant in sorted({sender.tenant for sender in self._senders}):
            follower = self._follower(tenant, asyncio.Event())
            try:
                await follower.begin(None)
                await follower.drain()
            except Exception as error:  # noqa: BLE001 - one tenant's log must not keep messages of the others
                self._complain(
                    f"What {tenant} is to be told could not be planned: {str(error) or type(error).__name__}."
                )
        await self.deliverer.drain()

    def _follower(self, tenant: str, stop: asyncio.Event) -> Follower:
        store = self._components.store
        plan = DeliveryPlan(store, tenant, self._senders, self.deliverer.wake, self._complain)
        reader = Reader(store, self._components.waker, tenant, stop)
        return Follower(reader, plan, complain=self._complain, wanted=is_told, leave_out=plan.leave_out)

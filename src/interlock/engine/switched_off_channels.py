"""Channels whose other side has said that it wants no more calls: they rest until an operator has them used again."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from interlock.domain.delivery import Delivery, DeliveryState, Failure, dropped, switched_off, switched_off_id
from interlock.engine.ports.store import Store
from interlock.errors import Conflict


class SwitchedOffChannels:
    """Knows by a row for each such channel that it is switched off; its messages wait meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def rests(self, tenant: str, channel: str) -> bool:
        """Say whether a channel is switched off. If an operator has its row sent again, it is not."""
        row = await self._store.delivery(tenant, switched_off_id(tenant, channel))
        if row is None or row.state is DeliveryState.failed:
            return row is not None
        if row.state is DeliveryState.waiting:
            with suppress(Conflict):  # another process has done so
                await self._store.write_delivery(dropped(row, await self._store.now(), "It is used again."))
        return False

    async def switch_off(self, about: Delivery, failure: Failure) -> None:
        """Switch off the channel of a message that was refused so."""
        off = switched_off(about, failure.error, await self._store.now())
        row = await self._store.delivery(off.tenant, off.id)
        if row is None:
            await self._store.add_deliveries([off])
        elif row.state is not DeliveryState.failed:
            with suppress(Conflict):  # another process has done so
                await self._store.write_delivery(replace(off, version=row.version + 1))

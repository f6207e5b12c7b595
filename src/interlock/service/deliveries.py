"""What went out to people and programs, or did not: read, and sent again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from operator import attrgetter

from interlock.domain.delivery import Delivery, DeliveryState, again
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.store import Store
from interlock.errors import Closed, NotFound
from interlock.service.pages import Listing, Page, page, text_key, walk


async def list_deliveries(
    store: Store, tenant: str, wanted: DeliveryFilter, *, after: str | None, limit: int
) -> Page[Delivery]:
    """Return a page of deliveries, newest first."""
    filters = wanted.channel, wanted.state, wanted.request_id

    async def read(after: str | None, limit: int) -> AsyncGenerator[tuple[str, Delivery], None]:
        async for one in walk(
            lambda at, most: store.deliveries(tenant, wanted, after=at, limit=most),
            attrgetter("id"),
            after=after,
            limit=limit,
        ):
            yield one.id, one

    return await page(Listing("deliveries", text_key, (tenant, *filters)), read, after=after, limit=limit)


async def send_again(store: Store, tenant: str, delivery_id: str) -> Delivery:
    """Let a delivery be sent anew, from the beginning of its schedule, whatever became of it.

    Raises:
        NotFound: if there is none.
        Closed: if it waits to be sent already.
    """
    found = await store.delivery(tenant, delivery_id)
    if found is None:
        raise NotFound(
            f"There is no delivery {delivery_id} here: `interlock deliveries list` shows those that there are."
        )
    if found.state is DeliveryState.waiting:
        raise Closed(f"{delivery_id} waits to be sent already.", delivery_id=delivery_id)
    anew = again(found, await store.now())
    await store.write_delivery(anew)
    return anew

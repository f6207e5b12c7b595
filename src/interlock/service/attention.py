"""What goes on only when somebody has looked: runs, effects of which nobody knows, records that cannot be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from interlock.domain.delivery import NOT_PLANNED, SWITCHED_OFF, Delivery, DeliveryState
from interlock.domain.request import UNSETTLED, EffectState, Request
from interlock.domain.run import Run, RunStatus
from interlock.engine.ports.deliveries import DeliveryFilter
from interlock.engine.ports.store import RequestFilter, RunFilter, Store
from interlock.service.pages import Count
from interlock.service.stored_lists import walk_requests, walk_runs

MOST = 100
"""How many runs, and how many effects, are looked for."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing to look at: a run, with the effects of it that are unknown; or effects alone, whose run goes on.

    Args:
        run: the run that needs attention; None if none does.
        effects: requests whose effect is unknown, or was begun by an agent that has not reported in time.
    """

    run: Run | None
    effects: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Attention:
    """Everything that somebody sees and has to look at; `more` says that there is, or may be, more of it.

    Args:
        left_out: channels that are switched off; what others were not told of, or could not send, as it cannot be read.
    """

    matters: tuple[Matter, ...]
    more: bool = False
    left_out: tuple[Delivery, ...] = ()

    @property
    def count(self) -> Count:
        """How many matters there are: as many as are listed."""
        return Count(len(self.matters) + len(self.left_out), self.more)


async def attention(  # noqa: PLR0913 - of whom, and what they see
    store: Store,
    tenant: str,
    sees_run: Callable[[Run], bool],
    sees: Callable[[Request], Awaitable[bool]],
    now: datetime,
    *,
    examines: bool,
) -> Attention:
    """Return what has to be looked at, of what somebody sees.

    Args:
        examines: they see what channels were told.
    """
    wanted = RunFilter((RunStatus.needs_attention,))
    runs = [run async for run in walk_runs(store, tenant, wanted, limit=MOST + 1)]
    begun = RequestFilter((), effects=UNSETTLED)
    found = [request async for _, request in walk_requests(store, tenant, begun, limit=MOST + 1)]
    effects = [one for one in found[:MOST] if is_unknown(one, now) and await sees(one)]
    seen = [run for run in runs[:MOST] if sees_run(run)]
    alone = _by_request(effects, {run.id for run in seen})
    of_runs = (Matter(run, tuple(one for one in effects if one.run_id == run.id)) for run in seen)
    left_out = await what_was_left_out(store, tenant) if examines else []
    more = max(len(runs), len(found), len(left_out)) > MOST
    return Attention((*of_runs, *alone), more, tuple(left_out[:MOST]))


async def what_was_left_out(store: Store, tenant: str) -> list[Delivery]:
    """Return what says that a channel is switched off, or that it could not be told of something that cannot be read.

    It is one more than is shown, if there are more.
    """
    off = DeliveryFilter(SWITCHED_OFF, DeliveryState.failed)
    unreadable = DeliveryFilter(NOT_PLANNED, DeliveryState.waiting)
    found = [await store.deliveries(tenant, wanted, limit=MOST + 1) for wanted in (off, unreadable)]
    return [one for some in found for one in some][: MOST + 1]


def is_unknown(request: Request, now: datetime) -> bool:
    """Say whether nobody knows what became of an effect: neither the tool nor, in its time, the agent has said."""
    claim = request.claim
    late = claim is not None and claim.until is not None and claim.until <= now
    return request.effect is EffectState.unknown or (request.effect is EffectState.claimed and late)


def _by_request(effects: Iterable[Request], runs: set[str]) -> list[Matter]:
    return [Matter(None, (one,)) for one in effects if one.run_id not in runs]

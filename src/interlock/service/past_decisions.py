"""What people decided, read from the log as examples to learn from: each compared with its log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from interlock.domain.action import Draft
from interlock.domain.canonical import Json
from interlock.domain.events import Decided
from interlock.domain.request import Request
from interlock.engine.integrity import verified
from interlock.engine.ports.store import Loaded, RequestFilter, Store
from interlock.learning.examples import Example, example_of
from interlock.service.log_pages import EARLIER, position_before
from interlock.service.review_rounds import rounds_before
from interlock.service.run_views import RunView
from interlock.service.stored_lists import walk_requests

PAGE = 500
TURN = 20
"""How many decisions are looked at before others have their turn in the event loop."""


@dataclass(frozen=True, slots=True)
class Time:
    """A span of time: `since` is its first moment, `until` the first one after it; None: without an end."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether a moment is in it."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


async def past_decisions(store: Store, tenant: str, time: Time) -> AsyncIterator[Example]:
    """Read what people decided in a span of time, in the order of the log, as far as it goes now.

    Raises:
        RecordAltered: if a request or a run is not what its log says.
    """
    last = await store.last_position(tenant)
    after = "" if time.since is None else await position_before(store, tenant, time.since - EARLIER)
    while page := await store.feed(tenant, after=after, limit=PAGE):
        ends = next((place for place, entry in enumerate(page, start=1) if entry.position == last), None)
        decided = [
            (entry.stream, entry.position)
            for entry in page[:ends]
            if isinstance(entry.event, Decided) and time.holds(entry.event.at)
        ]
        for begin in range(0, len(decided), TURN):
            for example in await _examples(store, tenant, dict(decided[begin : begin + TURN])):
                yield example
        if ends is not None:
            return
        after = page[-1].position


async def _examples(store: Store, tenant: str, decided: Mapping[str, str]) -> list[Example]:
    """Return the examples of requests, given with the positions of the entries that decided them."""
    loaded = verified(await store.load(tenant, decided))
    runs = dict.fromkeys(one.run_id for one in loaded.requests.values() if one.run_id)
    drafted = {one.run_id for one in loaded.requests.values() if isinstance(one.asked, Draft)}
    views = {run_id: await _view(store, tenant, run_id, whole=run_id in drafted) for run_id in runs}
    found = []
    for request_id, position in decided.items():
        request = loaded.requests[request_id]
        view = views.get(request.run_id)
        found.append(example_of(request, position, _given(request, view), rounds_before(request, view)))
    return [one for one in found if one is not None]


async def _view(store: Store, tenant: str, run_id: str, *, whole: bool) -> RunView | None:
    """Return a run; with all that it asked, if that is looked at."""
    asked = [one.id async for _, one in walk_requests(store, tenant, RequestFilter((), run_id=run_id))] if whole else []
    loaded: Loaded = verified(await store.load(tenant, asked, run_id=run_id))
    if loaded.run is None:
        return None
    requests = sorted((loaded.requests[one] for one in asked), key=lambda one: (one.opened_at, one.id))
    return RunView(loaded.run.run, tuple(requests), None, loaded.now)


def _given(request: Request, view: RunView | None) -> Json:
    """Return what an agent was given: the input of its run; without one, what it said about the request."""
    if view is not None:
        return view.run.input
    said = {"description": request.ask.description, "context": request.ask.context}
    told = {key: value for key, value in said.items() if value not in ("", None)}
    return told.get("description", "") if set(told) <= {"description"} else told

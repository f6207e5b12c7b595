"""Finds past decisions on an action for its agent, if its configuration allows that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from types import MappingProxyType

from interlock.domain.action import Action
from interlock.domain.canonical import Json
from interlock.domain.consent import Consent
from interlock.domain.request import Request, Status, name_of
from interlock.engine.integrity import verified
from interlock.engine.ports.store import RequestFilter, Store
from interlock.errors import InvalidValue
from interlock.learning.examples import Example, example_of
from interlock.learning.recalling import RecalledDecisions, decision_of, recalled
from interlock.learning.redaction import redacted

LOOKED_AT = 500
"""How many of an agent's newest requests are searched."""

PAGE = 50
MOST = 50


async def recall(  # noqa: PLR0913 - what is looked for, and for whom
    store: Store,
    tenant: str,
    consent: Consent,
    *,
    agent: str,
    action: str,
    like: Mapping[str, Json] | None = None,
    most: int = 3,
) -> RecalledDecisions:
    """Return people's decisions on an action of an agent, the most similar first; none if that is not allowed.

    Args:
        consent: the agent's.
        action: its name.
        like: arguments, or some of them, to which others are compared; without any, the newest come first.
        most: the most decisions.

    Raises:
        InvalidValue: if `most` is not from 1 to 50.
        RecordAltered: if a request differs from its log.
    """
    if not 1 <= most <= MOST:
        raise InvalidValue("most", f"must be from 1 to {MOST}")
    if not consent.recall:
        return RecalledDecisions()
    found = [
        redacted(one, consent.redact)
        async for request in _decided(store, tenant, agent, action)
        if (one := _example(request)) is not None
    ]
    if not (chosen := recalled(found, like, most)):
        return RecalledDecisions()
    loaded = verified(await store.load(tenant, [one.request for one, _ in chosen]))
    given = await _inputs(store, tenant, loaded.requests.values()) if consent.redact else {}
    proved = ((_example(loaded.requests[one.request], given), alike) for one, alike in chosen)
    return RecalledDecisions(
        decision_of(redacted(one, consent.redact), alike) for one, alike in proved if one is not None
    )


async def _inputs(store: Store, tenant: str, requests: Iterable[Request]) -> Mapping[str, Json]:
    """Return the inputs of runs: what people wrote may repeat what must be taken out of them."""
    found = {}
    for run_id in sorted({one.run_id for one in requests if one.run_id}):
        run = verified(await store.load(tenant, [], run_id=run_id)).run
        found[run_id] = None if run is None else run.run.input
    return found


def _example(request: Request, given: Mapping[str, Json] = MappingProxyType({})) -> Example | None:
    return example_of(request, "", given.get(request.run_id, ""))


async def _decided(store: Store, tenant: str, agent: str, action: str) -> AsyncIterator[Request]:
    """Read the newest decided requests for an action."""
    wanted, after, read = RequestFilter((Status.approved, Status.rejected), agent), None, 0
    while read < LOOKED_AT:
        page = await store.requests(tenant, wanted, after=after, limit=PAGE)
        for request in page:
            if isinstance(request.asked, Action) and name_of(request.asked) == action:
                yield request
        if len(page) < PAGE:
            return
        after, read = page.keys[-1], read + len(page)

"""What one principal reads of a server: the same as the kit's `Views`, in the same values."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from interlock.client.calls import Calls, quoted
from interlock.client.problems import understood
from interlock.client.streams import follow
from interlock.domain.authority import Principal
from interlock.domain.canonical import Json
from interlock.domain.credentials import Credential
from interlock.domain.request import UNSETTLED, EffectState, Request, Status
from interlock.domain.run import Run, RunStatus
from interlock.engine.changes import Entry
from interlock.engine.ports.store import RequestFilter
from interlock.engine.threads import ThreadView
from interlock.errors import InvalidValue
from interlock.service.from_shapes import (
    count_of,
    credential_of,
    entry_of,
    listed_of,
    page_of,
    request_of,
    run_of,
    run_view_of,
    thread_of,
    view_of,
)
from interlock.service.inbox import Listed, Which
from interlock.service.pages import Count, Page, walk
from interlock.service.run_views import OPEN, RunView
from interlock.service.views import RequestView

T = TypeVar("T")

MOST = 200
"""How many rows a server tells at once."""

_WHOLE = re.compile(r"(req|run)_[0-9a-z]{20,}")


@dataclass(frozen=True, slots=True)
class Who:
    """Who somebody is to a server.

    Args:
        by: the kind of their credential, `token` or `session`, which ends then.
    """

    principal: Principal
    roles: tuple[str, ...]
    by: str
    expires_at: datetime


class Reading:
    """Reads for one principal. The functions, and what they return, are those of `interlock.connect`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._who: Who | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.origin}>"

    @property
    def origin(self) -> str:
        """Scheme, host and port of the server."""
        return self._calls.origin

    async def who(self) -> Who:
        """Return who this is to the server; raise `Unauthenticated` if it knows nobody by this credential."""
        if self._who is None:
            told = await self._calls.get("/session")
            self._who = understood(_who_of, told)
        return self._who

    async def resolve(self, kind: Literal["request", "run"], prefix: str) -> str:
        """Return the one id that begins like this; if there are several, `BadInput` is raised."""
        if _WHOLE.fullmatch(prefix):
            return prefix
        told = await self._calls.get(f"/{kind}s/ids/{quoted(prefix or ' ')}")
        return understood(lambda one: str(one["id"]), told)

    async def request(self, request_id: str) -> RequestView:
        """Return a request as this principal sees it, compared with its log."""
        tenant = await self._tenant()
        told = await self._calls.get(f"/requests/{quoted(request_id)}")
        return understood(view_of, told, tenant, self._calls.now())

    async def run(self, run_id: str) -> RunView:
        """Return a run with its requests."""
        tenant = await self._tenant()
        told = await self._calls.get(f"/runs/{quoted(run_id)}")
        first = understood(lambda one: one["at_its_turn"], told)
        turn = None if first is None else understood(run_of, await self._calls.get(f"/runs/{quoted(first)}"), tenant)
        return understood(run_view_of, told, tenant, self._calls.now(), turn)

    async def pauses(self, run_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the requests that runs wait at, run to ids, in the order in which they were asked; not of too many."""
        ids = [one for one in dict.fromkeys(run_ids) if one]
        if not ids:
            return {}
        told = await self._calls.get("/runs/pauses", {"run": ids[:MOST]})
        return understood(lambda one: {run: tuple(waits) for run, waits in one["pauses"].items()}, told)

    async def requests(
        self, wanted: RequestFilter = OPEN, *, limit: int | None = None
    ) -> AsyncGenerator[Request, None]:
        """Read requests, each once, at most so many; by default those that are open, soonest first."""
        seen = set[str]()
        async with aclosing(self._pages("/requests", "requests", _filters(wanted), request_of)) as rows:
            async for request in rows:
                if limit is not None and len(seen) == limit:
                    return
                if request.id not in seen:
                    seen.add(request.id)
                    yield request

    async def list_requests(
        self, wanted: RequestFilter = OPEN, *, after: str | None = None, limit: int = 50
    ) -> Page[Request]:
        """Return a page of requests.

        Args:
            after: the cursor that the page before it gave.

        Raises:
            InvalidValue: if it is no cursor of this list with these filters, or the limit is below 1.
        """
        return await self._page("/requests", "requests", _filters(wanted), request_of, after, limit)

    async def inbox(
        self, which: Which, *, agent: str | None = None, after: str | None = None, limit: int = 50
    ) -> Page[Listed]:
        """Return a page of what waits for this principal, of what waits for others, or of what they have decided.

        Args:
            agent: whose requests alone are wanted.
        """
        return await self._page(f"/requests/inbox/{which}", "requests", {"agent": agent}, listed_of, after, limit)

    async def inbox_count(self, which: Which, *, agent: str | None = None) -> Count:
        """Return how many rows one list of the inbox has; exactly, up to a thousand."""
        return understood(count_of, await self._calls.get(f"/requests/inbox/{which}/count", {"agent": agent}))

    async def runs(
        self, statuses: tuple[RunStatus, ...] = (), *, limit: int | None = None
    ) -> AsyncGenerator[Run, None]:
        """Read runs, newest first, at most so many."""
        count = 0
        async with aclosing(self._pages("/runs", "runs", {"status": list(statuses)}, run_of)) as rows:
            async for run in rows:
                if count == limit:
                    return
                count += 1
                yield run

    async def list_runs(  # noqa: PLR0913 - the filters of a list
        self,
        statuses: tuple[RunStatus, ...] = (),
        *,
        agent: str | None = None,
        initiator: str | None = None,
        thread: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Run]:
        """Return a page of runs, newest first. See `list_requests`.

        Args:
            initiator: who has started them, by any of their names.
        """
        filters = {"status": list(statuses), "agent": agent, "initiator": initiator, "thread": thread}
        return await self._page("/runs", "runs", filters, run_of, after, limit)

    async def list_threads(self, *, after: str | None = None, limit: int = 50) -> Page[ThreadView]:
        """Return a page of conversations by name, each with its last run. See `list_requests`."""
        return await self._page("/threads", "threads", {}, thread_of, after, limit)

    async def thread(self, name: str, *, limit: int = 20) -> ThreadView:
        """Return a conversation with its last runs, the newest first, of which a server tells 200 at most."""
        tenant = await self._tenant()
        told = await self._calls.get(f"/threads/{quoted(name)}", {"limit": min(limit, MOST)})
        return understood(thread_of, told, tenant)

    async def state(self, run_id: str, pause: int | None = None) -> dict[str, Json]:
        """Return what a kept state of a run holds, as JSON: `values`, those of sub-graphs, and of which pause it is.

        Args:
            pause: from 1; by default the last one, or the end. What is not kept raises `NotFound`.
        """
        told = await self._calls.get(f"/runs/{quoted(run_id)}/state", {"pause": pause})
        return understood(dict[str, Json], told)

    async def agents(self) -> list[dict[str, Json]]:
        """Return the agents that have a name at the server, as they load there."""
        return understood(lambda one: list(one["agents"]), await self._calls.get("/agents"))

    async def agent(self, name: str) -> dict[str, Json]:
        """Return an agent as it loads there, and what holds for it: its limits, retries and policies."""
        return understood(dict[str, Json], await self._calls.get(f"/agents/{quoted(name)}"))

    async def list_effects(
        self,
        states: Sequence[EffectState] = UNSETTLED,
        *,
        run: str | None = None,
        agent: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Request]:
        """Return a page of requests by their effects, newest first: of those of which nobody knows what became, or all.

        Args:
            states: with a run any of them, and all if none is named.
            run, agent: whose requests alone are wanted.
        """
        filters = {"state": [str(state) for state in states], "run": run, "agent": agent}
        return await self._page("/effects", "effects", filters, request_of, after, limit)

    async def now(self) -> datetime:
        """Return the server's clock, by which deadlines end, UTC."""
        if self._calls.ahead is None:
            await self.who()
        return self._calls.now()

    async def last_position(self) -> str:
        """Return the position of the newest entry of the log, or the empty string."""
        return understood(lambda one: str(one["position"]), await self._calls.get("/log/position"))

    async def history(self, stream: str) -> list[Entry]:
        """Return the entries of one request or run, the oldest first."""
        of = "runs" if stream.startswith("run_") else "requests"
        return await self._entries(f"/{of}/{quoted(stream)}/history", {})

    async def timeline(self, run_id: str) -> list[Entry]:
        """Return the entries of a run and of all that it asked, in the order of the log."""
        return await self._entries(f"/runs/{quoted(run_id)}/timeline", {})

    async def log(self, after: str = "") -> AsyncGenerator[Entry, None]:
        """Read the log as far as it goes now."""
        async with aclosing(walk(self.entries, lambda entry: entry.position, after=after, at_once=MOST)) as entries:
            async for entry in entries:
                yield entry

    async def entries(self, after: str | None, limit: int) -> Sequence[Entry]:
        """Return the entries after a position of the log, at most so many."""
        return await self._entries("/log", {"after": after or "", "limit": min(limit, MOST)})

    async def follow(
        self, after: str | None = None, *, stop: asyncio.Event | None = None
    ) -> AsyncGenerator[Entry, None]:
        """Read the log as it grows: after a position of it, "" for its beginning; by default what comes from now on.

        A stream that breaks is opened again where it was: no entry is lost, and none comes twice.

        Args:
            stop: ends it when it is set.

        Raises:
            ServerUnreachable: if no server has answered for ten minutes.
        """
        position = await self.last_position() if after is None else after
        tenant = await self._tenant()
        async with aclosing(follow(self._calls, position, tenant, stop or asyncio.Event())) as entries:
            async for entry in entries:
                yield entry

    async def list_tokens(self, *, after: str = "", limit: int = 50) -> Page[Credential]:
        """Return a page of the tokens of agents and services, by id, without their secrets."""
        return await self._page("/tokens", "tokens", {}, credential_of, after or None, limit)

    async def _tenant(self) -> str:
        return (await self.who()).principal.tenant

    async def _entries(self, path: str, params: Mapping[str, Any]) -> list[Entry]:
        tenant = await self._tenant()
        told = await self._calls.get(path, params)
        return list(understood(page_of, "entries", told, lambda one: entry_of(one, tenant)).rows)

    async def _page(  # noqa: PLR0913, PLR0917 - a list, and the part of it that is wanted
        self,
        path: str,
        name: str,
        filters: Mapping[str, Any],
        shape_of: Callable[[Mapping[str, Any], str], T],
        after: str | None,
        limit: int,
    ) -> Page[T]:
        """Return a part of a list, which the server may tell in several."""
        if type(limit) is not int or limit < 1:
            raise InvalidValue("limit", "must be a whole number of at least 1")
        tenant, rows = await self._tenant(), list[T]()
        while True:
            params = {**filters, "after": after, "limit": min(MOST, limit - len(rows))}
            told = await self._calls.get(path, params)
            part = understood(page_of, name, told, lambda one: shape_of(one, tenant))
            rows += part.rows
            after = part.next
            if after is None or len(rows) >= limit:
                return Page(tuple(rows), after)

    async def _pages(
        self, path: str, name: str, filters: Mapping[str, Any], shape_of: Callable[[Mapping[str, Any], str], T]
    ) -> AsyncGenerator[T, None]:
        after: str | None = None
        while True:
            part = await self._page(path, name, filters, shape_of, after, MOST)
            for row in part.rows:
                yield row
            after = part.next
            if after is None:
                return


def _filters(wanted: RequestFilter) -> dict[str, Any]:
    if wanted.asks is not None or wanted.people is not None:
        raise InvalidValue("wanted", "a server lists by status, agent and run; `inbox` lists what concerns somebody")
    statuses = list(wanted.statuses or Status)
    return {"status": statuses, "agent": wanted.agent, "run": wanted.run_id, "reference": wanted.reference}


def _who_of(told: Mapping[str, Any]) -> Who:
    principal = Principal(told["principal"], told["kind"], told["tenant"], "api")
    return Who(principal, tuple(told["roles"]), told["by"], datetime.fromisoformat(told["expires_at"]))

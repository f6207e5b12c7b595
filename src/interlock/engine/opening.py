"""Requests of agents that run elsewhere: they ask through the API, and act by themselves."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

from interlock.domain.action import Ask
from interlock.domain.authority import Principal
from interlock.domain.commands import DecisionContext, Open
from interlock.domain.decide import decide
from interlock.domain.policy import Occasion
from interlock.domain.request import Request, name_of
from interlock.engine import tracing
from interlock.engine.changes import FRESH, Changes, RequestChange
from interlock.engine.codec import encode_policy
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories
from interlock.engine.grant_uses import counted_uses
from interlock.engine.integrity import verified
from interlock.engine.pause import judged, note_of_held, short_hash
from interlock.engine.ports.policies import PolicySet
from interlock.engine.ports.store import Store
from interlock.engine.ports.waker import Waker
from interlock.engine.request_limits import must_have_room
from interlock.engine.retry import until_committed
from interlock.engine.routing import choose, count, span_of
from interlock.failpoints import failpoint


class Openings:
    """Opens requests without a run.

    Args:
        pool: the threads in which it judges schemas, which may take a second.
    """

    def __init__(self, store: Store, directories: Directories, waker: Waker, pool: Executor) -> None:
        self._store = store
        self._directories = directories
        self._waker = waker
        self._pool = pool

    async def open(self, ask: Ask, key: str, agent: Principal, initiator: str) -> Request:
        """Open a request. If one was opened before with this key, return that one as it stands.

        Args:
            key: names it among the agent's requests: asking again with it asks nothing new.
            agent: who asks.
            initiator: the person for whom the agent asks, who may not decide on it.

        Raises:
            WrongDigest: if something else was asked with this key before.
            TooManyRequests: if the agent has reached its limit of open requests.
            InvalidPolicy: if the agent names a policy that is not configured.
            InvalidAnswer, InvalidValue: if a schema cannot be used.
        """
        ask = await asyncio.get_running_loop().run_in_executor(self._pool, judged, ask)
        wanted = "req_" + short_hash(f"{agent.tenant}\n{agent.id}\n{key}")

        async def attempt() -> Request:
            loaded = verified(await self._store.load(agent.tenant, [wanted]))
            policies = await self._directories.current(agent.tenant, loaded.directory)
            return await self._open_once(ask, wanted, agent, initiator, loaded.requests.get(wanted), policies)

        with tracing.span("interlock.ask", agent=agent.id.removeprefix("agent:"), request=wanted):
            opened = await until_committed(attempt, wanted)
        failpoint("request.opened")
        return opened

    async def _open_once(  # noqa: PLR0913, PLR0917 - what a request is opened by
        self, ask: Ask, wanted: str, agent: Principal, initiator: str, before: Request | None, policies: PolicySet
    ) -> Request:
        now = await self._store.now()
        name = agent.id.removeprefix("agent:")
        span = span_of((*policies.policies, policies.default))
        seen = await count(self._store, agent.tenant, [ask.subject], now=now, span=span)
        person = policies.directory.canonical(initiator)
        occasion = Occasion(ask.subject, name, agent.id, person, now, seen.recent.get(name_of(ask.subject)))
        policy, route = choose(policies, occasion, ask.policy)
        command = Open(wanted, "", name, person, ask, round=0, route=route, trace=tracing.current())
        events = decide(before, command, DecisionContext(now, agent, policy, policies.directory))
        if not events:
            assert before is not None
            return before
        change = RequestChange.of(None, *events, *note_of_held(policies, None, now))
        await must_have_room(self._store, policies, agent.tenant, name, now, waits=change.after.is_open)
        changes = Changes(
            agent.tenant,
            actor_of(agent),
            (change,),
            before=now + FRESH,
            counted=seen.counted,
            policies={route.policy_hash: encode_policy(policy)},
            directory=counted_uses(policies, (change,), now),
        )
        await self._store.commit(changes)
        self._waker.wake()
        return change.after

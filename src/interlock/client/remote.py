"""What one principal does at a server: a person decides, an agent asks and acts, an operator sets right."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import fields
from datetime import timedelta
from typing import Any

from interlock.client.calls import quoted
from interlock.client.deciding import fresh_key
from interlock.client.managing import Managing
from interlock.client.problems import understood
from interlock.client.streams import Seen, Socket, watch
from interlock.domain.action import Action, Draft, Question, Subject
from interlock.domain.canonical import Json
from interlock.domain.credentials import Scope
from interlock.domain.request import EffectState, Repeatable, Reported, Request
from interlock.domain.run import ENDED, Run
from interlock.errors import AlreadyClaimed, BadInput
from interlock.service.agent_client import Asked
from interlock.service.arguments import duration_text
from interlock.service.credentials import Issued
from interlock.service.from_shapes import credential_of, request_of, run_of
from interlock.service.shapes import subject_shape

LONGEST_POLL = 50.0
"""Seconds that a server is asked to wait for an outcome; then it is asked again."""

_WHOLE = re.compile(r"sha256:[0-9a-f]{64}")


class RemoteClient(Managing):
    """API of one principal at a server, with the functions, values and errors of `interlock.connect`.

    Whatever votes, asks or starts has an idempotency key, its own or that of `keyed`, and is sent again with it where
    its answer was lost: it is done once.
    """

    def keyed(self, key: str | None) -> RemoteClient:
        """Return the same for one call with an idempotency key: made again with it, it does nothing that it has done.

        What it is good for: votes, all else that is said to a request, asking, claiming, making tokens, and whatever
        starts or changes runs.
        """
        keyed = RemoteClient(self._calls, key=key)
        keyed._who = self._who
        return keyed

    # ── asking, and acting once ──

    async def ask(self, asked: Asked | Subject, *, key: str | None = None) -> Request:
        """Ask people, as an agent; return the request. Asking again with the same key asks nothing new.

        Args:
            asked: an action, a question or a draft; or that with all else that may be said of it.
            key: names this among all that the agent asks, such as an order's number and the step: an agent that is
                killed, and asks again with it, finds its request. By default one that nobody else has.

        Raises:
            BadInput: if it cannot be asked, or something else was asked with this key.
        """
        whole = Asked(asked) if isinstance(asked, Action | Question | Draft) else asked
        if key is None and self._key is None:
            key = fresh_key()
        return await self._posted("/requests", _body_of(whole), key=key or self._key)

    async def outcome(self, request_id: str, *, within: float | None = None) -> Request:
        """Return a request when it has its outcome; or as it stands after so many seconds, for ever by default."""
        tenant, left = await self._tenant(), within
        while True:
            wait = LONGEST_POLL if left is None else min(LONGEST_POLL, left)
            told = await self._calls.get(f"/requests/{quoted(request_id)}/outcome", {"wait": wait}, wait=wait)
            request = understood(request_of, told, tenant)
            left = None if left is None else left - wait
            if not request.is_open or (left is not None and left <= 0):
                return request

    async def claim(
        self, request_id: str, *, digest: str, tool: str, repeatable: Repeatable = "no", lasts: timedelta
    ) -> Request:
        """Begin what was approved: it is this agent's alone until the claim ends, and `claim` names the attempt.

        Args:
            digest: of the arguments that are about to be executed.
            lasts: after that, nobody waits for the result any more.

        Raises:
            EffectRefused: if it is not approved, something else was, or another attempt is under way.
            AlreadyClaimed: if a call with this client's own key (`keyed`) has claimed it before, and the tool is not
                idempotent: if you do not know whether it was done, record the attempt of `details` as unknown.
        """
        said = {"digest": digest, "tool": tool, "repeatable": repeatable, "lasts": lasts.total_seconds()}
        try:
            return await self._said(request_id, "claim", said)
        except AlreadyClaimed as repeated:
            if self._key is not None:
                raise
            # No other call has the key of this one: it was this call's own first try, and its answer was lost.
            found = (await self.request(request_id)).request
            ours = found.claim is not None and found.claim.attempt == repeated.details.get("attempt")
            if found.effect != EffectState.claimed or not ours:
                raise
            return found

    async def record(
        self, request_id: str, attempt: int, state: Reported, *, result: Json = None, reason: str = ""
    ) -> Request:
        """Say what became of an attempt: it is taken from whoever claimed it, however late.

        Raises:
            EffectRefused: if something else stands, or nobody has claimed that attempt; the log has noted the result.
        """
        said = {"attempt": attempt, "state": state, "result": result, "reason": reason}
        path = f"/requests/{quoted(request_id)}/result"
        return await self._posted(path, said, key=None)  # the attempt is its key

    async def withdraw(self, request_id: str, *, reason: str) -> Request:
        """Take a request back that nobody needs to decide any more: as its agent, who started it, or an operator.

        A run that asked it goes on as after a rejection.

        Args:
            reason: it is logged, and the agent reads it; a person must give one.

        Raises:
            Closed: if it has its outcome.
            Forbidden: if this is a person who has not started it, and is no operator.
            ReasonMissing: if a person's reason says nothing.
        """
        return await self._said(request_id, "withdrawal", {"reason": reason})

    # ── runs ──

    async def start(  # noqa: PLR0913 - what a run is started with
        self,
        agent: str,
        given: Json,
        *,
        raw: bool = False,
        context: Json = None,
        configurable: Json = None,
        thread: str | None = None,
    ) -> Run:
        """Start an agent; return the run as it was started. A worker carries it on.

        Args:
            agent: its name at the server.
            given: a text, which becomes the graph's input; or the graph's input itself.
            raw: the input is the graph's own though it is a text.
            context, configurable: objects for LangGraph. They are recorded: no secrets.
            thread: the conversation that it continues.

        Raises:
            InvalidAgent: if there is no such agent, or it cannot be loaded there.
            BadInput: if it does not take this input, context or configurable.
            Closed: if another run of the thread has not ended.
        """
        said = {
            "agent": agent,
            "input": given,
            "raw": raw,
            "context": context,
            "configurable": configurable,
            "thread": thread,
        }
        return await self._changed("/runs", said)

    async def start_watched(  # noqa: PLR0913 - what a run is started with
        self,
        agent: str,
        given: Json,
        *,
        raw: bool = False,
        context: Json = None,
        configurable: Json = None,
        thread: str | None = None,
    ) -> Run:
        """Do as `start` does, for who calls `watch` within ten seconds: what the agent says first is kept for them."""
        served = {"context": context, "configurable": configurable, "thread": thread, "watched": True}
        said = {"agent": agent, "input": given, "raw": raw, **served}
        return await self._changed("/runs", said)

    async def watch(self, run_id: str) -> AsyncGenerator[Seen, None]:
        """Read what a run does from now on, until it ends: its entries of the log, and what is kept nowhere beside.

        `Said` is a line of the agent's own words, `Streamed` a piece of what its graph streams, such as a model's
        words. They are told where the server itself carries the run on.
        """

        async def has_ended() -> bool:
            return (await self.run(run_id)).run.status in ENDED

        async with aclosing(watch(self._calls, run_id, await self._tenant(), has_ended)) as seen:
            async for one in seen:
                yield one

    async def fork(self, run_id: str, *, pause: int | None = None, changes: Mapping[str, Json] | None = None) -> Run:
        """Start a new run from a pause of another. See `interlock.engine.runs.Runs.fork`."""
        said = {"pause": pause, "changes": None if changes is None else dict(changes)}
        return await self._changed(f"/runs/{quoted(run_id)}/forks", said)

    async def delete_states(self, thread: str) -> int:
        """Delete the states that a thread's runs have left; the log stays. Return of how many runs.

        A thread of which a run has not ended raises `Closed`.
        """
        return understood(lambda one: int(one["runs"]), await self._calls.delete(f"/threads/{quoted(thread)}"))

    async def cancel(self, run_id: str, *, reason: str = "") -> Run:
        """End a run; its open requests are withdrawn. A run that has ended raises `Closed`."""
        return await self._changed(f"/runs/{quoted(run_id)}/cancel", {"reason": reason})

    async def retry(self, run_id: str) -> Run:
        """Let a run that needs attention go on; any other raises `Closed`."""
        return await self._changed(f"/runs/{quoted(run_id)}/retry", None)

    async def accept_version(self, run_id: str) -> Run:
        """Say that the agent as it is now may go on with what an earlier version of it left.

        Raises:
            Closed: if the run does not need attention.
            InvalidAgent: if the agent cannot be loaded there.
        """
        return await self._changed(f"/runs/{quoted(run_id)}/accept-version", None)

    # ── tokens, and streams ──

    async def create_token(
        self, principal: str, *, scopes: frozenset[Scope], lasts: timedelta | str = "90d", label: str = ""
    ) -> Issued:
        """Make a token of an agent or a service, `agent:NAME` or `service:NAME`. Its secret is told this once.

        Raises:
            AlreadyIssued: if a call with this client's key made it before, and nobody has its secret by now: revoke the
                token of `details`, and make another one.
        """
        length = duration_text(lasts) if isinstance(lasts, timedelta) else lasts
        said = {"principal": principal, "scopes": sorted(scopes), "lasts": length, "label": label}
        tenant = await self._tenant()
        told = await self._calls.post("/tokens", said, key=self._key or fresh_key())
        return understood(lambda one: Issued(credential_of(one, tenant), one["secret"]), told)

    async def revoke_token(self, token_id: str) -> None:
        """Revoke a token: it is good for nothing from now on."""
        await self._calls.delete(f"/tokens/{quoted(token_id)}")

    async def sign_out(self) -> None:
        """End the session, or revoke the token, that this client came with."""
        await self._calls.delete("/session")

    async def socket(self, after: str | None = None) -> Socket:
        """Return the log as it grows, and votes, over one WebSocket: `async with await client.socket() as socket`.

        Args:
            after: a position of the log; by default what comes from now on.
        """
        position = await self.last_position() if after is None else after
        return Socket(self._calls, position, await self._tenant())

    async def _changed(self, path: str, said: Mapping[str, Any] | None) -> Run:
        tenant = await self._tenant()
        return understood(run_of, await self._calls.post(path, said, key=self._key or fresh_key()), tenant)


def _body_of(asked: Asked) -> dict[str, Any]:
    """Return what is asked as a call carries it; what was not given is left out."""
    subject = asked.subject
    told = {name: value for name, value in subject_shape(subject).items() if value is not None}
    if isinstance(subject, Question) and subject.options is not None:
        told.pop("schema")
    rest = {one.name: getattr(asked, one.name) for one in fields(asked) if one.name != "subject"}
    rest["verdicts"] = [str(verdict) for verdict in asked.verdicts]
    return {"asked": told, **{name: value for name, value in rest.items() if value not in (None, "", [])}}


def sign_in_code(text: str) -> str:
    """Return the code of a sign-in link, or of its address; raise `BadInput` if it is none."""
    code = text.strip().rpartition("#")[2]
    if not code.startswith("ill_"):
        raise BadInput("That is no sign-in link: its code begins with ill_.")
    return code

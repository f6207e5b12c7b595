"""What one principal does at a server: a person decides, an agent asks and acts, an operator sets right."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

from interlock.client.calls import Calls, quoted
from interlock.client.problems import understood
from interlock.client.reading import Reading
from interlock.client.streams import Socket
from interlock.domain.action import Action, Draft, Question, Subject, Verdict
from interlock.domain.canonical import Json
from interlock.domain.credentials import Scope
from interlock.domain.request import Repeatable, Reported, Request
from interlock.domain.run import Run
from interlock.errors import BadInput
from interlock.service.agent_client import Asked
from interlock.service.credentials import Issued
from interlock.service.from_shapes import credential_of, request_of, run_of
from interlock.service.replies import Reply, part_of, typed_answer
from interlock.service.request_client import Became
from interlock.service.shapes import subject_shape

LONGEST_POLL = 50.0
"""Seconds that a server is asked to wait for an outcome; then it is asked again."""

_WHOLE = re.compile(r"sha256:[0-9a-f]{64}")


class RemoteClient(Reading):
    """API of one principal at a server, with the functions, values and errors of `interlock.connect`.

    Whatever votes, asks or starts has an idempotency key, its own or that of `keyed`, and is sent again with it where
    its answer was lost: it is done once.
    """

    def __init__(self, calls: Calls, *, key: str | None = None) -> None:
        super().__init__(calls)
        self._key = key

    def keyed(self, key: str | None) -> RemoteClient:
        """Return the same for one call with an idempotency key: made again with it, it does nothing that it has done.

        What it is good for: votes, all else that is said to a request, asking, claiming, and starting runs.
        """
        keyed = RemoteClient(self._calls, key=key)
        keyed._who = self._who
        return keyed

    # ── deciding on requests ──

    async def approve(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request as it stands; return it as it stands afterwards."""
        return await self._vote(request_id, Verdict.approve, digest, comment)

    async def reject(self, request_id: str, *, digest: str | None, comment: str = "") -> Request:
        """Reject a request; the agent reads the comment."""
        return await self._vote(request_id, Verdict.reject, digest, comment)

    async def revise(self, request_id: str, *, digest: str | None, comment: str) -> Request:
        """Send a draft back with feedback, which the agent reads; what is no draft raises `BadInput`."""
        return await self._vote(request_id, Verdict.revise, digest, comment)

    async def edit(self, request_id: str, value: Json, *, digest: str | None, comment: str = "") -> Request:
        """Approve a request with changes.

        Args:
            value: all arguments of the action, as an object; or the draft.

        Raises:
            BadInput: if it asks a question, or the value cannot be the arguments.
            InvalidAnswer: if the value does not fit the schema.
        """
        return await self._vote(request_id, Verdict.edit, digest, comment, value)

    async def answer(
        self, request_id: str, value: Json, *, digest: str | None, comment: str = "", typed: bool = False
    ) -> Request:
        """Answer a question, or give an answer in an action's place where that is offered.

        Args:
            value: any JSON that fits the question's schema.
            typed: a text means what it would in the terminal: an option by its number or name, JSON, or text.

        Raises:
            BadInput: if nothing is asked that could be answered.
            InvalidAnswer: if it does not fit.
        """
        if typed and isinstance(value, str):
            value = typed_answer((await self.request(request_id)).request, value, comment).answer
        return await self._vote(request_id, Verdict.respond, digest, comment, value)

    async def cast(self, reply: Reply) -> Request:
        """Cast a reply as this principal's vote; return the request as it stands afterwards."""
        value = reply.answer if reply.subject is None else part_of(reply.subject)
        digest = None if reply.unseen else reply.digest
        return await self._vote(reply.request.id, reply.verdict, digest, reply.comment, value)

    async def take_back(self, request_id: str) -> Request:
        """Take back this principal's vote of the present step, or one that was cast for them.

        A change that came with it stands, and nobody has approved it.

        Raises:
            NoVote: if there is none.
            TooLate: if the step has ended, or is about to.
        """
        return await self._said(request_id, "take-back", None)

    async def comment(self, request_id: str, text: str) -> Request:
        """Say something about an open request; nothing is decided by it.

        Raises:
            Closed: if it has its outcome.
            InvalidValue: if the text says nothing.
        """
        return await self._said(request_id, "comments", {"text": text})

    async def delegate(self, request_id: str, *, to: str, reason: str = "") -> Request:
        """Let another person vote for this one, on this request alone.

        Args:
            to: the other person, by any of their names.

        Raises:
            Forbidden: if one of the two may not vote on it, this one has voted, or the other one is asked as well.
            InvalidValue: if it is nobody else.
        """
        return await self._said(request_id, "delegations", {"to": to, "reason": reason})

    async def extend(self, request_id: str, by: timedelta | str, *, reason: str) -> Request:
        """Give the present step of a request more time.

        Args:
            by: how much, such as `2h`; open time, where the step has a calendar. What is no duration raises `BadInput`.
        """
        length = f"{int(by.total_seconds())}s" if isinstance(by, timedelta) else by
        return await self._said(request_id, "extensions", {"by": length, "reason": reason})

    async def settle(self, request_id: str, became: Became, *, result: Json = None, comment: str = "") -> Request:
        """Say what became of an effect of which nobody knows.

        Args:
            became: `retry`: it did not happen, and is to be tried again.
            result: what the tool returned, if it happened.
        """
        said = {"became": became, "result": result, "comment": comment}
        return await self._said(request_id, "settlement", said)

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
            key = _fresh()
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
        """
        said = {"digest": digest, "tool": tool, "repeatable": repeatable, "lasts": lasts.total_seconds()}
        return await self._said(request_id, "claim", said)

    async def record(
        self, request_id: str, attempt: int, state: Reported, *, result: Json = None, reason: str = ""
    ) -> Request:
        """Say what became of an attempt: it is taken from whoever claimed it, however late."""
        said = {"attempt": attempt, "state": state, "result": result, "reason": reason}
        path = f"/requests/{quoted(request_id)}/result"
        return await self._posted(path, said, key=None)  # the attempt is its key

    async def withdraw(self, request_id: str, *, reason: str) -> Request:
        """Take a request back that nobody needs to decide any more.

        Raises:
            Closed: if it has its outcome.
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
        return await self._changed("/runs", said, key=self._key or _fresh())

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
        """Make a token of an agent or a service, `agent:NAME` or `service:NAME`. Its secret is told this once."""
        length = f"{int(lasts.total_seconds())}s" if isinstance(lasts, timedelta) else lasts
        said = {"principal": principal, "scopes": sorted(scopes), "lasts": length, "label": label}
        tenant = await self._tenant()
        told = await self._calls.post("/tokens", said)
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

    # ── how it is said ──

    async def _vote(
        self, request_id: str, verdict: Verdict, digest: str | None, comment: str, value: Json = None
    ) -> Request:
        if digest is not None and not _WHOLE.fullmatch(digest):  # as a vote that is sent again must say the same
            digest = await self._whole(request_id, digest)
        said = {"verdict": str(verdict), "digest": digest, "comment": comment, "value": value}
        return await self._said(request_id, "votes", said)

    async def _whole(self, request_id: str, digest: str) -> str:
        found = (await self.request(request_id)).request
        return Reply(found, Verdict.approve, found.digest).to(digest).digest

    async def _said(self, request_id: str, what: str, said: Mapping[str, Any] | None) -> Request:
        return await self._posted(f"/requests/{quoted(request_id)}/{what}", said, key=self._key or _fresh())

    async def _posted(self, path: str, said: Mapping[str, Any] | None, *, key: str | None) -> Request:
        tenant = await self._tenant()
        return understood(request_of, await self._calls.post(path, said, key=key, again=key is None), tenant)

    async def _changed(self, path: str, said: Mapping[str, Any] | None, *, key: str | None = None) -> Run:
        tenant = await self._tenant()
        return understood(run_of, await self._calls.post(path, said, key=key), tenant)


def _fresh() -> str:
    return uuid.uuid4().hex


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

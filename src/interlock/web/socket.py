"""The log as it grows, and decisions, on one WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from time import monotonic
from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from interlock.domain.access import Permission
from interlock.domain.action import Kind, Verdict
from interlock.domain.canonical import strict_json
from interlock.domain.events import Edited, Opened
from interlock.engine.changes import Entry
from interlock.errors import BadInput, InterlockError
from interlock.service.casting import cast
from interlock.service.shapes import entry_shape, request_shape
from interlock.web import bodies
from interlock.web.broadcast import broadcast_of
from interlock.web.callers import Caller, admit, open_to_all
from interlock.web.connections import LINE, SocketLine, frame_of
from interlock.web.context import Context, context_of
from interlock.web.problems import answer_of, document_of, reason_of
from interlock.web.requests import asked_back, clarified
from interlock.web.socket_messages import ALIVE, DONE, END, PROBLEM, READY, TAKEN_BACK, VOTED, WANTED, Answer

router = APIRouter(tags=["events"])

MOST_SHOWN = 1_000
"""Of how many requests a socket knows what it has shown: those that it has shown last."""

UNREAD = 1.0
"""Seconds after a change for which `approved` alone is refused: whoever says it may not have read of the change."""


class LastShown(NamedTuple):
    """What a socket has shown of a request last, and until when it may not have been read."""

    digest: str
    unread_until: float = 0.0


def _vote_of(answer: Answer, shown: LastShown | None) -> bodies.NewVote:
    """Return the vote that is meant, on what the socket has shown if it names nothing else."""
    if answer.digest is None and shown is None:
        raise BadInput("Name the `digest` of what you were shown: this socket has not shown the request.")
    if answer.digest is None and shown is not None and monotonic() < shown.unread_until:
        raise BadInput("Name the `digest` of what you were shown: the request was changed a moment ago.")
    digest = answer.digest or (shown.digest if shown is not None else "")
    plain = Verdict.approve if answer.approved else Verdict.reject
    return bodies.NewVote(verdict=answer.verdict or plain, digest=digest, comment=answer.comment, value=answer.value)


@router.websocket("/socket", dependencies=[Depends(open_to_all(Permission.follow, counts=False))])
async def socket(websocket: WebSocket, after: str | None = None) -> None:
    """Tell what happens, from a position on or from now on, and take votes."""
    context = context_of(websocket)
    try:
        caller = await admit(websocket, Permission.follow)
        live = context.live(caller.principal.tenant)
        position = await live.last() if after is None else after
        await live.after(position, 0)
    except InterlockError as error:
        await websocket.send_denial_response(answer_of(error))
        return
    await websocket.accept()
    conversation = _Conversation(websocket, context, caller, position)
    context.streams.add(conversation)
    tasks = [asyncio.ensure_future(conversation.tell()), asyncio.ensure_future(conversation.listen())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        try:
            await _close(websocket, tasks, 1001 if context.stop.is_set() else 1000)
        finally:  # and not before: a server that stops waits for these, and cuts off what it does not know
            context.streams.discard(conversation)


async def _close(websocket: WebSocket, tasks: list[asyncio.Task[None]], code: int) -> None:
    """End what is told and taken on a socket, and the socket; raise what was no end but a defect."""
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client may be gone
        await websocket.close(code)
    for error in ended:
        if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | RuntimeError):
            raise error


class _Conversation:
    """One socket: what it was shown, and what it says. Implements `Listener`."""

    def __init__(self, websocket: WebSocket, context: Context, caller: Caller, position: str) -> None:
        self._websocket = websocket
        self._line: SocketLine = websocket.scope["extensions"][LINE]
        self._context = context
        self._shown: dict[str, LastShown] = {}
        self.caller = caller
        self.hears_of_rights = False
        self.position = position
        self.told = self.looked = monotonic()

    async def tell(self) -> None:
        """Tell what the log holds after its position, until the server stops or the caller is no longer known."""
        await self._send(READY.says(after=self.position))
        reason = "the server stops"
        try:
            while not self._context.stop.is_set():
                await broadcast_of(self._context, self.caller.principal.tenant).follow(self)
                await self._line.until_it_takes_more()
        except InterlockError as ended:
            reason = ended.message
        await self._send(END.says(reason=reason, after=self.position))

    def take(self, entries: Sequence[Entry]) -> bool:
        """Tell entries at once, if the client takes them; of a person the log says what they were shown."""
        if not self._line.takes_more:
            return False
        shown = dict[str, LastShown]()
        self._line.write(b"".join([self._told(entry, shown) for entry in entries]))
        self.position = entries[-1].position
        if self.caller.principal.kind == "person":
            for request_id, last in shown.items():
                self._context.view_recorder.note(self.caller.principal, request_id, last.digest)
        return True

    def lives(self) -> bool:
        """Tell that the stream lives, if the client takes it."""
        if self._line.takes_more:
            self._line.write(_ALIVE)
        return self._line.takes_more

    def _told(self, entry: Entry, shown: dict[str, LastShown]) -> bytes:
        """Return what is told of an entry; note what it shows to be decided."""
        live, request_id = self._context.live(entry.tenant), entry.stream
        match entry.event:
            case Opened(asked_digest=digest):
                shown[request_id] = LastShown(digest)
            case Edited(digest=digest) if request_id in self._shown:
                shown[request_id] = LastShown(digest, monotonic() + UNREAD)
            case _:
                return live.written(entry, frame_of_entry)
        self._shown.pop(request_id, None)
        self._shown[request_id] = shown[request_id]
        if len(self._shown) > MOST_SHOWN:
            del self._shown[next(iter(self._shown))]
        return live.written(entry, frame_of_entry if isinstance(entry.event, Opened) else _frame_of_change)

    async def listen(self) -> None:
        """Take what the client says."""
        while True:
            text = await self._text()
            if text is None:
                await self._websocket.close(1003, "Send text frames, with a JSON object in each: this one is binary.")
                return
            said: dict[str, Any] = {}
            told: dict[str, Any]
            try:
                principal = self.caller.principal
                self._context.rates.call(principal.tenant, principal.id)
                await self._context.authenticator.check_again(self.caller.credential)
                said = _read(text)
                answer = Answer.model_validate(said)
                answer.check()
                told = await self._done(answer)
            except ValidationError as error:
                first = error.errors()[0]
                wrong = BadInput(f"{'.'.join(map(str, first['loc']))}: {reason_of(first['type'], first['msg'])}")
                told = PROBLEM.says(problem=document_of(wrong))
            except InterlockError as error:
                told = PROBLEM.says(problem=document_of(error))
            await self._send(told | ({"id": said["id"]} if "id" in said else {}))

    async def _text(self) -> str | None:
        """Return the next message; None if it is bytes."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        text: str | None = message.get("text")
        return text

    async def _done(self, answer: Answer) -> dict[str, Any]:
        """Do what is said; return what is told of it."""
        client, request_id, told = self.caller.client.keyed(answer.id), answer.request_id, DONE
        if answer.take_back:
            after, told = await client.take_back(request_id), TAKEN_BACK
        elif answer.reserve is not None:
            after = await client.reserve(request_id, answer.reserve)
        elif answer.ask_back is not None:
            after = await asked_back(self.caller, request_id, answer.ask_back)
        elif answer.clarify is not None and answer.number is not None:
            await admit(self._websocket, Permission.clarify)
            after = await clarified(self.caller, request_id, answer.number, answer.clarify)
        else:
            vote = _vote_of(answer, self._shown.get(request_id))
            after, told = await cast(client, vote.on(request_id)), VOTED
        return told.says(request=request_shape(after))

    async def _send(self, message: dict[str, Any]) -> None:
        await self._websocket.send_text(json.dumps(message))


def _told_of(entry: Entry) -> dict[str, Any]:
    return {"type": entry.event.type, "position": entry.position, "entry": entry_shape(entry)}


def frame_of_entry(entry: Entry) -> bytes:
    """Return what every socket is told of an entry."""
    told = _told_of(entry)
    if isinstance(entry.event, Opened):
        ask = entry.event.ask
        told |= WANTED[Kind(ask.subject.kind)].says(
            request_id=entry.stream,
            plan=ask.description,
            asked=ask.subject.content(),
            digest=entry.event.asked_digest,
        )
    return frame_of(json.dumps(told))


def _frame_of_change(entry: Entry) -> bytes:
    """Return what a socket is told of an edit of what it has shown."""
    assert isinstance(entry.event, Edited)
    return frame_of(json.dumps(_told_of(entry) | {"request_id": entry.stream, "digest": entry.event.digest}))


_ALIVE = frame_of(json.dumps(ALIVE.says()))


def _read(text: str) -> dict[str, Any]:
    said = strict_json(text)
    if not isinstance(said, dict):
        raise BadInput('Say a JSON object, such as {"request_id": …, "approved": true}.')
    return said

"""The log as it grows, from a server: a stream that breaks is opened again where it was; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self, TypeVar

import httpx2

from interlock.client.calls import API, Calls, quoted
from interlock.client.problems import error_of, problem_of, understood, unreachable
from interlock.domain.action import Verdict
from interlock.domain.canonical import Json
from interlock.domain.request import Request
from interlock.engine.changes import Entry
from interlock.engine.watching import Streamed
from interlock.errors import (
    InterlockError,
    ServerBusy,
    ServerError,
    ServerUnreachable,
    StoreUnavailable,
    TooManyCalls,
)
from interlock.service.from_shapes import entry_of, request_of
from interlock.service.log_reader import CutShort, unless

T = TypeVar("T")

GIVE_UP = 600.0
"""Seconds without an answer after which a stream is given up."""

QUEUE = 1_000
"""How many entries wait to be read; what comes then is left out, and read again when there is room."""

LARGEST = 8_000_000
"""Bytes of one message."""

HEARD = 40.0
"""Seconds without a word after which a socket has broken: the server says at least each 15 that it is alive."""


@dataclass(slots=True)
class _Place:
    """Where a stream stands, and since when nobody has answered."""

    calls: Calls
    position: str | None
    failures: int = 0
    since: float = field(default_factory=time.monotonic)

    def heard(self) -> None:
        self.failures, self.since = 0, time.monotonic()

    async def failed(self, error: InterlockError) -> None:
        """Rest before the stream is opened again; raise the error if that is no use."""
        passing = isinstance(error, ServerUnreachable | ServerBusy | StoreUnavailable | TooManyCalls)
        if not passing or time.monotonic() - self.since > GIVE_UP:
            raise error
        self.failures += 1
        asked = error.details.get("retry_after")
        await self.calls.rest(self.failures, at_least=min(asked, GIVE_UP) if isinstance(asked, int | float) else 0)


async def follow(calls: Calls, position: str, tenant: str, stop: asyncio.Event) -> AsyncGenerator[Entry, None]:
    """Read the entries after a position as they come, until it is stopped, over however many streams that takes."""
    place = _Place(calls, position)
    while not stop.is_set():
        try:
            async with aclosing(_told(place, "/events", partial(_entry, tenant))) as entries:
                while not stop.is_set():
                    entry = await unless(anext(entries), stop.wait())
                    place.position = entry.position
                    yield entry
        except CutShort:
            return
        except StopAsyncIteration:
            await unless_stopped(place.calls.rest(1), stop)
        except InterlockError as error:
            await unless_stopped(place.failed(error), stop)


@dataclass(frozen=True, slots=True)
class Said:
    """A line of an agent's own words."""

    run_id: str
    text: str


Seen = Entry | Said | Streamed
"""What one sees of a run: an entry of its log or its requests', the agent's own words, or what its graph streams."""


async def watch(
    calls: Calls, run_id: str, tenant: str, has_ended: Callable[[], Awaitable[bool]]
) -> AsyncGenerator[Seen, None]:
    """Read what a run does from now on until it ends, over however many streams that takes."""
    place, path = _Place(calls, None), f"/runs/{quoted(run_id)}/stream"
    while True:
        try:
            async with aclosing(_told(place, path, partial(_seen, tenant))) as told:
                async for one in told:
                    place.position = one.position if isinstance(one, Entry) else place.position
                    yield one
        except InterlockError as error:
            await place.failed(error)
        else:
            if await has_ended():
                return
            await calls.rest(1)


def _entry(tenant: str, _: str, told: Any) -> Entry:
    return entry_of(told, tenant)


def _seen(tenant: str, event: str, told: Any) -> Seen:
    match event:
        case "progress":
            return Said(told["run"], told["text"])
        case "messages" | "custom":
            return Streamed(told["run"], event, tuple(told["namespace"]), told["data"])
        case _:
            return entry_of(told, tenant)


async def unless_stopped(work: Any, stop: asyncio.Event) -> None:
    """Do work, unless it is stopped."""
    with suppress(CutShort):
        await unless(work, stop.wait())


async def _told(place: _Place, path: str, read: Callable[[str, Any], T]) -> AsyncGenerator[T, None]:
    """Read one stream to its end."""
    async with place.calls.events(path, place.position) as events:
        place.heard()
        async for event in events:
            place.heard()
            if event.event == "end":
                place.position = understood(lambda one: str(one["after"]), _json(event.data))
                return
            if event.data:
                yield understood(read, event.event, _json(event.data))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ServerError("The server tells something that is no JSON.") from None


class Socket:
    """The log as it grows, and votes, over one WebSocket, which is opened again where it broke.

    Iterate over it for the entries. Use it as a context manager; a vote whose answer was lost is sent again with the
    same key, and is counted once.
    """

    def __init__(self, calls: Calls, position: str, tenant: str) -> None:
        self._calls = calls
        self._tenant = tenant
        self._place = _Place(calls, position)
        self._read = position
        self._entries: asyncio.Queue[Entry | None] = asyncio.Queue(QUEUE)
        self._votes: dict[str, tuple[dict[str, Any], asyncio.Future[Request]]] = {}
        self._is_behind = False
        self._again = asyncio.Event()
        self._socket: Any = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def position(self) -> str:
        """The position of the last entry that was read: where to go on another time."""
        return self._read

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Entry:
        """Return the next entry, however long it takes to come; raise what has ended the socket for good."""
        assert self._task is not None, "use it as `async with client.socket() as socket`"
        if self._task.done() and self._entries.empty():
            self._task.result()
        if self._is_behind and self._entries.empty():
            self._again.set()
        entry = await self._entries.get()
        if entry is None:
            self._task.result()
            raise StopAsyncIteration
        self._read = entry.position
        return entry

    async def vote(  # noqa: PLR0913 - what a vote says
        self,
        request_id: str,
        verdict: Verdict | str,
        *,
        digest: str,
        comment: str = "",
        value: Json = None,
        key: str | None = None,
    ) -> Request:
        """Vote on what was shown; return the request as it stands afterwards.

        Args:
            digest: of what was shown.
            value: with `edit` the arguments or the draft as changed; with `respond` the answer.
            key: an idempotency key, by default one that nobody else has.
        """
        assert self._task is not None, "use it as `async with client.socket() as socket`"
        if self._task.done():
            self._task.result()
        key = key or uuid.uuid4().hex
        said = {"request_id": request_id, "verdict": str(verdict), "digest": digest, "comment": comment, "id": key}
        if value is not None:
            said["value"] = value
        answer: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        self._votes[key] = (said, answer)
        try:
            if self._socket is not None:
                with suppress(Exception):  # a socket that is broken is opened again, and the vote sent then
                    await self._socket.send_text(json.dumps(said))
            return await answer
        finally:
            del self._votes[key]

    async def _run(self) -> None:
        try:
            while True:
                try:
                    await self._converse()
                except InterlockError as error:
                    await self._place.failed(error)
                else:
                    if not self._again.is_set():
                        await self._calls.rest(1)
        except Exception as error:
            for _, answer in self._votes.values():
                if not answer.done():
                    answer.set_exception(error)
            if not self._entries.full():  # or nobody waits for one
                self._entries.put_nowait(None)
            raise

    async def _converse(self) -> None:
        """Open a socket, send the votes that wait for an answer, and read it to its end."""
        from httpx2.websockets import HTTPXWSException, WebSocketUpgradeError  # noqa: PLC0415 - few use it

        origin, given = self._calls.origin, {"after": self._place.position}
        broken = ServerUnreachable(f"The socket of {origin} broke.")
        self._is_behind = False
        self._again.clear()
        try:
            async with self._calls.http.websocket(
                f"{API}/socket", params=given, max_message_size_bytes=LARGEST
            ) as socket:
                ended = await self._talk(socket)
        except WebSocketUpgradeError as refused:
            raise error_of(refused.response) from None
        except httpx2.TransportError as error:
            raise unreachable(error, None, origin) from error
        except (HTTPXWSException, OSError, ExceptionGroup) as error:
            raise broken from error
        finally:
            self._socket = None
        if isinstance(ended, HTTPXWSException | OSError | httpx2.TransportError):
            raise broken from ended
        if ended is not None:
            raise ended

    async def _talk(self, socket: Any) -> Exception | None:
        """Talk until the socket ends; return what has ended it, which the library would put into a group."""
        try:
            self._place.heard()
            self._socket = socket
            for said, _ in list(self._votes.values()):
                await socket.send_text(json.dumps(said))
            with suppress(CutShort):  # it is opened again, where entries were left out
                await unless(self._hear(socket), self._again.wait())
        except Exception as error:  # noqa: BLE001 - whoever called judges it
            return error
        return None

    async def _hear(self, socket: Any) -> None:
        while self._take(_json(await socket.receive_text(timeout=HEARD))):
            self._place.heard()

    def _take(self, message: Mapping[str, Any]) -> bool:
        """Take what the server says, and wait for nobody: whoever reads no entries hears of their votes all the same.

        Return whether more comes.
        """
        match message:
            case {
                "type": "end"
            }:  # if it ended because nobody is known by the credential any more, the next one is refused
                return False
            case {"type": "voted", "id": key, "request": shape} if key in self._votes:
                self._settle(key, understood(request_of, shape, self._tenant))
            case {"type": "problem", "id": key, "problem": document} if key in self._votes:
                self._settle(key, problem_of(document, 0, None))
            case {"entry": shape}:
                self._is_behind = self._is_behind or self._entries.full()
                if not self._is_behind:
                    entry = understood(entry_of, shape, self._tenant)
                    self._place.position = entry.position
                    self._entries.put_nowait(entry)
        return True

    def _settle(self, key: str, found: Request | InterlockError) -> None:
        _, answer = self._votes[key]
        if answer.done():
            return
        if isinstance(found, InterlockError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

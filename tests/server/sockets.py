"""A WebSocket, or a stream of events, to the application in this process: without a network."""

import asyncio
import json

from interlock.web.connections import LINE


class Denied(Exception):
    """The socket was refused: what was answered in its place."""

    def __init__(self, status, body):
        super().__init__(status, body)
        self.status = status
        self.problem = json.loads(body) if body else {}


class _Line:
    """A `Line` to a client that takes everything, or nothing. See `interlock.web.connections`.

    Args:
        messages: takes what is written apart, into what the application would send.
    """

    def __init__(self, heard, messages):
        self._heard = heard
        self._messages = messages
        self.open = asyncio.Event()
        self.open.set()

    @property
    def takes_more(self):
        return self.open.is_set()

    async def until_it_takes_more(self):
        await self.open.wait()

    def write(self, told):
        for message in self._messages(told):
            self._heard.put_nowait(message)


def frames_of(told):
    """Yield the messages of whole frames."""
    for text in texts_of(told):
        yield {"type": "websocket.send", "text": text}


def events_of(told):
    """Yield the messages of whole server-sent events, one for each."""
    for event in told.split(b"\n\n")[:-1]:
        yield {"type": "http.response.body", "body": event, "more_body": True}


class _Connection:
    """One connection to the application; `async with` opens and closes it.

    Args:
        headers: as pairs of text, the Origin among them.
    """

    kind: str

    def __init__(self, app, headers, path, query="", host="127.0.0.1:8000"):
        raw = [(name.lower().encode(), value.encode()) for name, value in {"Host": host, **headers}.items()]
        self._scope = {
            "type": self.kind,
            "asgi": {"version": "3.0"},
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": raw,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        self._app = app
        self._said, self._heard = asyncio.Queue(), asyncio.Queue()

    def _open(self, **message):
        self._said.put_nowait(message)
        self._task = asyncio.create_task(self._app(self._scope, self._said.get, self._heard.put))

    async def __aexit__(self, *_):
        self._said.put_nowait({"type": f"{self.kind}.disconnect", "code": 1000})
        await self._task

    async def _next(self):
        """Return what the application sends next; raise what it has ended with instead."""
        heard = asyncio.ensure_future(self._heard.get())
        await asyncio.wait({heard, self._task}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if heard.done():
            return heard.result()
        heard.cancel()
        assert self._task.done(), "the application says nothing"
        self._task.result()
        return self._heard.get_nowait()

    @property
    def unheard(self):
        """How many messages were sent that nobody has heard."""
        return self._heard.qsize()


class Events(_Connection):
    """One stream of server-sent events."""

    kind = "http"

    def __init__(self, app, headers, path="/api/v1/events", query="", **where):
        super().__init__(app, headers, path, query, **where)
        self.line = _Line(self._heard, events_of)
        self._scope |= {"method": "GET", "scheme": "http", "http_version": "1.1", "extensions": {LINE: self.line}}

    async def __aenter__(self):
        self._open(type="http.request", body=b"", more_body=False)
        first = await self._next()
        if first["status"] != 200:
            body = (await self._next())["body"]
            await self._task
            raise Denied(first["status"], body)
        assert (await self.hear())["retry"] == "1000"
        return self

    async def hear(self):
        """Return the next event, as what its lines say by their names; a comment has none."""
        lines = (await self._next())["body"].decode().strip().splitlines()
        return {name: value for name, _, value in (line.partition(": ") for line in lines)}


def texts_of(frames):
    """Return what the whole frames of a WebSocket say."""
    found = []
    while len(frames) >= 2:
        width = {126: 2, 127: 8}.get(frames[1], 0)
        begin = 2 + width
        end = begin + (int.from_bytes(frames[2:begin]) if width else frames[1])
        if len(frames) < end:
            break
        found.append(frames[begin:end].decode())
        frames = frames[end:]
    return found


class Socket(_Connection):
    """One WebSocket."""

    kind = "websocket"

    def __init__(self, app, headers, path="/api/v1/socket", query="", **where):
        super().__init__(app, headers, path, query, **where)
        self.line = _Line(self._heard, frames_of)
        extensions = {"websocket.http.response": {}, LINE: self.line}
        self._scope |= {"scheme": "ws", "subprotocols": [], "extensions": extensions}

    async def __aenter__(self):
        self._open(type="websocket.connect")
        first = await self._next()
        if first["type"] == "websocket.http.response.start":
            body = (await self._next())["body"]
            await self._task
            raise Denied(first["status"], body)
        if first["type"] == "websocket.close":
            await self._task
            raise Denied(403, b"")
        return self

    async def say(self, message):
        await self.say_text(json.dumps(message))

    async def say_text(self, text):
        await self._said.put({"type": "websocket.receive", "text": text})

    async def hear(self):
        """Return the next message, as JSON."""
        return json.loads((await self._next())["text"])

    async def answer_to(self, message):
        """Say something, and return what is answered; what the log tells meanwhile is passed over."""
        await self.say(message)
        while (told := await self.hear())["type"] not in {"voted", "done", "problem"}:
            pass
        return told

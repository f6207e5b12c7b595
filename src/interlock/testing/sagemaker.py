"""A SageMaker runtime of our own: it answers what it is told to, by the HTTP and the event streams that botocore reads.

Point `AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME` at its address. It checks no signature, and any endpoint's name is its own.
"""

from __future__ import annotations

import contextlib
import json
import struct
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

_TEXT = 7  # the type of a header's value, as the framing numbers them


class Invocation(NamedTuple):
    """One call: its path, its headers, by small names, and its body."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that comes at once; where a stream is asked for, as its only part."""

    body: bytes

    @classmethod
    def of(cls, value: object) -> Response:
        """Return a JSON value as an answer."""
        return cls(json.dumps(value).encode())


@dataclass(frozen=True, slots=True)
class StreamedResponse:
    """An answer in parts.

    Args:
        parts: the bytes of each `PayloadPart`.
        error: a code, such as `ModelStreamError`, with which the stream breaks off.
        members: what that error holds.
        broken: the connection ends in the midst of the last part, without the stream's end.
        until: the last part waits until this is set.
    """

    parts: Sequence[bytes]
    error: str = ""
    members: Mapping[str, object] | None = None
    broken: bool = False
    until: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """An error of SageMaker: its code, its HTTP status, and what it holds, such as `OriginalStatusCode`."""

    code: str
    status: int
    message: str = ""
    members: Mapping[str, object] | None = None


class NoResponse:
    """No answer at all, until the runtime is stopped."""


class ConnectionDropped:
    """The connection ends without an answer."""


Reply = Response | StreamedResponse | ErrorResponse | NoResponse | ConnectionDropped


class FakeSageMaker:
    """Listens on this machine alone, from `start` or `with` on.

    Attributes:
        calls: every call, in order.
        stopped: set when it stops.
    """

    def __init__(self, *replies: Reply) -> None:
        self._replies = [*replies]
        self.stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Invocations)
        self._server.fake = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.calls: list[Invocation] = []

    @property
    def address(self) -> str:
        """Where it listens, for `AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def will(self, *replies: Reply) -> None:
        """Let it answer this to the next calls."""
        self._replies += replies

    def reply(self, call: Invocation) -> Reply:
        """Note a call and return what it is answered; once nothing is left, that the model failed."""
        self.calls.append(call)
        return (
            self._replies.pop(0)
            if self._replies
            else ErrorResponse("InternalFailure", 500, "nothing is left to answer")
        )

    def start(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, and leave whoever waits without an answer."""
        self.stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message of an event stream, as `application/vnd.amazon.eventstream` frames it."""
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _TEXT, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack("!I", zlib.crc32(message))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeSageMaker

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked may hang up."""


class _Invocations(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Answer one call."""
        given = self.rfile.read(int(self.headers["Content-Length"]))
        call = Invocation(self.path, {name.lower(): value for name, value in self.headers.items()}, json.loads(given))
        streams = self.path.endswith("/invocations-response-stream")
        with contextlib.suppress(ConnectionError):  # who asked may have read enough
            self._answer(self.server.fake.reply(call), streams=streams)

    def _answer(self, reply: Reply, *, streams: bool) -> None:
        match reply:
            case Response(body):
                self._stream(StreamedResponse([body])) if streams else self._send(200, body, {})
            case StreamedResponse():
                self._stream(reply) if streams else self._send(200, b"".join(reply.parts), {})
            case ErrorResponse():
                told = {"Message": reply.message, **(reply.members or {})}
                self._send(reply.status, json.dumps(told).encode(), {"x-amzn-ErrorType": reply.code})
            case NoResponse() | ConnectionDropped():
                if isinstance(reply, NoResponse):
                    self.server.fake.stopped.wait()
                self.close_connection = True

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, streamed: StreamedResponse) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        part = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
        frames = [frame(part, one) for one in streamed.parts]
        if streamed.error:
            broke = {":message-type": "exception", ":exception-type": streamed.error}
            frames.append(frame(broke, json.dumps(streamed.members or {}).encode()))
        if streamed.broken:
            frames[-1] = frames[-1][:-5]
            self.close_connection = True
        for number, one in enumerate(frames, 1):
            if streamed.until is not None and number == len(frames):
                streamed.until.wait()
            self.wfile.write(f"{len(one):x}\r\n".encode() + one + b"\r\n")
        self.wfile.write(b"" if streamed.broken else b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

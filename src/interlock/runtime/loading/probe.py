"""Tries the import of an agent in a process that may hang or die.

A server, started with the first try, has loaded LangGraph and nothing of an agent. For each try it forks a process that
watches, which forks the one that imports: so a try costs two forks and the agent's own import, and whatever becomes of
the import is told by somebody who lives. Nothing is forked from the worker itself, whose threads hold locks.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

from interlock.errors import InvalidAgent
from interlock.runtime.loading.importing import import_agent, preload

SPARE = 60.0
"""How many seconds longer than the import the server may take to start, and to answer."""

IDLE = 60.0
"""After how many seconds without a try the server ends, which keeps LangGraph in memory."""

LAST = 5
"""How many seconds later than its time an import ends whatever becomes of the process that watches."""

ENDING = 1.0
"""How many seconds a server that gives no answer has to end, or it is taken for one that goes on."""

_SERVER = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from interlock.runtime.loading.probe import serve; serve(int(sys.argv[1]))"
)


class Prober:
    """Asks the server, and starts it when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._end: weakref.finalize[..., Prober] | None = None

    def start(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        """Return the server, started if it does not run, and the socket by which it is told of tries."""
        with self._lock:
            if self._end is not None and self._end.alive:
                assert self._process is not None
                assert self._control is not None
                if self._process.poll() is None:
                    return self._process, self._control
                self._end()  # it has ended by itself
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    self._process = _started(theirs)
                except BaseException:
                    ours.close()
                    raise
            self._control = ours
            self._end = weakref.finalize(self, _end, self._process, ours, os.getpid())
            return self._process, ours

    def try_import(self, reference: str, seconds: float) -> None:
        """Import an agent in a process of its own, and throw that away; raise InvalidAgent with what happened.

        Raises:
            OSError: if it cannot be tried, which says nothing of the agent.
        """
        asked = {
            "reference": reference,
            "seconds": seconds,
            "environ": dict(os.environ),
            "path": sys.path,
            "folder": _folder(),
        }
        error = self._answer(reference, json.dumps(asked).encode(), seconds + SPARE)
        if error is not None:
            raise InvalidAgent(error)

    def _answer(self, reference: str, asked: bytes, seconds: float) -> str | None:
        """Return what is wrong; ask a server of our own, if the shared one ended: another import may have ended it."""
        server, answer = None, b""
        try:
            server, control = self.start()
            answer = _ask(control, asked, seconds)
            lost = not answer and _has_ended(server)
        except OSError:
            lost = True
        if lost:
            self._drop(server)
            with contextlib.closing(Prober()) as alone, contextlib.suppress(TimeoutError):
                answer = _ask(alone.start()[1], asked, seconds)
        try:
            error = json.loads(answer)
        except ValueError:
            error = f"Importing the agent {reference} ended the process that tried it."
        return None if error is None else str(error)

    def _drop(self, server: subprocess.Popen[bytes] | None) -> None:
        """End a server that does not answer, and no other one that took its place."""
        with self._lock:
            if self._end is not None and self._process is server:
                self._end()

    def close(self) -> None:
        """End the server, if there is one."""
        with self._lock:
            if self._end is not None:
                self._end()


def _started(theirs: socket.socket) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-c", _SERVER, str(theirs.fileno()), json.dumps(sys.path)]
    return subprocess.Popen(  # noqa: S603 - our own code
        command,
        cwd=_folder(),
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C is for the worker
    )


def _folder() -> str:
    """Return the working directory; the root, where it was deleted."""
    try:
        return str(Path.cwd())
    except OSError:
        return "/"


def _has_ended(server: subprocess.Popen[bytes]) -> bool:
    try:
        server.wait(ENDING)
    except subprocess.TimeoutExpired:
        return False
    return True


def _ask(control: socket.socket, asked: bytes, seconds: float) -> bytes:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            socket.send_fds(control, [b"."], [theirs.fileno()])
        ours.settimeout(seconds)
        ours.sendall(asked)
        ours.shutdown(socket.SHUT_WR)
        return _all(ours)


def _end(process: subprocess.Popen[bytes], control: socket.socket, starter: int) -> None:
    control.close()
    if os.getpid() == starter:  # and not a child that it forked
        process.kill()
        process.wait()


def _all(source: socket.socket) -> bytes:
    return b"".join(iter(lambda: source.recv(65_536), b""))


# ── in the server ────────────────────────────────────────────────────────────────────────────────────────────────────


def serve(descriptor: int) -> None:
    """Fork a process for each try whose socket comes by this one, until whoever started this process ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch
    preload()
    with socket.socket(fileno=descriptor) as control, contextlib.suppress(TimeoutError):
        control.settimeout(IDLE)
        while True:
            told, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not told:
                return
            if os.fork() == 0:
                control.close()
                try:
                    _watch(socket.socket(fileno=descriptors[0]))
                finally:
                    os._exit(0)
            os.close(descriptors[0])


def _watch(client: socket.socket) -> None:
    """Let a child import; tell what became of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = json.loads(_all(client))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            signal.alarm(int(asked["seconds"]) + LAST)  # if even the watching process is killed
            client.close()
            os.close(reader)
            os.write(writer, json.dumps(_imported(asked)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with contextlib.suppress(OSError):  # here as well: whoever comes first, its group is there when it is killed
        os.setpgid(child, child)
    in_time = _is_readable(reader, client, asked["seconds"])
    said = os.read(reader, 65_536) if in_time else b""
    ended, status = os.waitpid(child, 0 if in_time and not said else os.WNOHANG)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)  # and whatever it has started
    if not in_time:
        told: Any = f"Importing the agent {asked['reference']} took longer than {asked['seconds']:g} s."
    elif said:
        told = json.loads(said)
    else:
        assert ended
        told = f"Importing the agent {asked['reference']} ended the process {_how(status)}."
    client.sendall(json.dumps(told).encode())


def _is_readable(reader: int, client: socket.socket, seconds: float) -> bool:
    """Wait for what the child says, for its end, or until nobody waits for it any more."""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    poll.register(client, 0)
    return any(descriptor == reader for descriptor, _ in poll.poll(seconds * 1_000))


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"with exit code {code}" if code >= 0 else f"by the signal {signal.Signals(-code).name}"


def _imported(asked: dict[str, Any]) -> str | None:
    """Import an agent as the process that asks would; return what is wrong."""
    try:
        os.chdir(asked["folder"])
    except OSError:  # it was deleted meanwhile
        os.chdir("/")
    os.environ.clear()
    os.environ.update(asked["environ"])
    sys.path[:] = asked["path"]
    try:
        import_agent(asked["reference"])
    except InvalidAgent as error:
        return error.message
    return None

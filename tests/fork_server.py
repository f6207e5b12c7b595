"""A process that has loaded Interlock and LangGraph, and runs the command in forks of itself.

To load them takes a second of each command's time, and a page of the docs types forty. What a test says about the
process itself (signals, what is loaded, how it ends) is said by the installed command. A fork has its own folder,
environment, streams and exit code, and at a terminal its own session, whose terminal this is: Ctrl-C and a hang-up
reach it.
"""

import array
import contextlib
import fcntl
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import termios
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

PRELOADED = (
    "alembic.command",
    "interlock",
    "interlock.runtime.runner",
    "interlock.storage.items",
    "interlock.storage.postgres",
    "interlock.storage.writes",
    "langchain_core.language_models.fake_chat_models",
    "langgraph.graph",
)

CLIENT = """\
#!{python} -SE
import _signal, array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as to:
    to.connect({address!r})
    order = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), False]).encode()
    fds = array.array("i", [0, 1, 2])
    to.sendmsg([len(order).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    to.sendall(order)
    with to.makefile() as told:
        pid = int(told.readline())
        _signal.signal(_signal.SIGTERM, lambda *_: os.kill(pid, _signal.SIGTERM))
        code = told.readline()
code = int(code or 1)
sys.exit(code) if code >= 0 else os.kill(os.getpid(), -code)
"""
"""What stands on a test's PATH in the place of the command. It ends as the fork has ended."""


class Forked:
    """A command that runs in a fork of the server."""

    def __init__(
        self, address: str, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], terminal: int
    ) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.connect(address)
        order = json.dumps([list(arguments), str(folder), dict(environ), True]).encode()
        fds = array.array("i", [terminal] * 3)
        size = len(order).to_bytes(8, "big")
        self._server.sendmsg([size], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        self._server.sendall(order)
        self._told = self._server.makefile()
        self.pid = int(self._told.readline())
        self.code: int | None = None

    def wait(self) -> int:
        """Wait until it ends; return its exit code, or the negative of the signal that ended it."""
        if self.code is None:
            self.code = int(self._told.readline() or 1)
            self._told.close()
            self._server.close()
        return self.code


def serve(address: str) -> None:
    """Serve until the process that has started this one closes its standard input."""
    from interlock.cli.app import COMMANDS  # noqa: PLC0415 - the client's side has loaded enough

    for name in (*PRELOADED, *(f"interlock.cli.{where.partition(':')[0]}" for where, _ in COMMANDS.values())):
        import_module(name)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)  # as in tests/conftest.py: it takes a third of the time
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if os.fork() == 0:
            while True:
                connection, _ = server.accept()
                if os.fork() == 0:
                    server.close()
                    os._exit(_answer(connection))
                connection.close()
        sys.stdin.read()
        os.killpg(0, signal.SIGKILL)


def _answer(connection: socket.socket) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    fds = array.array("i")
    size, ancillary, *_ = connection.recvmsg(8, socket.CMSG_LEN(3 * fds.itemsize))
    fds.frombytes(ancillary[0][2])
    order = b""
    while len(order) < int.from_bytes(size, "big"):
        order += connection.recv(1 << 16)
    arguments, folder, environ, at_terminal = json.loads(order)
    worker = os.fork()  # so that whoever asked is told how it ended, whatever an agent does to its process
    if worker == 0:
        connection.close()
        for number, fd in enumerate(fds):
            os.dup2(fd, number)
            os.close(fd)
        if at_terminal:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.chdir(folder)
        os._exit(_run(arguments, environ))
    for fd in (0, 1, 2, *fds):  # which are at their end when the worker has ended
        os.close(fd)
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        connection.sendall(f"{worker}\n".encode())
        _, status = os.waitpid(worker, 0)
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return 0


def _run(arguments: list[str], environ: dict[str, str]) -> int:
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environ)
    if environ.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    Spare()
    try:
        code = _command(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


class Spare:
    """A process that becomes the server which tries imports, if one is wanted: another one takes a second to start.

    It stands for the `Popen` of that server.
    """

    def __init__(self) -> None:
        from interlock.runtime.loading import probe  # noqa: PLC0415 - the client's side has loaded enough

        self._started = probe._started
        self._to, at = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self._to.close()
            self._wait(at, probe.serve)
        at.close()
        self.returncode: int | None = None
        probe._started = self.started

    @staticmethod
    def _wait(at: socket.socket, become: Callable[[int], None]) -> None:
        try:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(nothing, number)
            _, descriptors, _, _ = socket.recv_fds(at, 1, 1)
            at.close()
            if descriptors:
                become(descriptors[0])
        finally:
            os._exit(0)

    def started(self, theirs: socket.socket) -> Any:
        """Begin to serve; a second server is started as they are everywhere."""
        if self._to.fileno() < 0:
            return self._started(theirs)
        with self._to:
            socket.send_fds(self._to, [b"."], [theirs.fileno()])
        return self

    def poll(self) -> int | None:
        """See `Popen`."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """See `Popen`."""
        ends = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > ends:
                raise subprocess.TimeoutExpired("spare", timeout)
            time.sleep(0.005)
        return code

    def kill(self) -> None:
        """See `Popen`."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _command(arguments: list[str]) -> int:
    """Run the command as installed, or a script, if the first argument is one."""
    from interlock.cli import main  # noqa: PLC0415 - the client's side has loaded enough

    if arguments[:1] and arguments[0].endswith(".py"):
        script = Path(arguments[0])
        sys.argv, sys.path[0] = arguments, str(script.resolve().parent)
        runpy.run_path(str(script), run_name="__main__")
        return 0
    sys.argv, sys.path[0] = ["interlock", *arguments], str(Path(sys.executable).parent)
    return main()


if __name__ == "__main__":
    serve(sys.argv[1])

"""A process that has loaded Interlock and LangGraph, and runs the command in forks of itself.

To load them takes a second of each command's time, and a page of the docs types forty. What a test says about the
process itself (signals, terminals, what is loaded, how it ends) is said by the installed command.
"""

import array
import json
import os
import signal
import socket
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

from interlock.cli import main
from interlock.cli.app import COMMANDS

PRELOADED = ("interlock.runtime.runner", "interlock.storage.writes", "interlock.storage.items", "alembic.command")

CLIENT = """\
#!{python} -SE
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as to:
    to.connect({address!r})
    order = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    fds = array.array("i", [0, 1, 2])
    to.sendmsg([len(order).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    to.sendall(order)
    code = to.recv(8)
sys.exit(int(code or 1))
"""
"""What stands on a test's PATH in the place of the command."""


def serve(address: str) -> None:
    """Serve until the process that has started this one closes its standard input."""
    for name in (*PRELOADED, *(f"interlock.cli.{where.partition(':')[0]}" for where, _ in COMMANDS.values())):
        import_module(name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
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
    arguments, folder, environ = json.loads(order)
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    if environ.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    worker = os.fork()  # so that whoever asked is told how it ended, whatever an agent does to its process
    if worker == 0:
        connection.close()
        os._exit(_run(arguments))
    _, status = os.waitpid(worker, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    return 0


def _run(arguments: list[str]) -> int:
    sys.argv = ["interlock", *arguments]
    sys.path[0] = str(Path(sys.executable).parent)  # as for the installed command
    try:
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])

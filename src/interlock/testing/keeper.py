"""Servers that a test starts: they belong to its process, and end with it, however that ends."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

PATIENCE = 60.0
"""How long, in seconds, a server may take to stop."""

# Started with a pipe as its input: when that closes, the process that held it has ended, and the servers have to. They
# end in the order that is the reverse of how they were started; the first of all hears the last word.
_KEEPER = """
import json, os, shutil, signal, subprocess, sys
commands, how, folder, hard = json.loads(sys.argv[1])
signal.signal(signal.SIGINT, signal.SIG_IGN)
quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL}
servers = [subprocess.Popen(command, **quiet, **how) for command in commands]
print(*(server.pid for server in servers), flush=True)
orders = sys.stdin.read()
for server in reversed(servers):
    if server.poll() is None:
        server.send_signal(int(orders or signal.SIGINT))
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.send_signal(hard)
            server.wait()
if not orders:
    shutil.rmtree(folder, ignore_errors=True)
"""


class Keeper:
    """The process that keeps some servers, and ends them when this one has ended.

    Attributes:
        pids: those of the servers, in the order of their commands.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.pids = [int(pid) for pid in process.stdout.readline().split()]

    @classmethod
    def starting(
        cls, commands: Sequence[Sequence[str]], how: Mapping[str, object], folder: Path, hard: int = signal.SIGQUIT
    ) -> Self:
        """Start servers; what they say on the standard error goes to `log` in the folder.

        Args:
            how: options of `subprocess.Popen`, as JSON.
            folder: theirs; it goes when this process ends without having ended them.
            hard: the signal for one that does not end within 20 seconds.
        """
        with (folder / "log").open("a") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-SEc", _KEEPER, json.dumps([commands, dict(how), str(folder), hard])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # an interrupt at the terminal is for the tests
            )
        return cls(process)

    def end(self, number: int) -> None:
        """End the servers by a signal."""
        self._process.communicate(str(int(number)), timeout=PATIENCE)


def as_user(user: str, folder: Path) -> dict[str, object]:
    """Return how a command is run that refuses root: as another user where this is root, in a folder of its own."""
    if os.geteuid() != 0:
        return {"cwd": str(folder)}
    shutil.chown(folder, user)
    return {"cwd": str(folder), "user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lives(pid: int) -> bool:
    """Say whether a process has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    return state != "Z"

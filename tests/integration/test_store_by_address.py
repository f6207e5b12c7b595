"""A store of somebody else plugs in by its address: registered in the process, or brought by an installed package."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.journal_store import open_journal

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote
from interlock.domain.run import RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.errors import InvalidConfig, StoreUnavailable
from interlock.storage import open as opening
from interlock.storage import open_store, register_store
from interlock.testing.contracts import StoreContract

ME = Principal("local:me", "person", "default", "test")
ROOT = Path(__file__).parents[2]
AGENT = """
from typing import TypedDict

from interlock import Action, Agent, ask
from langgraph.graph import END, START, StateGraph

class State(TypedDict, total=False):
    input: str
    result: str

def gate(state):
    decision = ask(Action("pay", {"to": state["input"]}))
    return {"result": decision.perform(lambda to: f"paid {to}") if decision.approved else "not paid"}

agent = Agent(StateGraph(State).add_node("gate", gate).add_edge(START, "gate").add_edge("gate", END))
"""

CONFIGURATION = """
database:
  url: journal://{folder}/acme.journal
default:
  initiator_may_approve: true
  levels: [{{steps: [{{ask: ["role:reviewer"]}}]}}]
"""


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setattr(opening, "_registered", {})


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder on the path, as packages are installed into."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def install(site, *entries):
    """Have a package there that brings these stores: `SCHEME = module:attribute`."""
    info = site / "acme_stores-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-stores\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[interlock.stores]", *entries]) + "\n")


class TestJournalStore(StoreContract):
    """It is a store: it keeps the contract."""

    @pytest.fixture
    def open_store(self, tmp_path):
        only = []

        def open_(clock):
            if not only:
                only.append(open_journal(f"journal://{tmp_path}/acme.journal", clock))
            return only[0]

        return open_


async def test_a_whole_run_on_a_registered_store(tmp_path):
    register_store("journal", open_journal)
    (tmp_path / "payer.py").write_text(AGENT)
    (tmp_path / "interlock.yaml").write_text(CONFIGURATION.format(folder=tmp_path))
    settings = load_settings(tmp_path / "interlock.yaml", {})

    first = build(settings, {})
    run = await first.runs.start("payer", f"{tmp_path}/payer.py:agent", {"input": "ACME"}, ME)
    await first.worker().drain()
    (request,) = await first.store.requests("default", RequestFilter())
    await first.close()

    second = build(settings, {})  # what was acknowledged is in the store, not in the process
    await second.desk.handle(CastVote(request.id, Verdict.approve, request.digest), ME)
    await second.worker().drain()
    ended = (await second.store.load("default", run_id=run.id)).run.run
    assert (ended.status, ended.output) == (RunStatus.done, {"input": "ACME", "result": "paid ACME"})
    await second.close()


@pytest.mark.soak
def test_the_command_line_works_on_the_store_of_an_installed_package(tmp_path, site):
    install(site, "journal = tests.integration.journal_store:open_journal")
    (tmp_path / "payer.py").write_text(AGENT)
    environ = {**os.environ, "INTERLOCK_DATABASE_URL": "journal://acme.journal", "NO_COLOR": "1"}
    environ["PYTHONPATH"] = os.pathsep.join([str(site), str(ROOT)])

    def interlock(*arguments):
        command = [Path(sys.executable).with_name("interlock"), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert interlock("run", "payer.py:agent", "ACME", "--detach")[0] == 7
    code, listed = interlock("requests", "list")
    assert (code, "pay" in listed) == (0, True), listed
    assert interlock("doctor")[1].count("a store of another package has opened it (journal://)") == 1
    request = next(word for word in listed.split() if word.startswith("req_"))
    assert interlock("approve", request, "--yes")[0] == 0
    assert interlock("work", "--once")[0] == 0
    run = next(word for word in interlock("runs", "list")[1].split() if word.startswith("run_"))
    assert "paid ACME" in interlock("runs", "show", run)[1]


def test_a_store_that_nobody_brings_is_named_with_those_that_there_are(site):
    install(site, "acme = nowhere:nothing")
    register_store("journal", open_journal)
    with pytest.raises(InvalidConfig) as caught:
        open_store("mongodb://host/name")
    for words in (
        "kind 'mongodb'",
        "sqlite:///PATH",
        "acme://, journal://",
        "entry point 'mongodb'",
        "interlock.stores",
    ):
        assert words in caught.value.message, words


def test_a_package_that_cannot_be_loaded_is_named(site):
    install(site, "acme = nowhere.at_all:open_store")
    with pytest.raises(
        InvalidConfig, match=r"acme:// cannot be loaded from nowhere\.at_all:open_store \(ModuleNotFound"
    ):
        open_store("acme://host/name")


@pytest.mark.parametrize("scheme", ["memory", "sqlite", "dynamodb", "postgresql", "postgres", "postgresql+psycopg"])
def test_nobody_takes_a_scheme_of_ours(scheme):
    with pytest.raises(ValueError, match="Interlock itself"):
        register_store(scheme, open_journal)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("acme://me:old@host/name?a=1", "acme://me:new@host/name?a=1", True),
        ("acme://me:old@host/name?a=1", "acme://me@host/name?a=1", True),
        ("acme://me:old@host/name?a=1", "acme://me:old@host/name?a=2", False),
        ("acme://me:old@host/name", "acme://me:old@host/other", False),
        ("acme://host/a:b@c", "acme://host/a@c", False),
    ],
)
def test_results_are_kept_by_the_address_whatever_its_password(tmp_path, one, other, same):
    kept, again = opening.kept_results(one, tmp_path), opening.kept_results(other, tmp_path)
    assert (kept.folders == again.folders) is same
    assert kept.folders[0].is_relative_to(tmp_path)


def _raises(url, clock=None, *, create=True):
    raise OSError(f"no route to {url}")


@pytest.mark.parametrize(
    ("opener", "error", "says"),
    [
        (_raises, StoreUnavailable, "cannot be opened: OSError: no route to acme://user@host/x"),
        (lambda url, clock=None, *, create=True: None, InvalidConfig, "returns NoneType, and no store"),
        ("no function", StoreUnavailable, "TypeError"),
    ],
    ids=["it raises", "it returns nothing", "it is no function"],
)
def test_an_opener_that_fails_is_told_without_the_password(opener, error, says):
    register_store("acme", opener)
    with pytest.raises(error, match=says) as raised:
        open_store("acme://user:secret@host/x")
    assert "secret" not in str(raised.value)


def test_a_scheme_may_be_written_in_capitals(tmp_path):
    register_store("journal", open_journal)
    assert open_store(f"JOURNAL://{tmp_path}/a.journal") is not None

"""One person votes for another: what everybody is told of it, on screen, in the log and as JSON."""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from tests.model.fixtures import TENANT
from tests.model.rules import START
from tests.model.system import SystemUnderTest

from interlock.channels.presentation import present
from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Delegation, Directory
from interlock.domain.commands import CastVote
from interlock.domain.policy import Level, Policy, Step
from interlock.engine.audit import audit_record
from interlock.engine.ports.policies import PolicySet
from interlock.engine.routing import PolicyBook
from interlock.errors import Forbidden
from interlock.service.sentences import sentence
from interlock.service.shapes import view_shape
from interlock.service.views import Views
from interlock.storage.memory import MemoryStore
from interlock.testing.fakes import SettableClock, SettablePolicies
from interlock.testing.people import principal
from interlock.testing.scripts import Move, Script, Tool

STEP = Step(("group:managers",), approvals=2, rejections=2)
POLICY = Policy("purchases", (Level("only", None, (STEP,)),), edits=("amount",))
NAMED = Delegation("mia", "zoe", START + timedelta(days=3))
PEOPLE = Directory({"managers": frozenset({"mia", "noah"})}, local_roles=False, delegations=(NAMED,))


@pytest.fixture
async def circle():
    clock = SettableClock()
    policies = SettablePolicies(PolicySet((), POLICY, PEOPLE))
    made = SystemUnderTest("memory", MemoryStore(clock), clock, policies)
    made.runtime.scripts["buys"] = Script((((Move((Action("purchase", {"amount": "5"}),), Tool()),),),))
    await made.runs.start("buyer", "buys", None, principal("ian", tenant=TENANT))
    (job,) = (await made.store.agenda()).jobs
    await made.worker.runner.carry_out(job)
    made.views = lambda who: Views(made.store, policies, principal(who, tenant=TENANT), PolicyBook(made.store))
    (made.id,) = await made.inbox()
    return made


async def vote(circle, who, verdict=Verdict.approve, subject=None):
    digest = (await circle.views(who).request(circle.id)).request.digest
    command = CastVote(circle.id, verdict, digest, "", subject)
    return await circle.desk.handle(command, principal(who, tenant=TENANT))


async def seen(circle, person="zoe", *, full=True):
    return [line.text for line in present(await circle.views(person).request(circle.id), full=full).lines]


async def test_whoever_is_named_sees_for_whom_the_vote_would_be(circle):
    view = await circle.views("ZOE").request(circle.id)
    assert (view.excluded, view.on_behalf_of) == (None, "mia")
    assert (await circle.views("mia").request(circle.id)).on_behalf_of is None
    for full in (True, False):
        shown = await seen(circle, full=full)
        assert "May vote now: mia, noah." in shown
        assert "Votes for mia: zoe, until 2026-11-05 09:00:00 UTC." in shown
    assert circle.views("zoe").candidates(view) == ["mia", "noah", "zoe"]


async def test_the_request_the_log_and_the_json_say_who_voted_for_whom(circle):
    await vote(circle, "zoe")
    assert "zoe for mia said approve" in await seen(circle, "noah")
    assert any("; for it: zoe for mia." in line for line in await seen(circle, "noah"))
    await vote(circle, "noah")
    view = await circle.views("noah").request(circle.id)
    history = await circle.store.history(TENANT, circle.id)
    told = [sentence(entry) for entry in history]
    assert told[2:] == ["zoe for mia approved", "noah approved", "approved by zoe for mia, noah"]
    shape = json.loads(json.dumps(view_shape(view, list(history))))
    assert shape["decided_by"] == ["zoe", "noah"]
    (stand_in,) = shape["stand_ins"]
    assert (stand_in["step"], stand_in["voter"], stand_in["on_behalf_of"]) == (0, "zoe", "mia")
    assert [one["on_behalf_of"] for one in shape["votes"]] == ["mia", None]
    assert shape["history"][2]["event"]["vote"]["on_behalf_of"] == "mia"
    assert any(line.startswith("It was approved by zoe for mia, noah at") for line in await seen(circle))


async def test_a_change_for_another_is_told_as_such(circle):
    after = await vote(circle, "zoe", Verdict.edit, Action("purchase", {"amount": "6"}))
    assert after.editors == ("zoe", "mia")
    assert "Changed by zoe for mia" in await seen(circle)
    told = [sentence(entry) for entry in await circle.store.history(TENANT, circle.id)]
    assert "zoe for mia changed what is asked: earlier votes are void" in told


async def test_once_the_other_has_voted_the_delegate_is_told_why_not(circle):
    await vote(circle, "mia")
    view = await circle.views("zoe").request(circle.id)
    assert view.excluded == "this step asks group:managers; mia, for whom this would be, has voted"
    with pytest.raises(Forbidden, match="mia, for whom this would be, has voted"):
        await vote(circle, "zoe")


async def test_a_reason_that_keeps_out_both_is_said_once(circle):
    await circle.runs.start("buyer", "buys", None, principal("zoe", tenant=TENANT))
    (job,) = (await circle.store.agenda()).jobs
    await circle.worker.runner.carry_out(job)
    (own,) = set(await circle.inbox()) - {circle.id}
    view = await circle.views("zoe").request(own)
    assert view.excluded.count("whoever started the run does not decide on it") == 1


async def test_I9_a_vote_under_a_delegation_that_was_taken_back_is_not_told_as_one_for_it(circle):
    await vote(circle, "zoe")
    taken_back = replace(PEOPLE, delegations=())
    after = SettablePolicies(PolicySet((), POLICY, taken_back))
    circle.views = lambda who: Views(circle.store, after, principal(who, tenant=TENANT), PolicyBook(circle.store))
    (step,) = [line for line in await seen(circle, "noah") if line.startswith("Step 1")]
    assert "for it" not in step
    assert step.endswith("; no longer counted: zoe for mia.")


async def test_I11_what_was_decided_for_another_is_the_fold_of_its_log(circle):
    await vote(circle, "zoe")
    await vote(circle, "noah")
    assert await audit_record(circle.store) == []


CONFIG = """\
groups: {managers: [mia@example.com, noah@example.com]}
delegations:
  - {from: mia@example.com, to: "local:Zoe", until: 2099-12-01T00:00:00Z}
  - {from: noah@example.com, to: mia@example.com, until: 2020-12-01T00:00:00Z}
default: {levels: [{name: managers, steps: [{ask: [group:managers]}]}]}
"""


def sits_here(command, name):
    command.patch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name=name))


def test_whoever_sits_here_votes_for_the_one_who_named_them(command):
    (command.folder / "interlock.yaml").write_text(CONFIG)
    sits_here(command, "ian")
    _, request = command.paused()
    assert command.run("approve", request, "--yes").returncode == 3
    sits_here(command, "zoe")
    assert "You may vote for mia@example.com." in command.run("requests", "show", request).stdout
    shown = command.json("requests", "show", request)
    assert (shown["may_vote"], shown["on_behalf_of"]) == (True, "mia@example.com")
    done = command.run("approve", request, "--yes")
    assert f"{request} is approved, by local:zoe for mia@example.com." in done.stdout + done.stderr
    told = command.run("log", "show", "--request", request).stdout
    assert "local:zoe for mia@example.com approved without naming what was shown" in told
    assert command.run("approve", request, "--yes").stderr.endswith("approved by local:zoe for mia@example.com.\n")
    assert command.sink == ["5 shop pay for a book"]


def test_spent_delegations_are_found_by_the_check(command):
    (command.folder / "interlock.yaml").write_text(CONFIG)
    codes = [finding["code"] for finding in command.json("policy", "check")["findings"]]
    assert codes == ["nobody_here", "delegation_unknown", "delegation_over"]

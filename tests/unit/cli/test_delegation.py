"""One person votes for another: what everybody is told of it, on screen, in the log and as JSON."""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from tests.model.fixtures import TENANT
from tests.model.rules import START
from tests.model.system import SystemUnderTest

from interlock.domain.action import Action, Verdict
from interlock.domain.authority import Delegation, Directory
from interlock.domain.commands import CastVote
from interlock.domain.policy import Level, Policy, Step
from interlock.engine.audit import audit_record
from interlock.engine.directories import Directories
from interlock.engine.ports.policies import PolicySet
from interlock.engine.routing import PinnedPolicies
from interlock.errors import Forbidden
from interlock.service.sentences import sentence
from interlock.service.shapes import view_shape
from interlock.service.views import Views
from interlock.storage.memory import MemoryStore
from interlock.terminal.presentation import present
from interlock.testing.fakes import SettableClock, SettablePolicies
from interlock.testing.people import principal
from interlock.testing.scripts import Move, Script, Tool

STEP = Step(("group:managers",), approvals=2, rejections=2)
POLICY = Policy("purchases", (Level("only", None, (STEP,)),), edits=("amount",))
NAMED = Delegation("mia", "zoe", START + timedelta(days=3))
PEOPLE = Directory({"managers": frozenset({"mia", "noah"})}, local_roles=False, delegations=(NAMED,))


@pytest.fixture
async def story():
    clock = SettableClock()
    policies = SettablePolicies(PolicySet((), POLICY, PEOPLE))
    made = SystemUnderTest("memory", MemoryStore(clock), clock, policies)
    made.runtime.scripts["buys"] = Script((((Move((Action("purchase", {"amount": "5"}),), Tool()),),),))
    await made.runs.start("buyer", "buys", None, principal("ian", tenant=TENANT))
    (job,) = (await made.store.agenda()).jobs
    await made.worker.runner.carry_out(job)
    made.views = lambda who: Views(
        made.store, Directories(made.store, policies), principal(who, tenant=TENANT), PinnedPolicies(made.store)
    )
    (made.id,) = await made.inbox()
    return made


async def vote(story, who, verdict=Verdict.approve, subject=None):
    digest = (await story.views(who).request(story.id)).request.digest
    command = CastVote(story.id, verdict, digest, "", subject)
    return await story.desk.handle(command, principal(who, tenant=TENANT))


async def seen(story, person="zoe", *, full=True):
    return [line.text for line in present(await story.views(person).request(story.id), full=full).lines]


async def test_whoever_is_named_sees_for_whom_the_vote_would_be(story):
    view = await story.views("ZOE").request(story.id)
    assert (view.excluded, view.on_behalf_of) == (None, "mia")
    assert (await story.views("mia").request(story.id)).on_behalf_of is None
    for full in (True, False):
        shown = await seen(story, full=full)
        assert "May vote now: mia, noah." in shown
        assert "Votes for mia: zoe, until 2026-11-05 09:00:00 UTC." in shown
    assert view.candidates.people == ("mia", "noah", "zoe")


async def test_the_request_the_log_and_the_json_say_who_voted_for_whom(story):
    await vote(story, "zoe")
    assert "zoe (for mia) said approve" in await seen(story, "noah")
    assert any("; for it: zoe (for mia)." in line for line in await seen(story, "noah"))
    await vote(story, "noah")
    view = await story.views("noah").request(story.id)
    history = await story.store.history(TENANT, story.id)
    told = [sentence(entry) for entry in history]
    assert told[2:] == ["zoe (for mia) approved", "noah approved", "approved by zoe (for mia), noah"]
    shape = json.loads(json.dumps(view_shape(view, list(history))))
    assert shape["decided_by"] == ["zoe", "noah"]
    (stand_in,) = shape["stand_ins"]
    assert (stand_in["step"], stand_in["voter"], stand_in["on_behalf_of"]) == (0, "zoe", "mia")
    assert [one["on_behalf_of"] for one in shape["votes"]] == ["mia", None]
    assert shape["history"][2]["event"]["vote"]["on_behalf_of"] == "mia"
    assert any(line.startswith("It was approved by zoe (for mia), noah at") for line in await seen(story))


async def test_a_change_for_another_is_told_as_such(story):
    after = await vote(story, "zoe", Verdict.edit, Action("purchase", {"amount": "6"}))
    assert after.editors == ("zoe", "mia")
    assert "Changed by zoe (for mia)" in await seen(story)
    told = [sentence(entry) for entry in await story.store.history(TENANT, story.id)]
    assert "zoe (for mia) changed what is asked: earlier votes are void" in told


async def test_once_the_other_has_voted_the_delegate_is_told_why_not(story):
    await vote(story, "mia")
    view = await story.views("zoe").request(story.id)
    assert view.excluded == "this step asks group:managers; mia, for whom this would be, has voted"
    with pytest.raises(Forbidden, match="mia, for whom this would be, has voted"):
        await vote(story, "zoe")


async def test_a_reason_that_keeps_out_both_is_said_once(story):
    await story.runs.start("buyer", "buys", None, principal("zoe", tenant=TENANT))
    (job,) = (await story.store.agenda()).jobs
    await story.worker.runner.carry_out(job)
    (own,) = set(await story.inbox()) - {story.id}
    view = await story.views("zoe").request(own)
    assert view.excluded.count("whoever started the run does not decide on it") == 1


async def test_I9_a_vote_under_a_delegation_that_was_taken_back_is_not_told_as_one_for_it(story):
    await vote(story, "zoe")
    taken_back = replace(PEOPLE, delegations=())
    after = SettablePolicies(PolicySet((), POLICY, taken_back))
    story.views = lambda who: Views(
        story.store, Directories(story.store, after), principal(who, tenant=TENANT), PinnedPolicies(story.store)
    )
    (step,) = [line for line in await seen(story, "noah") if line.startswith("Step 1")]
    assert "for it" not in step
    assert step.endswith("; no longer counted: zoe (for mia).")


async def test_I11_what_was_decided_for_another_is_the_fold_of_its_log(story):
    await vote(story, "zoe")
    await vote(story, "noah")
    assert await audit_record(story.store) == []


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
    assert f"{request} is approved, by local:zoe (for mia@example.com)." in done.stdout + done.stderr
    told = command.run("log", "show", "--request", request).stdout
    assert "local:zoe (for mia@example.com) approved without naming what was shown" in told
    assert command.run("approve", request, "--yes").stderr.endswith("approved by local:zoe (for mia@example.com).\n")
    assert command.sink == ["5 shop pay for a book"]


def test_spent_delegations_are_found_by_the_check(command):
    (command.folder / "interlock.yaml").write_text(CONFIG)
    codes = [finding["code"] for finding in command.json("policy", "check")["findings"]]
    assert codes == ["nobody_here", "delegation_unknown", "delegation_over"]

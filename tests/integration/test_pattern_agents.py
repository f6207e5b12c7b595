"""The agents `input` and `feedback` without a terminal: what they ask, and what comes of it."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from interlock import failpoints
from interlock.agents import AGENTS
from interlock.agents.ledger import entries, ledger_path
from interlock.bootstrap import System, build
from interlock.config import load_settings
from interlock.domain.action import Verdict
from interlock.domain.authority import Principal
from interlock.domain.commands import CastVote
from interlock.domain.request import Request, Status
from interlock.domain.run import Run, RunStatus
from interlock.engine.ports.store import RequestFilter
from interlock.engine.watching import Lines
from interlock.testing.fakes import SettableClock
from interlock.testing.people import principal

ME = principal("local:me")


@dataclass
class Office:
    """Several people, one system."""

    system: System
    clock: SettableClock
    reports: Path
    elsewhere: Path
    monkeypatch: pytest.MonkeyPatch
    run_id: str = ""
    lines: list[str] = field(default_factory=list)

    async def start(self, agent: str, text: str) -> Run:
        name, reference = self.system.registry.reference(agent)
        given = self.system.registry.load(reference).input_from(text)
        self.run_id = (await self.system.runs.start(name, reference, given, ME)).id
        return await self.work()

    async def work(self) -> Run:
        await self.system.worker(watcher=Lines(lambda _, text: self.lines.append(text))).drain()
        loaded = await self.system.store.load("default", run_id=self.run_id)
        return loaded.run.run

    async def asked(self) -> Request:
        [request] = await self.system.store.requests("default", RequestFilter(run_id=self.run_id))
        return request

    async def crash_and_go_on_elsewhere(self, variable: str) -> Run:
        """Approve, die between the effect and its record, and go on in a process that has another environment."""
        failpoints.configure("effect.called=raise")
        try:
            await self.say(Verdict.approve)
        finally:
            failpoints.configure("")
        self.monkeypatch.setenv(variable, str(self.elsewhere))
        for _ in range(5):
            self.clock.advance(minutes=1)
            run = await self.work()
        return run

    async def say(self, verdict: Verdict, who: Principal = ME, comment: str = "", answer=None, **args) -> Run:
        request = await self.asked()
        stands = request.edition.subject
        subject = replace(stands, args={**stands.args, **args}) if args else None
        vote = CastVote(request.id, verdict, request.digest, comment, subject, answer)
        await self.system.desk.handle(vote, who)
        return await self.work()


@pytest.fixture
async def office(tmp_path, monkeypatch):
    monkeypatch.delenv("SAGEMAKER_ENDPOINT_NAME", raising=False)
    monkeypatch.setenv("INTERLOCK_LEDGER", str(tmp_path / "ledger.jsonl"))
    monkeypatch.setenv("INTERLOCK_REPORTS", str(tmp_path / "reports"))
    clock = SettableClock()
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": "memory:"}), AGENTS, clock=clock)
    yield Office(system, clock, tmp_path / "reports", tmp_path / "elsewhere", monkeypatch)
    await system.close()


@pytest.fixture
def model(monkeypatch):
    from langchain_core.language_models import FakeListChatModel  # noqa: PLC0415

    def says(*responses):
        fake = FakeListChatModel(responses=[r if isinstance(r, str) else json.dumps(r) for r in responses])
        monkeypatch.setenv("INTERLOCK_MODEL", "provider:model")
        monkeypatch.setattr("langchain.chat_models.init_chat_model", lambda _: fake)

    return says


# ── feedback ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_S1_each_round_is_kept_and_shown_as_a_difference_until_the_last(office):
    await office.start("feedback", "Write a report about Q3")
    for number, note in enumerate(("Add more data", "mention the shop", "title: The quarter"), start=2):
        await office.say(Verdict.revise, comment=note)
        request = await office.asked()
        assert request.ask.context["round"] == f"{number} of at most 4"
        assert request.ask.context["changes"].startswith(f"--- draft {number - 1}\n+++ draft {number}\n")
    assert Verdict.revise not in request.ask.verdicts
    run = await office.say(Verdict.approve)
    assert [entry["feedback"] for entry in run.output["rounds"]] == [
        "Add more data",
        "mention the shop",
        "title: The quarter",
    ]
    [file] = office.reports.iterdir()
    assert file.read_text().startswith("# The quarter\n")


async def test_I1_I2_an_edited_draft_is_filed_as_it_was_accepted_once(office):
    await office.start("feedback", "Write a report")
    request = await office.asked()
    mine = replace(request.asked, body={"title": "Mine", "text": "Short."})
    failpoints.configure("effect.called=raise")
    try:
        await office.system.desk.handle(CastVote(request.id, Verdict.edit, request.digest, "", mine), ME)
        await office.work()
    finally:
        failpoints.configure("")
    for _ in range(5):
        office.clock.advance(minutes=1)
        run = await office.work()
    assert run.output["accepted"] is True
    [file] = office.reports.iterdir()
    assert file.read_text() == "# Mine\n\nShort.\n"


async def test_I2_a_report_is_filed_where_people_were_shown_whatever_a_later_process_has_set(office):
    await office.start("feedback", "Write a report")
    await office.say(Verdict.revise, comment="shorter")
    assert (await office.asked()).ask.context["folder"] == str(office.reports)
    run = await office.crash_and_go_on_elsewhere("INTERLOCK_REPORTS")
    [file] = office.reports.iterdir()
    assert (run.status, run.output["filed"]) == (RunStatus.done, {"file": str(file)})
    assert not office.elsewhere.exists()


async def test_S2_the_report_comes_from_the_model_that_is_configured(office, model):
    model("no JSON", {"title": "Q3", "text": "Good."}, {"title": "Q3", "text": "Better."})
    await office.start("feedback", "Write a report")
    await office.say(Verdict.revise, comment="better")
    request = await office.asked()
    assert request.asked.body == {"title": "Q3", "text": "Better."}
    assert request.ask.context["writer"] == "written by model provider:model"


# ── input ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_S2_what_the_model_read_is_not_asked_again(office, model):
    model({"airline": "KLM", "destination": "Rome", "date": None})
    await office.start("input", "the Dutch ones, to the eternal city")
    assert (await office.asked()).asked.text == "On which day, and for how many?"
    await office.say(Verdict.respond, answer={"date": "2999-01-01", "passengers": 1})
    assert (await office.asked()).ask.context["reader"] == "read by model provider:model"
    run = await office.say(Verdict.approve)
    assert run.output["result"].startswith("Booked KLM to Rome on 2999-01-01 for 1")
    assert len(entries()) == 1


async def test_I2_a_flight_is_booked_in_the_ledger_that_people_were_shown_whatever_a_later_process_has_set(office):
    ledger = ledger_path()
    await office.start("input", "Book a flight to Lisbon with KLM for 2 on 2999-02-01")
    assert (await office.asked()).ask.context["ledger"] == ledger
    run = await office.crash_and_go_on_elsewhere("INTERLOCK_LEDGER")
    assert (run.status, run.output["booking"]["where"]) == (RunStatus.done, ledger)
    assert not office.elsewhere.exists()
    office.monkeypatch.setenv("INTERLOCK_LEDGER", ledger)
    assert len(entries()) == 1


@pytest.mark.parametrize("words", ["Book a flight", "Book a flight to Lisbon with KLM for 2 on 2999-02-01"])
async def test_S1_nobody_answers_nothing_is_booked(office, words):
    await office.start("input", words)
    office.clock.advance(days=400)
    run = await office.work()
    assert run.output["result"] == "Not booked: nobody answered in time."
    assert entries() == []


async def test_S1_a_question_can_be_refused(office):
    await office.start("input", "Book a flight")
    run = await office.say(Verdict.reject, comment="stay at home")
    assert run.output["result"] == "Not booked: the request was rejected: stay at home."


async def test_a_day_that_is_over_is_asked_for_again(office):
    await office.start("input", "Book a flight to Lisbon with KLM")
    await office.say(Verdict.respond, answer={"date": "2001-01-01", "passengers": 1})
    request = await office.asked()
    assert request.status is Status.open
    assert request.asked.text.startswith("2001-01-01 is over. On which day")

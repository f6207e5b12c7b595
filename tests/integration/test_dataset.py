"""Past decisions leave as training data: of whom it is allowed, proved, the same each time, and noted (S19)."""

import hashlib
import io
import json
import tarfile
from typing import TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from tests.configuration import settled

from interlock import Action, Draft, Principal, Question, Verdict, ask, connect
from interlock.domain.statistics import Ended
from interlock.errors import BadInput, Forbidden, RecordAltered
from interlock.learning.formats import DatasetFormat
from interlock.learning.selection import Selection
from interlock.service.dataset_files import unpack
from interlock.testing.fakes import SettableClock


class State(TypedDict, total=False):
    input: str
    rounds: int


def mail(state):
    ask(Action("send_email", {"to": state["input"], "subject": "Lunch"}))
    return {}


def write(state):
    rounds = state.get("rounds", 0)
    verdicts = [Verdict.approve, Verdict.edit, Verdict.revise]
    decision = ask(Draft(f"Draft {rounds} for {state['input']}", title="report"), verdicts=verdicts)
    return {"rounds": rounds + 1 if decision.outcome == "revised" else -1}


def fly(state):
    ask(Question("Which airline?"))
    return {}


def alone(node):
    return StateGraph(State).add_node("node", node).add_edge(START, "node").add_edge("node", END)


def again(state):
    return END if state["rounds"] < 0 else "node"


WRITER = StateGraph(State).add_node("node", write).add_edge(START, "node").add_conditional_edges("node", again)
AGENTS = {"mailer": alone(mail), "writer": WRITER, "flyer": alone(fly), "private": alone(mail)}
CONFIGURATION = """
learning:
  mailer: {export: true, redact: [to]}
  writer: {export: true}
  flyer: {export: true}
default:
  initiator_may_approve: true
  levels: [{name: reviewer, steps: [{ask: ["role:reviewer"], within: 24h}]}]
"""


class Office:
    """Agents ask, one person decides, an hour apart."""

    def __init__(self, client, clock):
        self.client, self.clock = client, clock

    async def decided(self, agent, text, *acts):
        """Start an agent, and do to each request that it asks what is said."""
        run = await self.client.start(agent, text)
        for act in acts:
            await self.client.advance(run.id)
            (request,) = [one async for one in self.client.requests() if one.run_id == run.id]
            self.clock.advance(hours=1)
            await act(self.client, request)
        await self.client.advance(run.id)

    async def exported(self, form=DatasetFormat.sft, **wanted):
        """Export, and return the archive as bytes."""
        return b"".join([part async for part in self.client.export_dataset(Selection(form, **wanted))])


@pytest.fixture
async def office(tmp_path):
    clock = SettableClock()
    config = settled(tmp_path / "interlock.yaml", CONFIGURATION)
    async with connect(tmp_path / "one.db", config=config, agents=AGENTS, clock=clock) as client:
        yield Office(client, clock)


async def approve(client, request):
    await client.approve(request.id, digest=request.digest)


async def reject(client, request):
    await client.reject(request.id, digest=request.digest, comment=f"{request.asked.args['to']} is on leave")


async def change(client, request):
    await client.edit(request.id, {**request.asked.args, "subject": "Dinner"}, digest=request.digest)


async def revise(client, request):
    await client.revise(request.id, digest=request.digest, comment="Say more")


async def answer(client, request):
    await client.answer(request.id, "Any", digest=request.digest)


def files_of(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        return {entry.name: files.extractfile(entry).read() for entry in files}


def rows_of(archive):
    files = files_of(archive)
    names = [one["name"] for one in json.loads(files["manifest.json"])["files"]]
    return [json.loads(line) for name in names for line in files[name].splitlines()]


async def month(office):
    await office.decided("mailer", "ann@example.com", approve)
    await office.decided("mailer", "bob@example.com", change)
    await office.decided("mailer", "cal@example.com", reject)
    await office.decided("writer", "sales", revise, revise, approve)
    await office.decided("flyer", "Oslo", answer)
    await office.decided("private", "eve@example.com", approve)


async def test_S19_decisions_changes_answers_and_rounds_leave_as_training_data(office):
    await month(office)
    archive = await office.exported()
    assert archive == await office.exported()
    rows = rows_of(archive)
    assert [(one["about"]["agent"], one["about"]["outcome"]) for one in rows] == [
        ("mailer", "approved"), ("mailer", "changed"), ("writer", "approved"), ("flyer", "answered"),
    ]  # fmt: skip
    assert rows[0]["prompt"] == [{"role": "user", "content": "[redacted]"}]
    assert [one["content"] for one in rows[2]["prompt"]] == [
        "sales", "Draft 0 for sales", "Say more", "Draft 1 for sales", "Say more",
    ]  # fmt: skip
    pairs = rows_of(await office.exported(DatasetFormat.dpo, agent="writer"))
    assert [(one["chosen"][0]["content"], one["rejected"][0]["content"]) for one in pairs] == [
        ("Draft 2 for sales", "Draft 0 for sales"), ("Draft 2 for sales", "Draft 1 for sales"),
    ]  # fmt: skip
    (refused,) = rows_of(await office.exported(DatasetFormat.kto, outcomes=(Ended.rejected,)))
    assert (refused["label"], refused["about"]["reason"]) == (False, "[redacted] is on leave")
    assert not any(b"example.com" in content for content in files_of(archive).values())


async def test_the_manifest_names_every_byte_and_the_log_names_the_manifest(office):
    await month(office)
    files = files_of(await office.exported(validation=25, test=25))
    manifest = json.loads(files["manifest.json"])
    assert [(one["name"], one["rows"]) for one in manifest["files"]] == [
        ("train.jsonl", 2), ("validation.jsonl", 1), ("test.jsonl", 1),
    ]  # fmt: skip
    for one in manifest["files"]:
        assert (len(files[one["name"]]), hashlib.sha256(files[one["name"]]).hexdigest()) == (
            one["bytes"],
            one["sha256"],
        )
    assert manifest["decisions"] == {"read": 7, "wanted": 7, "without_consent": 1}
    assert manifest["agents"] == {
        "flyer": {"redacted": []}, "mailer": {"redacted": ["to"]}, "writer": {"redacted": []}
    }  # fmt: skip
    positions = [entry.position async for entry in office.client.log() if entry.event.type == "decided"]
    assert manifest["log"] == {"first": positions[0], "last": positions[-2]}
    noted = (await office.client.history("directory"))[-1]
    assert noted.event.manifest == "sha256:" + hashlib.sha256(files["manifest.json"]).hexdigest()
    assert (noted.by, noted.event.rows, noted.event.agents) == (
        office.client.principal.id, 4, ("flyer", "mailer", "writer"),
    )  # fmt: skip
    head = files["README.md"].decode().split("---")[1]
    assert "- split: train\n    path: train.jsonl" in head


async def test_time_and_what_is_alike_are_left_out(office):
    for _ in range(3):
        await office.decided("mailer", "ann@example.com", approve)
    since = office.clock.advance(minutes=1).isoformat()
    await office.decided("mailer", "bob@example.com", change)
    files = files_of(await office.exported())
    assert json.loads(files["manifest.json"])["rows"]["duplicates"] == 2
    assert [one["about"]["outcome"] for one in rows_of(await office.exported(since=since))] == ["changed"]
    assert [one["about"]["outcome"] for one in rows_of(await office.exported(until=since))] == ["approved"]
    office.clock.advance(hours=1)
    assert rows_of(await office.exported(since="1m")) == []
    for wrong in ({"since": "soon"}, {"since": "1h", "until": "2h"}):
        with pytest.raises(BadInput):
            await office.exported(**wrong)


async def test_only_auditors_and_admins_take_decisions_away_and_no_other_tenants(office):
    await office.decided("mailer", "ann@example.com", approve)
    for kind, name in (("person", "mia@example.com"), ("agent", "agent:mailer"), ("service", "service:etl")):
        other = Principal(name, kind, "default", "test")
        with pytest.raises(Forbidden, match="may not export decisions"):
            await Office(office.client.acting_as(other), office.clock).exported()
    rival = Principal(office.client.principal.id, "person", "rival", "test")
    assert rows_of(await Office(office.client.acting_as(rival), office.clock).exported()) == []
    assert [one.event.type for one in await office.client.history("directory")] == []


async def test_what_is_not_what_its_log_says_does_not_leave(office, tmp_path):
    import sqlite3  # noqa: PLC0415 - to forge

    await office.decided("mailer", "ann@example.com", approve)
    with sqlite3.connect(tmp_path / "one.db") as forged:
        forged.execute("UPDATE requests SET body = replace(body, 'Lunch', 'Money')")
    with pytest.raises(RecordAltered):
        await office.exported()
    assert [one.event.type for one in await office.client.history("directory")] == []


async def test_an_archive_is_taken_whole_and_as_it_was_made_or_not_at_all(office, tmp_path):
    await office.decided("mailer", "ann@example.com", approve)
    archive = await office.exported()
    into = tmp_path / "into"
    others = [b"no archive" * 100, archive[:2000], archive.replace(b"send_email", b"sent_email"), archive[1024:]]
    for name in ("../README.md", "/tmp/README.md", "a/README.md", "passwd"):
        with io.BytesIO() as made, tarfile.open(fileobj=made, mode="w") as files:
            files.addfile(tarfile.TarInfo(name))
            files.close()
            others.append(made.getvalue())
    for other in others:
        with pytest.raises(BadInput):
            unpack(io.BytesIO(other), into)
    assert [*into.iterdir()] == []
    manifest = unpack(io.BytesIO(archive), into)
    assert sorted(one.name for one in into.iterdir()) == ["README.md", "manifest.json", "train.jsonl"]
    assert manifest["rows"]["written"] == 1
    with pytest.raises(BadInput, match="holds something already"):
        unpack(io.BytesIO(archive), into)
    with pytest.raises(BadInput, match="cannot be written"):
        unpack(io.BytesIO(archive), into / "manifest.json" / "more")

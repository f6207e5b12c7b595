"""Decisions taken away over HTTP: as the kit makes them, for auditors and admins, one export at a time (S19)."""

import json
from datetime import timedelta

import pytest
from tests.integration.test_dataset import files_of, rows_of
from tests.server.conftest import CONFIG
from tests.server.test_agents_api import ask, vote

from interlock import Action
from interlock.client import connect
from interlock.client.calls import Session
from interlock.domain.credentials import Scope
from interlock.errors import BadInput, Forbidden
from interlock.learning.formats import DatasetFormat
from interlock.learning.selection import Selection

ALLOWED = CONFIG + "learning: {bot: {export: true, redact: [/iban]}}\n"
PAID = {"asked": {"kind": "approval", "name": "pay out", "args": {"iban": "DE02 1234", "sum": 5}}}
LASTS = timedelta(hours=1)
MIA, NOAH, OLGA = (f"{name}@example.com" for name in ("mia", "noah", "olga"))


@pytest.fixture
async def world(open_server):
    """Return a server on which somebody has changed what an agent asked."""
    server = open_server(config=ALLOWED)
    agent, mia = await server.agent(), await server.person(MIA)
    asked = await ask(agent, PAID | {"description": "Pay DE02 1234"}, "k1")
    await vote(mia, asked, verdict="edit", value={"iban": "DE02 1234", "sum": 4}, comment="DE02 1234 gets 4")
    return server


async def test_S19_an_auditor_gets_the_files_as_an_archive(world):
    noah = await world.person(NOAH)
    answer = await noah.post("/datasets", json={"format": "dpo", "validation": 0, "test": 0})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
    assert "no-store" in answer.headers["cache-control"]
    (row,) = rows_of(answer.content)
    assert row["prompt"] == [{"role": "user", "content": "Pay [redacted]"}]
    assert [json.loads(row[side][0]["content"])["arguments"]["sum"] for side in ("chosen", "rejected")] == [4, 5]
    assert b"DE02" not in answer.content
    assert files_of(answer.content).keys() == {"README.md", "manifest.json", "train.jsonl"}
    noted = (await noah.get("/log", params={"limit": 100})).json()["entries"][-1]
    assert (noted["event"]["type"], noted["event"]["format"], noted["by"]) == ("dataset_exported", "dpo", NOAH)


async def test_a_client_has_the_same_bytes_and_the_same_refusals(world):
    at = await world.listen()
    cookie = (await world.cookie(OLGA)).partition("=")[2]
    everything = Selection(DatasetFormat.kto)
    async with connect(f"http://{at}", session=Session(f"http://{at}", cookie)) as olga:
        archive = b"".join([part async for part in olga.export_dataset(everything)])
        assert archive == b"".join([part async for part in olga.export_dataset(everything)])
        with pytest.raises(BadInput, match="no duration, such as 30d"):
            await anext(olga.export_dataset(Selection(DatasetFormat.kto, since="soon")))
    assert [row["label"] for row in rows_of(archive)] == [True, False]
    for scopes in ((Scope.log,), tuple(Scope)):
        token = await world.context.authenticator.token(
            "default", "service:etl", scopes=frozenset(scopes), lasts=LASTS, by="test"
        )
        async with connect(f"http://{at}", token=token.secret) as service:
            with pytest.raises(Forbidden, match="only people may do that"):
                await anext(service.export_dataset(everything))


async def test_one_export_at_a_time_of_each_tenant(world):
    noah = await world.person(NOAH)
    world.context.exporting.add("default")
    answer = await noah.post("/datasets", json={"format": "sft"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    world.context.exporting.clear()
    wrong = (
        {"format": "csv"},
        {"format": "sft", "test": 99},
        {"format": "sft", "until": "soon"},
        {"format": "sft", "x": 1},
    )
    for body in wrong:
        assert (await noah.post("/datasets", json=body)).status_code == 400, body
    assert (await noah.post("/datasets", json={"format": "sft"})).status_code == 200
    assert world.context.exporting == set(), "whoever was refused holds nobody up"
    there = await world.person(OLGA, "other")
    assert rows_of((await there.post("/datasets", json={"format": "kto"})).content) == [], "I13"


def test_the_command_writes_a_folder_here_and_at_a_server(installation):
    installation.sign_in()
    done = installation.ask(Action("pay", {"amount": "12.00"}))
    assert installation.there("approve", done.id, "--yes")[0] == 0
    for say, name in ((installation.here, "one"), (installation.there, "two")):
        code, out, err = say("dataset", "export", "--format", "sft", "--into", name)
        assert code == 0, err
        assert f"0 rows of 0 decisions are in {name}." in out
        assert "1 decision is of agents that do not allow it" in out
    one, two = (
        {file.name: file.read_bytes() for file in (installation.folder / name).iterdir()} for name in ("one", "two")
    )
    assert one == two
    assert installation.there("dataset", "export", "--format", "sft", "--into", "two")[0] == 2
    told = json.loads(installation.there("dataset", "export", "--format", "kto", "--into", "three", "--json")[1])
    assert told["decisions"]["without_consent"] == 1

"""I1, I11: every column and every field of every row, changed, removed and added, before and after each kind of vote.

The table is generated from the schema and from the rows: a new column or field is in it by itself. What is tampered
with is found by the audit or harmless, and nothing is executed that people have not approved.
"""

import contextlib
import copy
import json
from dataclasses import dataclass, field, replace

import pytest
from langgraph.config import get_store
from sqlalchemy import BigInteger, Integer, LargeBinary

from interlock import Action, Draft, Question, ask
from interlock.engine.audit import audit_record
from interlock.errors import InterlockError
from interlock.storage.guards import POSTGRES_GUARD_MADE, SQLITE_GUARDS
from interlock.storage.schema import epochs, log, metadata, ordered_log, store

CONFIG = """\
groups: {managers: [mia, noah, omar], directors: [olga]}
policies:
  all:
    applies_to: "true"
    initiator_may_approve: false
    levels:
      - steps: [{ask: [group:managers], approvals: 2, rejections: 2, within: 2d}, {ask: [group:directors], within: 2d}]
"""
FAR = 2**52
UNSEEN = {
    ("windows", "version"): "a counter that is compared, and decides nothing",
    ("threads", "tenant"): "a counter that is compared, and decides nothing",
    ("threads", "name"): "a counter that is compared, and decides nothing",
    ("threads", "version"): "a counter that is compared, and decides nothing",
    ("notes", "key"): "facts about the database, such as that it is a demo's",
    ("notes", "value"): "facts about the database, such as that it is a demo's",
    ("jobs", "generation"): "a job's generation is compared, and decides nothing",
    ("jobs", "owner"): "who has a job until it is due",
    ("log", "position"): "the order between streams is for signed checkpoints to hold",
    ("log", "xact"): "the order between streams is for signed checkpoints to hold",
    ("log", "epoch"): "the order between streams is for signed checkpoints to hold",
    ("epochs", "number"): "the order between streams is for signed checkpoints to hold",
    ("epochs", "origin"): "the order between streams is for signed checkpoints to hold",
} | {("store", column.name): "what agents keep is theirs, and is not governed" for column in store.columns}
"""What an audit cannot see, and why nothing is approved by it."""


# ── the moments ──


async def asked(scene):
    return await scene.begin(Action("pay", {"amount": 5}))


async def voted(scene):
    return await scene.vote(await asked(scene), "mia")


async def second_step(scene):
    return await scene.vote(await voted(scene), "noah")


async def edited(scene):
    request = await asked(scene)
    return await scene.vote(request, "mia", "edit", subject=Action("pay", {"amount": 6}))


async def approved(scene):
    scene.may_happen = [{"amount": 5}]
    return await scene.vote(await second_step(scene), "olga")


async def refused_once(scene):
    return await scene.vote(await asked(scene), "mia", "reject")


async def rejected(scene):
    return await scene.vote(await refused_once(scene), "noah", "reject")


async def answered(scene):
    request = await scene.begin(Question("How much?", {"type": "integer"}))
    for person in ("mia", "noah", "olga"):
        request = await scene.vote(request, person, "respond", answer=3)
    scene.may_happen = [3]
    return request


async def revised(scene):
    request = await scene.begin(Draft("Report", "text"))
    for person in ("mia", "noah"):
        request = await scene.vote(request, person, "revise")
    return request


async def continued(scene):
    """A run of a thread that began with the state of the one before it, which has ended and left its states."""
    await rejected(scene)
    await scene.story.drain()
    return await scene.begin(Action("pay", {"amount": 5}))


MOMENTS = [asked, voted, second_step, edited, approved, refused_once, rejected, answered, revised, continued]
TOO_FEW = {
    continued: ["olga"],
    asked: ["noah", "olga"],
    voted: ["olga"],
    second_step: ["mia"],
    edited: ["olga"],
    refused_once: ["olga"],
}
"""Who votes after the tampering: never enough."""


class Scene:
    """A run, what happened in the world by it, and somebody who writes into its database."""

    def __init__(self, story, door):
        self.story, self.door = story, door
        self.world, self.may_happen = [], []
        self.run_id = ""

    def act(self, state):
        get_store().put(("notes",), "seen", {"amount": 5})
        decision = ask(self.subject)
        if decision.outcome == "answered":
            self.world.append(decision.answer)
        elif decision.approved:
            decision.perform(lambda **arguments: self.world.append(arguments) or "done")
        return {"out": [str(decision.outcome)]}

    async def begin(self, subject):
        self.subject = subject
        reference = self.story.register(self.story.chain(self.act), "tests:scene")
        run = await self.story.system.runs.start("scene", reference, {}, self.story.me, thread="talk")
        self.run_id = run.id
        await self.story.drain()
        return await self.story.asked()

    async def vote(self, request, who, verdict="approve", **more):
        return await self.story.vote(request, verdict, "because", who=who, **more)

    async def go_on(self, request, voters):
        """Let too few people vote, and let a worker do what it finds; a process that has read no policy before."""
        self.story.system.pinned_policies._known.clear()
        for who in voters:
            with contextlib.suppress(InterlockError):
                await self.vote(request, who)
        with contextlib.suppress(InterlockError):
            await self.story.drain()


# ── rows, as they are and as they are put back ──


class Rows:
    """All rows of the tables, and how they are changed past everything that refuses it."""

    def __init__(self, door):
        self.door = door
        self.tables = {table.name: table for table in metadata.sorted_tables}
        if door.on_server:
            self.tables |= {"log": ordered_log, "epochs": epochs}
        self.kept = {name: self.read(name) for name in self.tables}

    def read(self, name):
        columns = [column.name for column in self.tables[name].columns]
        found = self.door.sql(f"SELECT {', '.join(columns)} FROM {name}")
        return [dict(zip(columns, map(plain, row), strict=True)) for row in found]

    def write(self, name, rows):
        """Put other rows into a table, and leave the log guarded as it was."""
        columns = [column.name for column in self.tables[name].columns]
        over = " OVERRIDING SYSTEM VALUE" if self.door.on_server and name == "log" else ""
        marks = ", ".join("?" for _ in columns)
        statements = [(f"DELETE FROM {name}", ())]
        statements += [
            (f"INSERT INTO {name} ({', '.join(columns)}){over} VALUES ({marks})", tuple(row[key] for key in columns))
            for row in rows
        ]
        if name == "log":
            statements = [*((made, ()) for made in self.unguarded()), *statements, *((g, ()) for g in self.guards())]
        self.door.run(statements)

    def unguarded(self):
        names = ["log_refuses_change"] if self.door.on_server else SQLITE_GUARDS
        return [f"DROP TRIGGER {trigger}{' ON log' if self.door.on_server else ''}" for trigger in names]

    def guards(self):
        return POSTGRES_GUARD_MADE if self.door.on_server else SQLITE_GUARDS.values()

    def put_back(self):
        for name, rows in self.kept.items():
            if self.read(name) != rows:
                self.write(name, rows)
                if name == "log" and not self.door.on_server:  # which knows how many positions it has given
                    self.door.sql("UPDATE sqlite_sequence SET seq = (SELECT max(position) FROM log)")


def plain(value):
    return bytes(value) if isinstance(value, memoryview) else value


# ── the tampering ──


@dataclass
class Tampering:
    """One change of the rows.

    Args:
        unseen: why the audit need not find it; empty if it must.
    """

    table: str
    what: str
    rows: list = field(repr=False)
    unseen: str = ""


def tamperings(rows, *, job_wanted):
    """Return every change of one column, field or row."""
    for name, kept in rows.kept.items():
        unseen = "a finished job's row stays for its generation alone" if name == "jobs" and not job_wanted else ""
        for tampering in of_table(rows.tables[name], kept):
            yield replace(tampering, unseen=tampering.unseen or unseen)


def of_table(table, kept):
    for index, row in enumerate(kept):
        yield from of_columns(table, kept, index)
        if isinstance(body := row.get("body"), bytes):
            yield from of_body(table.name, kept, index, json.loads(body))
        gone = (
            ""
            if table.name not in {"windows", "threads", "notes", "epochs", "store"}
            else "a counter, or a fact about the database"
        )
        rest = [other for at, other in enumerate(kept) if at != index]
        yield Tampering(table.name, f"row {index} removed", rest, gone)
    if kept:
        yield added_row(table, kept)


def of_columns(table, kept, index):
    for column in table.columns:
        for how, value in changes_of(column, kept[index][column.name]):
            rows = replaced(kept, index, {column.name: value})
            unseen = UNSEEN.get((table.name, column.name), "")
            yield Tampering(table.name, f"row {index} {column.name} {how}", rows, unseen)


def changes_of(column, value):
    """Return what a column may be changed to: another value of its kind, nothing, and something where nothing is."""
    if isinstance(column.type, LargeBinary):
        yield "changed", value[:-2] + b"  " if value else b"{}"
    elif isinstance(column.type, Integer | BigInteger):
        yield "changed", FAR if value is None or value > FAR or column.name.endswith(("_at", "_until")) else value + 7
    else:
        known = {"status": "rejected", "effect": "lapsed", "kind": "notify"}
        yield "changed", known.get(column.name, "another") if value != known.get(column.name) else "approved"
    if value is not None:
        yield "removed", None


def of_body(name, kept, index, body):
    for path in paths_of(body):
        for how, change in (("changed", changed), ("removed", removed), ("added", added)):
            other = copy.deepcopy(body)
            if change(other, path):
                # A field that has its default is read alike where it is missing: so it was written by earlier versions.
                unseen = "it may be its default" if how == "removed" and name in {"requests", "runs"} else ""
                row = {"body": json.dumps(other).encode()}
                where = ".".join(map(str, path)) or "the body"
                yield Tampering(name, f"row {index} {where} {how}", replaced(kept, index, row), unseen)


def paths_of(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths_of(item, (*path, key))


def at(body, path):
    for key in path:
        body = body[key]
    return body


OTHERS = {"open": "approved", "approved": "rejected", "rejected": "approved", "paused": "done", "queued": "done"}
VOTE = {
    "voter": "noah",
    "verdict": "approve",
    "digest": "",
    "step": 0,
    "at": "2026-11-02T09:00:00Z",
    "comment": "",
    "on_behalf_of": None,
    "eligible_as": "group:managers",
}


def changed(body, path):
    """Change a leaf to another value of its kind."""
    if not path or isinstance(at(body, path), dict | list):
        return False
    parent, key = at(body, path[:-1]), path[-1]
    value = parent[key]
    match value:
        case bool():
            parent[key] = not value
        case int() | float():
            parent[key] = value + 1
        case None:
            parent[key] = "2027-01-01T00:00:00Z" if str(key).endswith("_at") else "another"
        case str() if value[:4] == "2026":
            parent[key] = "2027" + value[4:]
        case str():
            parent[key] = OTHERS.get(value, value + "x")
    return True


def removed(body, path):
    """Take a field, or an item of a list, away."""
    if not path:
        return False
    del at(body, path[:-1])[path[-1]]
    return True


def added(body, path):
    """Put a field into an object, and an item into a list: into that of votes a vote that nobody has given."""
    place = at(body, path)
    if isinstance(place, dict):
        place["more"] = 1
    elif isinstance(place, list):
        forged = VOTE | {"digest": body.get("digest", "")}
        place.append(forged if path == ("votes",) else copy.deepcopy(place[0]) if place else "another")
    return isinstance(place, dict | list)


def added_row(table, kept):
    """Put a copy of the last row beside it, under another key."""
    key = {"log": "seq", "policies": "hash", "notes": "key", "epochs": "number", "states": "run_id", "store": "key"}
    key |= {"jobs": "subject", "windows": "action", "threads": "name", "participants": "person"}
    named = key.get(table.name, "id")
    row = dict(kept[-1])
    row[named] = row[named] + 1 if isinstance(row[named], int) else "another"
    for other in ("position",) if table.name == "log" else ("origin",) if table.name == "epochs" else ():
        row[other] = row[other] + 1 if isinstance(row[other], int) else "another"
    unseen = {"windows": "a counter", "threads": "a counter", "notes": "a fact", "epochs": "a start of the server"}
    unseen["store"] = "what agents keep is theirs, and is not governed"
    return Tampering(table.name, "a row added", [*kept, row], unseen.get(table.name, ""))


def replaced(kept, index, values):
    return [row | values if at == index else row for at, row in enumerate(kept)]


# ── the test ──

STRIDE = 17
ON_SERVER = 5
"""On a server each change takes ten times as long as on a file, and the audit that looks at it is the same."""
EVERY = [
    pytest.param(STRIDE, id="some"),
    pytest.param(1, id="all", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
]


@pytest.fixture(params=["sqlite", "postgres"])
async def scene(request, make_story, backdoor, tmp_path):
    (tmp_path / "interlock.yaml").write_text(CONFIG)
    story = make_story(request.param, tmp_path / "interlock.yaml", "ian")
    return Scene(story, backdoor(story.address))


@pytest.mark.sampled(8)
@pytest.mark.parametrize("stride", EVERY)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_I1_I11_what_is_tampered_with_is_found_and_never_executed(scene, moment, stride):
    sparse = ON_SERVER if scene.door.on_server and stride > 1 else 1
    request = await moment(scene)
    assert await audit_record(scene.story.store) == []
    rows = Rows(scene.door)
    job_wanted = moment in {approved, rejected, answered, revised}
    wrong, tried = [], 0
    for number, tampering in enumerate(tamperings(rows, job_wanted=job_wanted)):
        if (number + MOMENTS.index(moment)) % (stride * sparse):
            continue
        scene.world.clear()
        try:
            rows.write(tampering.table, tampering.rows)
        except scene.door.refusals:
            continue  # the database itself refuses it
        tried += 1
        found = await audit_record(scene.story.store)
        if not found and not tampering.unseen:
            wrong.append(f"not found: {tampering}")
        await scene.go_on(request, TOO_FEW.get(moment, []))
        if scene.world not in ([], scene.may_happen):
            wrong.append(f"{scene.world} happened: {tampering}")
        rows.put_back()
    assert tried > (20 if sparse == 1 else 2)
    assert not wrong, "\n".join(wrong)
    assert await audit_record(scene.story.store) == []


@pytest.mark.parametrize("table", [log, *metadata.sorted_tables], ids=lambda table: table.name)
def test_every_column_is_in_the_table(table):
    for column in table.columns:
        assert list(changes_of(column, 1 if isinstance(column.type, Integer | BigInteger) else b"x"))

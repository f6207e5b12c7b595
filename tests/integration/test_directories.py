"""I9, I11: who belongs where is what the log says, whatever somebody writes into the database beside it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.bootstrap import build
from interlock.config import load_settings
from interlock.domain.credentials import Scope
from interlock.domain.directory import STREAM
from interlock.engine.audit import audit_record
from interlock.engine.codec import leaf_hash
from interlock.engine.configured import BUILT_IN
from interlock.engine.directories import Directories
from interlock.engine.repair import repair
from interlock.errors import Conflict, RecordAltered, Unauthenticated
from interlock.service.credentials import Authenticator
from interlock.service.people import People
from interlock.testing.fakes import SettablePolicies
from interlock.testing.people import principal

ME = principal("local:me")


class Attacked:
    """The people of a tenant, and somebody who can write into the database."""

    def __init__(self, system, door):
        self.system = system
        self.store = system.store
        self.door = door
        self.people = People(system.directories, ME)

    async def members(self):
        """Return the managers as a process finds them that begins now."""
        fresh = Directories(self.store, SettablePolicies(BUILT_IN))
        return (await fresh.directory("default")).groups.get("managers", frozenset())

    async def found(self):
        return [str(one) for one in await audit_record(self.store)]


@pytest.fixture(params=["sqlite", "postgres"])
async def attacked(request, backdoor, tmp_path):
    address = str(tmp_path / "a.db") if request.param == "sqlite" else request.getfixturevalue("postgres").fresh()
    system = build(load_settings(None, {"INTERLOCK_DATABASE_URL": address}), {})
    made = Attacked(system, backdoor(address))
    await made.people.add("group", "managers", "mia")
    await made.people.add("group", "managers", "noah")
    await made.people.remove("group", "managers", "mia")
    yield made
    await system.close()


async def test_a_process_reads_on_from_what_it_knows_and_anew_where_that_is_not_there_any_more(attacked):
    store, read = attacked.store, []
    history = store.history

    async def counted(tenant, stream, *, since=1):
        found = await history(tenant, stream, since=since)
        read.append(len(found))
        return found

    other = Directories(store, SettablePolicies(BUILT_IN))
    assert (await other.kept("default")).version == 3
    store.history = counted
    await People(Directories(store, SettablePolicies(BUILT_IN)), ME).add("group", "managers", "olga")
    assert read == [3], "whoever begins reads it all"
    assert (await other.directory("default")).groups["managers"] == {"noah", "olga"}
    assert read == [3, 2], "the last entry that was known, and the new one"
    seen = other._seen["default"]
    seen.leaf, seen.kept = "another", replace(seen.kept, version=3, members={})
    assert (await other.directory("default")).groups["managers"] == {"noah", "olga"}, "a backup was put back"
    assert read == [3, 2, 2, 4]


async def test_a_version_that_was_set_back_hides_nothing_and_is_repaired(attacked):
    attacked.door.sql("UPDATE directories SET version = 2")
    assert await attacked.members() == {"noah"}, "mia has gone, whatever the row says"
    with pytest.raises(Conflict):
        await attacked.people.add("group", "managers", "olga")
    (told,) = await attacked.found()
    assert "not what its log says" in told
    repaired, refused = await repair(attacked.store, attacked.system.desk, ME)
    assert (len(repaired), refused) == (1, [])
    assert await attacked.found() == []
    await attacked.people.add("group", "managers", "olga")
    assert await attacked.members() == {"noah", "olga"}


async def test_a_row_that_is_gone_lets_nobody_in_and_is_repaired(attacked):
    attacked.door.sql("DELETE FROM directories")
    assert await attacked.members() == frozenset()
    assert len(await attacked.found()) == 1
    await repair(attacked.store, attacked.system.desk, ME)
    assert await attacked.found() == []
    assert await attacked.members() == {"noah"}


async def test_entries_that_are_missing_stop_every_decision(attacked):
    attacked.door.open_the_log()
    attacked.door.sql("DELETE FROM log WHERE stream = ? AND seq = 3", STREAM)
    with pytest.raises(RecordAltered):
        await attacked.members()
    assert any("Entries of the log are missing" in one for one in await attacked.found())
    repaired, _ = await repair(attacked.store, attacked.system.desk, ME)
    assert {one.mend for one in repaired} == {"guard"}


async def test_an_entry_that_was_altered_stops_every_decision(attacked):
    attacked.door.open_the_log()
    ((position, body),) = attacked.door.sql("SELECT position, body FROM log WHERE stream = ? AND seq = 1", STREAM)
    changed = bytes(body).replace(b'"mia"', b'"zoe"')
    attacked.door.sql("UPDATE log SET body = ?, leaf = ? WHERE position = ?", changed, leaf_hash(changed), position)
    with pytest.raises(RecordAltered):
        await attacked.members()
    assert any("directory" in one for one in await attacked.found())


async def test_a_token_that_was_made_good_again_proves_nothing(attacked):
    directories = attacked.system.directories
    authenticator = Authenticator(attacked.store, directories)
    scopes, lasts = frozenset({Scope.read}), timedelta(hours=1)
    issued = await authenticator.token("default", "agent:bot", scopes=scopes, lasts=lasts, by=ME)
    assert (await authenticator.check(issued.secret, kinds=("token",))).id == issued.credential.id
    attacked.door.sql("UPDATE credentials SET scopes = 'log read'")
    with pytest.raises(Unauthenticated):
        await authenticator.check(issued.secret, kinds=("token",))
    attacked.door.sql("UPDATE credentials SET scopes = 'read'")
    await authenticator.revoke("default", issued.credential.id, by=ME)
    attacked.door.sql("UPDATE credentials SET ended_at = NULL")
    with pytest.raises(Unauthenticated):
        await authenticator.check(issued.secret, kinds=("token",))
    (told,) = await attacked.found()
    assert issued.credential.id in told

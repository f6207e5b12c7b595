"""The contract of stores: the people of tenants, and what they prove themselves by."""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.accounts import AccountSecrets, Attempts
from interlock.domain.credentials import Credential
from interlock.domain.directory import STREAM, KeptDirectory, fold_directory
from interlock.domain.directory_events import DirectoryEvent, MemberAdded
from interlock.engine.changes import Actor, Changes, DirectoryChange
from interlock.engine.ports.store import Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT, changes, opened
from interlock.testing.store_base import Contract, OpenStore, in_threads, wins


class DirectoryContract(Contract):
    """A directory's entries, and the rows that come and go with them, stand in one transaction."""

    async def test_a_directory_is_its_log_and_its_version(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        assert await store.directory_version(TENANT) == (await store.load(TENANT, [])).directory == 0
        first = _added(KeptDirectory(TENANT), clock, "mia")
        await store.commit(_changes(first))
        second = _added(first.after, clock, "noah", "olga")
        await store.commit(_changes(second))
        other = open_store(clock)
        assert (
            await other.directory_version(TENANT) == (await other.load(TENANT, [])).directory == len(first.events) + 2
        )
        assert [entry.event for entry in await other.history(TENANT, STREAM)] == [*first.events, *second.events]
        rest = await other.history(TENANT, STREAM, since=len(first.events) + 1)
        assert [(entry.seq, entry.event) for entry in rest] == list(zip((2, 3), second.events, strict=True))
        assert await other.history(TENANT, STREAM, since=4) == []
        assert [entry.stream for entry in await other.feed(TENANT)] == [STREAM] * 3
        assert (await other.audit()).directories == {TENANT: 3}
        assert (await other.tenants(), await other.directory_version("elsewhere")) == ([TENANT], 0)
        assert (await other.audit()).strangers == []
        await other.close() if other is not store else None

    async def test_of_many_who_change_a_directory_one_does(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        for expected in (KeptDirectory(TENANT), _added(KeptDirectory(TENANT), clock, "first").after):
            wanted = [
                _changes(_added(expected, clock, name))
                for name in (("mia", "noah", "olga") if expected.version else ("first",) * 3)
            ]

            async def one(changes: Changes) -> bool:
                mine = open_store(clock)
                won = await wins(mine, changes)
                await mine.close() if mine is not store else None
                return won

            found = await in_threads(*(lambda changes=changes: one(changes) for changes in wanted))
            assert found.count(True) == 1
            assert await store.directory_version(TENANT) == expected.version + 1

    async def test_what_a_grant_approves_and_its_use_stand_together_or_not_at_all(
        self, store: Store, clock: SettableClock
    ) -> None:
        first = _added(KeptDirectory(TENANT), clock, "mia")
        await store.commit(_changes(first))
        late = changes(opened("req_1", clock.at), directory=_added(KeptDirectory(TENANT), clock, "noah"))
        assert not await wins(store, late)  # somebody has changed the directory since
        assert (await store.load(TENANT, ["req_1"])).requests == {}
        assert await store.directory_version(TENANT) == 1
        second = _added(first.after, clock, "noah")
        assert await wins(store, changes(opened("req_1", clock.at), directory=second))
        assert [*(await store.load(TENANT, ["req_1"])).requests] == ["req_1"]
        assert await store.directory_version(TENANT) == second.after.version
        twice = changes(opened("req_1", clock.at), directory=_added(second.after, clock, "olga"))
        assert not await wins(store, twice)
        assert await store.directory_version(TENANT) == second.after.version

    async def test_rows_come_and_go_with_the_entry_or_not_at_all(self, store: Store, clock: SettableClock) -> None:
        session, token = _credential(clock, "session", "mia"), _credential(clock, "token", "mia")
        link, theirs = _credential(clock, "link", "mia"), _credential(clock, "session", "noah")
        for one in (session, token, link, theirs):
            await store.keep_credential(one)
        new = replace(_credential(clock, "link", "olga"), id="link_new", digest="new")
        secrets = AccountSecrets("mia", "$argon2id$hash", "KEY", frozenset({"a", "b"}), 7)
        first = replace(_added(KeptDirectory(TENANT), clock, "mia"), issued=(new,), ended=(token.id, link.id))
        await store.commit(_changes(replace(first, secrets=(secrets,), signed_out=("mia",))))
        ended = [one.ended_at for one in [await store.credential(key.digest) for key in (session, token, link)] if one]
        assert ended == [clock.at] * 3
        assert await store.credential(theirs.digest) == theirs
        assert await store.credential("new") == new
        assert await store.secrets(TENANT, "mia") == secrets
        for gone in (await store.secrets("elsewhere", "mia"), await store.secrets(TENANT, "a\0b")):
            assert gone is None
        second = _added(first.after, clock, "zoe")
        less = AccountSecrets("mia", used_step=1)
        for wrong in (replace(second, ended=(token.id,)), replace(second, issued=(new,))):
            with pytest.raises(Conflict):
                await store.commit(_changes(replace(wrong, secrets=(less,))))
        assert await store.directory_version(TENANT) == len(await store.feed(TENANT)) == 1
        assert await store.secrets(TENANT, "mia") == secrets
        await store.commit(_changes(replace(second, secrets=(less,))))
        assert await store.secrets(TENANT, "mia") == replace(less, used_step=secrets.used_step), (
            "a code that was used is never forgotten"
        )

    async def test_a_code_is_accepted_once_and_none_before_it(self, store: Store, clock: SettableClock) -> None:
        change = replace(_added(KeptDirectory(TENANT), clock, "mia"), secrets=(AccountSecrets("mia"),))
        await store.commit(_changes(change))
        await store.accept_code(TENANT, "mia", 10)
        for tenant, account, step in (
            (TENANT, "mia", 10),
            (TENANT, "mia", 9),
            (TENANT, "noah", 11),
            ("other", "mia", 11),
        ):
            with pytest.raises(Conflict):
                await store.accept_code(tenant, account, step)
        await store.accept_code(TENANT, "mia", 11)

    async def test_attempts_are_counted_one_by_one(self, store: Store, clock: SettableClock) -> None:
        assert await store.attempts(TENANT, "k") == Attempts()
        await store.count_attempt(TENANT, "k", 0, clock.at)
        await store.count_attempt(TENANT, "k", 1, clock.at + timedelta(seconds=1))
        for seen in (0, 1, 3):
            with pytest.raises(Conflict):
                await store.count_attempt(TENANT, "k", seen, clock.at)
        assert await store.attempts(TENANT, "k") == Attempts(2, clock.at + timedelta(seconds=1))
        assert await store.attempts("elsewhere", "k") == Attempts()
        assert await store.attempts("\0", "k") == Attempts()
        with pytest.raises(Conflict):
            await store.count_attempt("\0", "k", 0, clock.at)
        await store.forget_attempts("\0", "k")
        await store.forget_attempts(TENANT, "k")
        assert await store.attempts(TENANT, "k") == Attempts()

    async def test_a_row_is_written_anew_from_the_log(self, store: Store, clock: SettableClock) -> None:
        first = _added(KeptDirectory(TENANT), clock, "mia", "noah")
        await store.commit(_changes(first))
        again = replace(_added(first.after, clock, "olga"), anew=True)
        await store.commit(_changes(again))
        assert await store.directory_version(TENANT) == again.after.version
        with pytest.raises(Conflict):
            await store.commit(_changes(again))


def _added(before: KeptDirectory, clock: SettableClock, *people: str) -> DirectoryChange:
    happened: tuple[DirectoryEvent, ...] = tuple(MemberAdded("group", "managers", one, clock.at) for one in people)
    return DirectoryChange(before.version, happened, fold_directory(happened, before), clock.at)


def _changes(change: DirectoryChange) -> Changes:
    return Changes(TENANT, Actor("olga", "api"), directory=change)


def _credential(clock: SettableClock, kind: str, who: str) -> Credential:
    until = clock.at + timedelta(hours=1)
    return Credential(f"{kind}_{who}", f"{kind} {who}", kind, TENANT, who, "person", clock.at, who, until)  # type: ignore[arg-type]

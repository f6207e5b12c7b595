"""The contract of stores: what proves who somebody is."""
# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from interlock.domain.credentials import Credential, Scope
from interlock.domain.oidc import SignInAttempt
from interlock.engine.ports.credentials import Presented
from interlock.engine.ports.store import Store
from interlock.errors import Conflict
from interlock.testing.fakes import SettableClock
from interlock.testing.samples import TENANT
from interlock.testing.store_base import Contract, OpenStore


class CredentialContract(Contract):
    """Who comes is found by the digest of a secret; of several who end a credential, one does."""

    async def test_a_credential_is_found_by_its_digest_with_all_that_it_has(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        token, session = _token(clock), _session(clock)
        for one in (token, session):
            await store.keep_credential(one)
        other = open_store(clock)
        assert await other.credential("d1") == token
        assert await other.credential("d2") == session
        assert await other.credential("d3") is None
        assert await other.credential("a\0b\udcff") is None
        found = await other.presented(["d1", "d2", "d3", "a\0b\udcff"])
        assert found == {"d1": Presented(token, 0), "d2": Presented(session, 0)}
        await other.close() if other is not store else None

    async def test_a_digest_is_kept_once(self, store: Store, clock: SettableClock) -> None:
        await store.keep_credential(_token(clock))
        with pytest.raises(Conflict):
            await store.keep_credential(replace(_token(clock), id="token_2"))
        with pytest.raises(Conflict):
            await store.keep_credential(replace(_token(clock), digest="d9"))

    async def test_credentials_are_listed_by_kind_person_and_tenant(self, store: Store, clock: SettableClock) -> None:
        mine = [replace(_token(clock), id=f"token_{number}", digest=f"m{number}") for number in range(3)]
        theirs = replace(_token(clock), id="token_9", digest="t9", principal="agent:other")
        strange = replace(_token(clock), id="token_1", digest="s1", tenant="elsewhere")
        for one in (*mine, theirs, strange, _session(clock)):
            await store.keep_credential(one)
        assert list(await store.credentials(TENANT, kind="token")) == [*mine, theirs]
        assert list(await store.credentials(TENANT, kind="token", principal="agent:bot", after="token_0")) == mine[1:]
        assert list(await store.credentials(TENANT, kind="token", limit=2)) == mine[:2]
        assert list(await store.credentials("elsewhere", kind="token")) == [strange]
        assert list(await store.credentials("a\0b", kind="token")) == []

    async def test_a_use_is_noted(self, store: Store, clock: SettableClock) -> None:
        await store.keep_credential(_token(clock))
        await store.use_credential("d1", clock.at + timedelta(hours=1), "192.0.2.1")
        found = await store.credential("d1")
        assert found is not None
        assert (found.used_at, found.address) == (clock.at + timedelta(hours=1), "192.0.2.1")

    async def test_those_are_listed_that_are_good_at_a_moment(self, store: Store, clock: SettableClock) -> None:
        old = replace(_session(clock), id="session_0", digest="o", expires_at=clock.at)
        for one in (old, _session(clock), replace(_session(clock), id="session_2", digest="e")):
            await store.keep_credential(one)
        await store.end_credential(TENANT, "session_2", clock.at)
        for person in ("mia", None):
            live = await store.credentials(TENANT, kind="session", principal=person, live_at=clock.at)
            assert list(live) == [_session(clock)]
            every = await store.credentials(TENANT, kind="session", principal=person)
            assert [one.id for one in every] == ["session_0", "session_1", "session_2"]

    async def test_an_attempt_to_sign_in_is_taken_once(
        self, store: Store, open_store: OpenStore, clock: SettableClock
    ) -> None:
        attempt, until = _attempt(clock), clock.at + timedelta(minutes=10)
        await store.keep_sign_in(attempt, clock.at)
        with pytest.raises(Conflict):
            await store.keep_sign_in(replace(attempt, nonce="another"), clock.at)
        other = open_store(clock)
        taken = await asyncio.gather(*(one.take_sign_in("s1") for one in (store, other) * 4))
        assert [one for one in taken if one is not None] == [attempt]
        assert await other.take_sign_in("a\0b\udcff") is None
        await other.close() if other is not store else None
        await store.keep_sign_in(attempt, clock.at)
        await store.keep_sign_in(replace(attempt, state="s2", expires_at=until + timedelta(seconds=1)), until)
        assert await store.take_sign_in("s1") is None
        assert await store.take_sign_in("s2") is not None

    async def test_of_many_who_end_a_credential_one_does(self, store: Store, clock: SettableClock) -> None:
        await store.keep_credential(_token(clock))
        ends = (store.end_credential(TENANT, "token_1", clock.at) for _ in range(8))
        found = await asyncio.gather(*ends, return_exceptions=True)
        assert found.count(None) == 1
        assert all(isinstance(one, Conflict) for one in found if one is not None)
        ended = await store.credential("d1")
        assert ended is not None
        assert ended.ended_at == clock.at

    async def test_what_is_not_there_or_another_tenants_is_not_ended(self, store: Store, clock: SettableClock) -> None:
        await store.keep_credential(_token(clock))
        for tenant, key in ((TENANT, "token_2"), ("elsewhere", "token_1"), (TENANT, "a\0b")):
            with pytest.raises(Conflict):
                await store.end_credential(tenant, key, clock.at)
        found = await store.credential("d1")
        assert found is not None
        assert found.ended_at is None


def _token(clock: SettableClock) -> Credential:
    until = clock.at + timedelta(days=90, microseconds=1)
    scopes = frozenset({Scope.ask, Scope.read})
    return Credential("token_1", "d1", "token", TENANT, "agent:bot", "agent", clock.at, "mia", until, scopes, "Bot ü")


def _session(clock: SettableClock) -> Credential:
    until, idle = clock.at + timedelta(hours=12), timedelta(hours=1)
    device = "Firefox on Linux"
    return Credential(
        "session_1", "d2", "session", TENANT, "mia", "person", clock.at, "mia", until, idle=idle, device=device
    )


def _attempt(clock: SettableClock) -> SignInAttempt:
    return SignInAttempt("s1", "b1", "company", "nonce", "verifier", "/inbox?q=ü", clock.at + timedelta(minutes=10))

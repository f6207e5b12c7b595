"""Accounts, credentials and who is about to sign in: single items, each written by whoever has seen the last one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice

from interlock.domain.accounts import AccountSecrets, Attempts
from interlock.domain.credentials import Credential
from interlock.domain.oidc import SignInAttempt
from interlock.engine.changes import Cursor
from interlock.engine.ports.credentials import Presented
from interlock.storage.dynamodb import keys
from interlock.storage.dynamodb.directories import (
    by_digest,
    by_id,
    digests_of,
    listed,
    new_credential,
    secrets_of,
)
from interlock.storage.dynamodb.items import dumped, filled, item_of_credential, item_of_secrets, parsed
from interlock.storage.dynamodb.keys import ENDS, Key, joined, number, placed
from interlock.storage.dynamodb.table import AT_ONCE, Moved, Table, Write
from interlock.storage.memory_credentials import CredentialFilter, credential_page
from interlock.storage.memory_tables import Tables
from interlock.storage.rows import changed, encodable, micros

SECOND = 1_000_000
SIGN_INS = "sign-ins"
FORGOTTEN = 10
"""How many attempts to sign in that have ended are forgotten with a new one: whoever signs in waits for it."""


@contextmanager
def conflict_of(kind: str, key: str) -> Iterator[None]:
    """Make a Conflict of what has moved."""
    try:
        yield
    except Moved:
        raise changed(kind, key) from None


def secrets(table: Table, tenant: str, account: str) -> AccountSecrets | None:
    """Return what an account proves itself by."""
    found = secrets_of(table, tenant, account)
    return None if found is None else parsed(AccountSecrets, found)


def accept_code(table: Table, tenant: str, account: str, step: int) -> None:
    """Note that the code of a time step was used, if neither it nor a later one was."""
    with conflict_of("code", account):
        found = secrets_of(table, tenant, account)
        if found is None or (kept := parsed(AccountSecrets, found)).used_step >= step:
            raise Moved
        table.put(item_of_secrets(tenant, replace(kept, used_step=step)), found)


def attempts(table: Table, tenant: str, key: str) -> Attempts:
    """Return how often somebody has failed to sign in."""
    found = table.get(_attempts(tenant, key))
    return Attempts() if found is None else parsed(Attempts, found)


def count_attempt(table: Table, tenant: str, key: str, seen: int, at: datetime) -> None:
    """Count one more, if so many were counted before."""
    with conflict_of("attempts", key):
        found = table.get(_attempts(tenant, key))
        if not encodable(tenant, key) or (0 if found is None else parsed(Attempts, found).number) != seen:
            raise Moved
        item = _attempts(tenant, key)._asdict() | {"kind": "attempts", "body": dumped(Attempts, Attempts(seen + 1, at))}
        table.put(item, found)


def forget_attempts(table: Table, tenant: str, key: str) -> None:
    """Begin to count anew."""
    table.delete(_attempts(tenant, key))


def _attempts(tenant: str, key: str) -> Key:
    return Key(joined(tenant, "attempts", key), "attempts")


def keep_credential(table: Table, one: Credential) -> None:
    """Keep a new credential, by its digest and its name."""
    new = [Write(keys.key_of(item), item, None) for item in new_credential(one)]
    try:
        table.transact([*new, *(Write(keys.key_of(item), item) for item in listed(one))])
    except Moved as moved:
        stands = table.get(by_digest(one.digest))
        if stands is None or stands[keys.WRITE] != moved.mark:
            raise changed("credential", one.id) from None


def credential(table: Table, digest: str) -> Credential | None:
    """Return the credential whose secret has this digest."""
    found = table.get(by_digest(digest))
    return None if found is None else parsed(Credential, found)


def presented(table: Table, digests: Collection[str]) -> Mapping[str, Presented]:
    """Return credentials by digest, each with the version of its tenant's directory.

    The directory is read last: of a credential that ends together with a change of it, the older version is not told
    with the newer one.
    """
    items = table.get_all(map(by_digest, digests))
    found = [parsed(Credential, item) for item in items.values()]
    heads = table.get_all(keys.head(one.tenant) for one in found)
    versions = {one.tenant: heads.get(keys.head(one.tenant), {}).get("directory", 0) for one in found}
    again = table.get_all(map(by_digest, digests)) if found else {}
    if again != items:
        return presented(table, digests)
    return {one.digest: Presented(one, versions[one.tenant]) for one in found}


def credentials(table: Table, wanted: CredentialFilter, limit: int) -> list[Credential]:
    """Return some credentials of a kind by id: of somebody, or of a tenant."""
    tables = Tables()
    if wanted.principal is not None:
        digests = digests_of(table, wanted.tenant, wanted.principal)
        return credential_page(filled(table.get_all(map(by_digest, digests)).values()), wanted, limit)
    low = keys.cut(wanted.after) if wanted.after else None
    found = table.query(joined(wanted.tenant, "credential", wanted.kind), index="age", low=low, page=AT_ONCE)
    for some in keys.batched(found, AT_ONCE):
        filled(table.get_all(map(keys.key_of, some)).values(), tables)
        if len(credential_page(tables, wanted, limit)) == limit:
            break
    return credential_page(tables, wanted, limit)


def use_credential(table: Table, digest: str, at: datetime, address: str | None) -> None:
    """Note that a credential was used: who ends it at the same time is not undone."""
    while (found := table.get(by_digest(digest))) is not None:
        with suppress(Moved):
            table.put(item_of_credential(replace(parsed(Credential, found), used_at=at, address=address)), found)
            return


def end_credential(table: Table, tenant: str, credential_id: str, at: datetime) -> None:
    """End a credential, if it has not ended."""
    name = table.get(by_id(tenant, credential_id))
    while name is not None and (found := table.get(by_digest(name["digest"]))) is not None:
        kept = parsed(Credential, found)
        if kept.ended_at is not None:
            break
        with suppress(Moved):
            table.put(item_of_credential(replace(kept, ended_at=at)), found)
            return
    raise changed("credential", credential_id)


def keep_sign_in(table: Table, attempt: SignInAttempt, now: datetime) -> None:
    """Keep a new attempt, and forget some that have ended: the table forgets them as well, some day."""
    ended = table.query(SIGN_INS, index="due", high=number(micros(now) + 1), page=FORGOTTEN)
    for item in islice(ended, FORGOTTEN):
        table.delete(keys.key_of(item))
    item = _sign_in(attempt.state)._asdict() | {"kind": "sign-in", "body": dumped(SignInAttempt, attempt)}
    item |= placed("due", SIGN_INS, number(micros(attempt.expires_at)), attempt.state)
    with conflict_of("sign-in", attempt.provider):
        table.put(item | {ENDS: micros(attempt.expires_at) // SECOND + 1}, None)


def take_sign_in(table: Table, state: str) -> SignInAttempt | None:
    """Return an attempt, and forget it."""
    found = table.delete(_sign_in(state))
    return None if found is None else parsed(SignInAttempt, found)


def _sign_in(state: str) -> Key:
    return Key(joined("sign-in", state), "sign-in")


def cursor(table: Table, tenant: str, channel: str) -> Cursor | None:
    """Return a channel's cursor."""
    found = table.get(_cursor(tenant, channel))
    return None if found is None else parsed(Cursor, found)


def move_cursor(table: Table, tenant: str, channel: str, moved: Cursor) -> None:
    """Write a channel's cursor, if the version before it is what is stored."""
    with conflict_of("cursor", channel):
        found = table.get(_cursor(tenant, channel))
        if moved.version != (0 if found is None else parsed(Cursor, found).version) + 1:
            raise Moved
        table.put(_cursor(tenant, channel)._asdict() | {"kind": "cursor", "body": dumped(Cursor, moved)}, found)


def _cursor(tenant: str, channel: str) -> Key:
    return Key(joined(tenant, "cursor", channel), "cursor")


def note(table: Table, name: str, value: str | None) -> str | None:
    """Return a fact about this database; with a value, set it first if it is not set yet."""
    key = keys.note(name)
    found = table.get(key)
    if found is None and value is not None:
        with suppress(Moved):
            table.put(key._asdict() | {"kind": "note", "value": value}, None)
        found = table.get(key)
    return None if found is None else found["value"]

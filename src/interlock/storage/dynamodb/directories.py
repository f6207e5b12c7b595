"""What a change of a tenant's directory reads and writes: accounts, and the credentials that come and go with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from interlock.domain.credentials import Credential
from interlock.engine.changes import Changes, DirectoryChange
from interlock.storage.dynamodb.items import dumped, item_of_credential, item_of_secrets
from interlock.storage.dynamodb.keys import Item, Key, joined, key_of
from interlock.storage.dynamodb.table import Table, Write
from interlock.storage.memory_tables import Tables


def of_tenant(tenant: str) -> str:
    """Return the partition that lists a tenant's credentials."""
    return joined(tenant, "credentials", "")


def by_digest(digest: str) -> Key:
    """Return the key of a credential."""
    return Key(joined("credential", digest), "credential")


def by_id(tenant: str, credential_id: str) -> Key:
    """Return the key of the name of a credential: a tenant has each name once."""
    return Key(of_tenant(tenant), joined("id", credential_id))


def newest_of(tenant: str, principal: str) -> Key:
    """Return the key of what is written with each new credential of somebody: who ends all of them looks at it."""
    return Key(of_tenant(tenant), joined("newest", principal))


def secrets_key(tenant: str, account: str) -> Key:
    """Return the key of what an account proves itself by."""
    return Key(joined(tenant, "account", account), "secrets")


def new_credential(one: Credential) -> list[Item]:
    """Return the items that must not be there before a credential is kept: the credential, and its name."""
    name = by_id(one.tenant, one.id)._asdict() | {"kind": "name", "digest": one.digest}
    return [item_of_credential(one), name]


def listed(one: Credential) -> list[Item]:
    """Return the items by which somebody's credentials are found."""
    place = Key(of_tenant(one.tenant), joined("of", one.principal, one.id))
    newest = newest_of(one.tenant, one.principal)
    return [place._asdict() | {"kind": "name", "digest": one.digest}, newest._asdict() | {"kind": "newest"}]


def digests_of(table: Table, tenant: str, principal: str) -> list[str]:
    """Return the digests of all credentials of somebody."""
    found = table.query(of_tenant(tenant), prefix=joined("of", principal, ""))
    return [item["digest"] for item in found]


def guards(tenant: str, change: DirectoryChange) -> Iterator[Key]:
    """Yield the keys of what a change of a directory names."""
    yield from (secrets_key(tenant, one.account) for one in change.secrets)
    people = dict.fromkeys((*change.signed_out, *(one.principal for one in change.issued)))
    yield from (newest_of(tenant, person) for person in people)
    for one in change.issued:
        yield by_digest(one.digest)
        yield by_id(tenant, one.id)


def directory_items(table: Table, changes: Changes) -> Iterator[Key]:
    """Yield the keys of the credentials that end by a change of a directory, or whose names it takes."""
    change, tenant = changes.directory, changes.tenant
    if change is None:
        return
    names = table.get_all(by_id(tenant, key) for key in (*change.ended, *(one.id for one in change.issued)))
    digests = [name["digest"] for name in names.values()]
    for person in change.signed_out:
        digests += digests_of(table, tenant, person)
    yield from map(by_digest, digests)


def directory_writes(
    items: Mapping[Key, Item], tables: Tables, tenant: str, change: DirectoryChange
) -> Iterator[Write]:
    """Yield what is written, given what was read, and how the tables are afterwards."""
    for secrets in change.secrets:
        item = item_of_secrets(tenant, tables.accounts[tenant, secrets.account])
        yield Write(key_of(item), item, items.get(key_of(item)))
    for one in tables.credentials.values():
        key = by_digest(one.digest)
        before = items.get(key)
        if before is None:
            yield from (Write(key_of(item), item, None) for item in new_credential(one))
            place, _ = listed(one)
            yield Write(key_of(place), place)
        elif before["body"] != dumped(Credential, one):
            yield Write(key, item_of_credential(one), before)
    issued = {one.principal for one in change.issued}
    for person in dict.fromkeys((*change.signed_out, *issued)):
        key = newest_of(tenant, person)
        newest = key._asdict() | {"kind": "newest"} if person in issued else None
        yield Write(key, newest, items.get(key), only_look=newest is None)


def secrets_of(table: Table, tenant: str, account: str) -> Item | None:
    """Return what an account proves itself by, as an item."""
    return table.get(secrets_key(tenant, account))

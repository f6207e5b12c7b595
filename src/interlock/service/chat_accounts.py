"""Accounts of chats that people have confirmed to be theirs: whoever uses one decides as that person."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from interlock.domain.authority import Principal
from interlock.domain.chat_links import LASTS, LONGEST_NAME, ChatLink, key_of_code, link_code, read_link_code
from interlock.domain.directory import STREAM, ChatAccount, ChatUser
from interlock.domain.directory_rules import DirectoryRules
from interlock.engine.consequences import actor_of
from interlock.engine.directories import Directories, PlannedChange
from interlock.errors import Unauthenticated
from interlock.service.people import must_manage

OVER = "This link was used already, or is over: press the button in the chat again for a new one."


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """An account of a chat, and whose it is."""

    user: ChatUser
    account: ChatAccount


class ChatAccounts:
    """Links accounts of chats to people. Each change is in the log.

    Args:
        keys: by what codes are made, and for which tenant.
    """

    def __init__(self, directories: Directories, keys: Sequence[tuple[str, bytes]] = ()) -> None:
        self._directories = directories
        self._store = directories.store
        self._keys = keys

    async def person_of(self, tenant: str, user: ChatUser) -> str | None:
        """Return whose an account is, by canonical id; None if it is nobody's."""
        linked = (await self._directories.kept(tenant)).chats.get(user)
        return None if linked is None else (await self._directories.directory(tenant)).canonical(linked.person)

    async def of(self, tenant: str, person: str) -> list[LinkedAccount]:
        """Return the accounts of a person, the oldest link first."""
        directory = await self._directories.directory(tenant)
        chats, who = (await self._directories.kept(tenant)).chats, directory.canonical(person)
        found = [LinkedAccount(user, one) for user, one in chats.items() if directory.canonical(one.person) == who]
        return sorted(found, key=lambda one: one.account.at)

    async def code(self, key: bytes, tenant: str, user: ChatUser, name: str) -> str:
        """Return a code with which whoever signs in can confirm that an account is theirs."""
        until = int((await self._store.now() + LASTS).timestamp())
        called = "".join(one for one in name if one.isprintable())[:LONGEST_NAME]
        return link_code(key, ChatLink(tenant, *user, called, until, secrets.token_hex(8)))

    async def read(self, tenant: str, code: str) -> ChatLink:
        """Return for which account a code was made.

        Raises:
            Unauthenticated: if it is good for nothing here, or not any more.
        """
        now, found = await self._store.now(), None
        for its_tenant, key in self._keys:
            link = read_link_code(key, code, now)
            found = link if link is not None and its_tenant == tenant == link.tenant else found
        if found is None or await self._was_used(tenant, code):
            raise Unauthenticated(OVER)
        return found

    async def link(self, person: Principal, code: str) -> ChatLink:
        """Let the account of a code be somebody's who has signed in and says that it is theirs.

        Raises:
            Unauthenticated: if the code is good for nothing.
            Closed: if the account is somebody else's.
        """
        link, tenant = await self.read(person.tenant, code), person.tenant

        async def plan(rules: DirectoryRules) -> PlannedChange:
            if await self._was_used(tenant, code):
                raise Unauthenticated(OVER)
            return PlannedChange(rules.link_chat(person.id, link.account, link.name))

        actor = replace(actor_of(person), key=f"{key_of_code(code)} link")
        await self._directories.change(tenant, actor, plan)
        return link

    async def unlink(self, by: Principal, user: ChatUser, *, own: bool = False) -> None:
        """Let an account be nobody's.

        Args:
            own: it must be theirs who asks for it; else they must manage people.

        Raises:
            NotFound: if it is not linked, or not theirs.
            Forbidden: if they do not manage people.
        """

        def plan(rules: DirectoryRules) -> PlannedChange:
            if not own:
                must_manage(rules.directory, by)
            return PlannedChange(rules.unlink_chat(user, by.id if own else None))

        await self._directories.change(by.tenant, actor_of(by), plan)

    async def _was_used(self, tenant: str, code: str) -> bool:
        wanted = f"{key_of_code(code)} link"
        return any(entry.key == wanted for entry in await self._store.history(tenant, STREAM))

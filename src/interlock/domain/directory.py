"""The people of a tenant as its log says: the fold of one stream, and how it adds to what is configured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from interlock.domain import directory_events as events
from interlock.domain.authority import Delegation, Directory
from interlock.domain.credentials import Credential
from interlock.domain.directory_events import DirectoryEvent, GroupOrRole
from interlock.domain.grants import GrantState, Use
from interlock.domain.notice_choice import NoticeChoice

KEPT_GRANTS = timedelta(days=30)
"""How long after its end a grant is still known: what it has approved may be begun until then."""

STREAM = "directory"
"""The stream of the log in which all of it stands. No request and no run is called so."""


class AccountStatus(StrEnum):
    """What an account is good for."""

    invited = "invited"
    active = "active"
    disabled = "disabled"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who signs in here, by name and password, or who is kept out. The password is in no log.

    Args:
        name: the canonical id under which the person's votes are counted.
        invited_at: None for somebody who was never invited, and is kept out: they come by other ways.
        second_factor: whether signing in takes a code of an authenticator as well.
        changed_at: when the password was set last.
    """

    name: str
    status: AccountStatus
    invited_at: datetime | None
    second_factor: bool = False
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token as the log says that it was made. A stored one that says anything else is none."""

    digest: str
    principal: str
    scopes: frozenset[str]
    expires_at: datetime
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """Where somebody belongs, as a provider has said, and until when that counts."""

    groups: frozenset[str]
    roles: frozenset[str]
    until: datetime


class ChatUser(NamedTuple):
    """An account of a chat, as the chat names it for ever.

    Args:
        chat: which one, such as `slack`.
    """

    chat: str
    workspace: str
    user: str


@dataclass(frozen=True, slots=True)
class ChatAccount:
    """Whose an account of a chat is, and what the chat called it when they said so."""

    person: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptDirectory:
    """What the log of a tenant says of its people.

    Args:
        version: how many entries it has.
        members: by group or role, and its name, the canonical ids of those who were added.
        delegations: by id, those that were made and not taken back.
        configured: what the configuration's file said last, section by section.
        identities: by issuer and subject of a provider, the canonical ids of those who were invited.
        claimed: by canonical id and issuer, what providers say of people.
        notices: by canonical id, how people want to be told of what waits for them.
        chats: whose accounts of chats are.
        grants: by id, those that were given and are not long over.
    """

    tenant: str
    version: int = 0
    members: Mapping[tuple[GroupOrRole, str], frozenset[str]] = field(default_factory=dict)
    delegations: Mapping[str, Delegation] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    tokens: Mapping[str, KnownToken] = field(default_factory=dict)
    configured: Mapping[str, frozenset[str]] = field(default_factory=dict)
    identities: Mapping[tuple[str, str], str] = field(default_factory=dict)
    claimed: Mapping[tuple[str, str], Claimed] = field(default_factory=dict)
    notices: Mapping[str, NoticeChoice] = field(default_factory=dict)
    chats: Mapping[ChatUser, ChatAccount] = field(default_factory=dict)
    grants: Mapping[str, GrantState] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The stream of the log that it is the fold of."""
        return STREAM

    def active(self) -> frozenset[str]:
        """Return the names of those who can sign in by a password."""
        return self._accounts_that_are(AccountStatus.active)

    def _accounts_that_are(self, status: AccountStatus) -> frozenset[str]:
        return frozenset(one.name for one in self.accounts.values() if one.status is status)

    def knows(self, token: Credential) -> bool:
        """Say whether a stored token is what the log says that was made."""
        scopes = frozenset(str(scope) for scope in token.scopes)
        stored = KnownToken(token.digest, token.principal, scopes, token.expires_at, token.ended_at is not None)
        return self.tokens.get(token.id) == stored

    def merged(self, configured: Directory, at: datetime | None = None) -> Directory:
        """Return the people of the configuration and those of the log as one: groups and roles are joined.

        Args:
            at: when; None leaves out what providers say.
        """
        known = configured.canonical
        groups, roles = dict(configured.groups), dict(configured.roles)
        for kind, name, people in [*((*key, people) for key, people in self.members.items()), *self._claimed_at(at)]:
            section = groups if kind == "group" else roles
            section[name] = section.get(name, frozenset()) | frozenset(map(known, people))
        made = (replace(one, giver=known(one.giver), delegate=known(one.delegate)) for one in self.delegations.values())
        delegations = (*configured.delegations, *made)
        disabled = frozenset(map(known, self._accounts_that_are(AccountStatus.disabled)))
        grants = {
            key: replace(one, grant=replace(one.grant, giver=known(one.grant.giver)))
            for key, one in self.grants.items()
        }
        return replace(
            configured, groups=groups, roles=roles, delegations=delegations, disabled=disabled, grants=grants
        )

    def _claimed_at(self, at: datetime | None) -> Iterator[tuple[GroupOrRole, str, frozenset[str]]]:
        for (person, _), one in self.claimed.items():
            if at is not None and at < one.until:
                yield from (("group", name, frozenset({person})) for name in one.groups)
                yield from (("role", name, frozenset({person})) for name in one.roles)


def fold_directory(happened: Iterable[DirectoryEvent], directory: KeptDirectory) -> KeptDirectory:
    """Return what these events make of a directory.

    Raises:
        ValueError: if one of them cannot have happened after those before it.
    """
    for event in happened:
        _must(isinstance(event, DirectoryEvent), f"{event.type} is no event of a directory")
        directory = replace(_evolved(directory, event), version=directory.version + 1)
    return directory


def _evolved(directory: KeptDirectory, event: DirectoryEvent) -> KeptDirectory:  # noqa: C901, PLR0911 - one line an event
    match event:
        case events.MemberAdded() | events.MemberRemoved():
            return _with_member(directory, event)
        case events.DelegationMade(id=key):
            _must(key not in directory.delegations, f"the delegation {key} is made twice")
            made = Delegation(event.giver, event.delegate, event.until, event.since, event.reason)
            return replace(directory, delegations={**directory.delegations, key: made})
        case events.DelegationEnded(id=key):
            _must(key in directory.delegations, f"the delegation {key} is ended, and there is none")
            left = {other: one for other, one in directory.delegations.items() if other != key}
            return replace(directory, delegations=left)
        case events.TokenCreated(id=key):
            _must(key not in directory.tokens, f"the token {key} is created twice")
            token = KnownToken(event.digest, event.principal, frozenset(event.scopes), event.expires_at)
            return replace(directory, tokens={**directory.tokens, key: token})
        case events.TokenRevoked(id=key):
            _must(
                key in directory.tokens and not directory.tokens[key].revoked, f"the token {key} is revoked for nothing"
            )
            return replace(directory, tokens={**directory.tokens, key: replace(directory.tokens[key], revoked=True)})
        case events.ConfigurationChanged(added=added, removed=removed):
            gone = {name: entries - set(removed.get(name, ())) for name, entries in directory.configured.items()}
            sections = sorted({*gone, *added})
            after = {name: gone.get(name, frozenset()) | frozenset(added.get(name, ())) for name in sections}
            return replace(directory, configured=after)
        case events.IdentityLinked() | events.MembershipsClaimed() | events.NoticesChosen():
            return _with_what_is_said_of(directory, event)
        case events.ChatLinked() | events.ChatUnlinked():
            return _with_chat(directory, event)
        case events.GrantGiven() | events.GrantUsed() | events.GrantRevoked():
            return replace(directory, grants=_with_grant(directory.grants, event))
        case events.SessionEnded() | events.DatasetExported() | events.DirectoryRestored():
            return directory
        case _:
            return _with_account(directory, event)


def _with_what_is_said_of(
    directory: KeptDirectory, event: events.IdentityLinked | events.MembershipsClaimed | events.NoticesChosen
) -> KeptDirectory:
    """Return a directory with what a provider says of somebody, or they themselves do."""
    if isinstance(event, events.NoticesChosen):
        return replace(directory, notices={**directory.notices, event.person: event.choice})
    if isinstance(event, events.MembershipsClaimed):
        claimed = Claimed(frozenset(event.groups), frozenset(event.roles), event.until)
        return replace(directory, claimed={**directory.claimed, (event.person, event.issuer): claimed})
    identity = event.issuer, event.subject
    _must(identity not in directory.identities, f"{event.subject} of {event.issuer} is linked twice")
    return replace(directory, identities={**directory.identities, identity: event.person})


def _with_chat(directory: KeptDirectory, event: events.ChatLinked | events.ChatUnlinked) -> KeptDirectory:
    user = ChatUser(event.chat, event.workspace, event.user)
    is_linked = isinstance(event, events.ChatLinked)
    _must((user in directory.chats) is not is_linked, f"{event.type} of {event.user} of {event.workspace}")
    left = {other: one for other, one in directory.chats.items() if other != user}
    if isinstance(event, events.ChatLinked):
        left[user] = ChatAccount(event.person, event.name, event.at)
    return replace(directory, chats=left)


def _with_grant(
    grants: Mapping[str, GrantState], event: events.GrantGiven | events.GrantUsed | events.GrantRevoked
) -> Mapping[str, GrantState]:
    """Return the grants after an event, which keeps their bounds; those that are long over go when one is given."""
    if isinstance(event, events.GrantGiven):
        given = event.grant
        _must(given.id not in grants, f"the grant {given.id} is given twice")
        left = {key: one for key, one in grants.items() if one.grant.until > event.at - KEPT_GRANTS}
        return {**left, given.id: GrantState(given)}
    state = grants.get(event.id)
    _must(state is not None, f"{event.type}: there is no grant {event.id}")
    assert state is not None
    if isinstance(event, events.GrantRevoked):
        _must(state.revoked_at is None, f"the grant {event.id} is revoked twice")
        return {**grants, event.id: replace(state, revoked_at=event.at, revoked_by=event.by)}
    over = state.over(event.at)
    _must(over is None, f"the grant {event.id} is used, but {over}")
    _must(all(use.request_id != event.request_id for use in state.used), f"{event.request_id} uses {event.id} twice")
    after = replace(state, used=(*state.used, Use(event.request_id, event.amount, event.at)))
    total = state.grant.total
    _must((total is None) == (event.amount is None), f"the grant {event.id} bounds no such sum")
    _must(total is None or after.spent <= total.at_most, f"the grant {event.id} is used beyond its sum")
    return {**grants, event.id: after}


def _with_member(directory: KeptDirectory, event: events.MemberAdded | events.MemberRemoved) -> KeptDirectory:
    key = event.kind, event.name
    people = directory.members.get(key, frozenset())
    is_added = isinstance(event, events.MemberAdded)
    _must((event.person in people) is not is_added, f"{event.type}: {event.person} in {event.kind} {event.name}")
    after = people | {event.person} if is_added else people - {event.person}
    members = {other: those for other, those in directory.members.items() if other != key}
    return replace(directory, members=members | {key: after} if after else members)


def _invited(directory: KeptDirectory, event: events.AccountInvited) -> KeptDirectory:
    before = directory.accounts.get(event.account)
    _must(before is None or before.status is AccountStatus.invited, f"{event.account} is invited, and has joined")
    account = Account(event.account, AccountStatus.invited, event.at)
    return replace(directory, accounts={**directory.accounts, event.account: account})


_STATUS: dict[str, tuple[frozenset[AccountStatus], AccountStatus]] = {
    "account_joined": (frozenset({AccountStatus.invited}), AccountStatus.active),
    "account_disabled": (frozenset({AccountStatus.invited, AccountStatus.active}), AccountStatus.disabled),
    "account_enabled": (frozenset({AccountStatus.disabled}), AccountStatus.active),
}
"""Every change of an account's status: from which, and to which."""


def _with_account(directory: KeptDirectory, event: Any) -> KeptDirectory:
    if isinstance(event, events.AccountInvited):
        return _invited(directory, event)
    account = directory.accounts.get(event.account)
    if account is None and event.type == "account_disabled":  # whoever comes by another way is kept out, too
        account = Account(event.account, AccountStatus.invited, None)
    _must(account is not None, f"{event.type} of {event.account}, which was never invited")
    assert account is not None
    if event.type == "account_enabled" and account.invited_at is None:  # they have no account, as before
        left = {name: one for name, one in directory.accounts.items() if name != account.name}
        return replace(directory, accounts=left)
    if event.type in _STATUS:
        before, after = _STATUS[event.type]
        _must(account.status in before, f"{event.type} of {event.account}, which is {account.status}")
        never_joined = event.type == "account_enabled" and account.changed_at is None
        account = replace(account, status=AccountStatus.invited if never_joined else after)
    match event:
        case events.AccountJoined() | events.PasswordChanged():
            account = replace(account, changed_at=event.at)
        case events.SecondFactorChanged(on=on):
            _must(account.second_factor is not on, f"the second factor of {event.account} is as it was")
            account = replace(account, second_factor=on)
        case _:
            pass
    return replace(directory, accounts={**directory.accounts, event.account: account})


def _must(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise ValueError(otherwise)

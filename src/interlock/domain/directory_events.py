"""What happens to the people of a tenant: accounts, members, delegations, tokens. One stream of the log has it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from interlock.domain.grants import Grant
from interlock.domain.notice_choice import NoticeChoice

GroupOrRole = Literal["group", "role"]


@dataclass(frozen=True, slots=True)
class MemberAdded:
    """Somebody came into a group, or was given a role."""

    kind: GroupOrRole
    name: str
    person: str
    at: datetime
    type: Literal["member_added"] = "member_added"


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """Somebody left a group, or lost a role."""

    kind: GroupOrRole
    name: str
    person: str
    at: datetime
    type: Literal["member_removed"] = "member_removed"


@dataclass(frozen=True, slots=True)
class DelegationMade:
    """From now on, or from a moment on, somebody may vote for somebody else, until a moment."""

    id: str
    giver: str
    delegate: str
    until: datetime
    at: datetime
    since: datetime | None = None
    reason: str = ""
    type: Literal["delegation_made"] = "delegation_made"


@dataclass(frozen=True, slots=True)
class DelegationEnded:
    """A delegation was taken back: votes under it count no more."""

    id: str
    at: datetime
    type: Literal["delegation_ended"] = "delegation_ended"


@dataclass(frozen=True, slots=True)
class GrantGiven:
    """A person allows the next actions of one kind, within bounds."""

    grant: Grant
    at: datetime
    type: Literal["grant_given"] = "grant_given"


@dataclass(frozen=True, slots=True)
class GrantUsed:
    """A grant has approved a request; `amount` is what that adds to the sum, if the grant bounds one."""

    id: str
    request_id: str
    amount: Decimal | None
    at: datetime
    type: Literal["grant_used"] = "grant_used"


@dataclass(frozen=True, slots=True)
class GrantRevoked:
    """A grant allows nothing any more; what it has approved and has not begun is not done, either."""

    id: str
    by: str
    at: datetime
    type: Literal["grant_revoked"] = "grant_revoked"


@dataclass(frozen=True, slots=True)
class AccountInvited:
    """Somebody was given a link with which they can join, once."""

    account: str
    at: datetime
    type: Literal["account_invited"] = "account_invited"


@dataclass(frozen=True, slots=True)
class AccountJoined:
    """Somebody who was invited has set a password."""

    account: str
    at: datetime
    type: Literal["account_joined"] = "account_joined"


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """Somebody has changed their password: by the one before, or by a link that they were given."""

    account: str
    how: Literal["password", "link"]
    at: datetime
    type: Literal["password_changed"] = "password_changed"


@dataclass(frozen=True, slots=True)
class ResetOffered:
    """Somebody was given a link with which they can set another password, once."""

    account: str
    at: datetime
    type: Literal["reset_offered"] = "reset_offered"


@dataclass(frozen=True, slots=True)
class SecondFactorChanged:
    """Signing in takes a code of an authenticator as well, or no longer does."""

    account: str
    on: bool
    at: datetime
    type: Literal["second_factor_changed"] = "second_factor_changed"


@dataclass(frozen=True, slots=True)
class RecoveryCodeUsed:
    """Somebody signed in by a recovery code in place of a second factor; that one is used up."""

    account: str
    left: int
    at: datetime
    type: Literal["recovery_code_used"] = "recovery_code_used"


@dataclass(frozen=True, slots=True)
class AccountDisabled:
    """Somebody cannot sign in and decides nothing any more, and is signed out; who never had an account may be, too."""

    account: str
    at: datetime
    type: Literal["account_disabled"] = "account_disabled"


@dataclass(frozen=True, slots=True)
class AccountEnabled:
    """Somebody can sign in again."""

    account: str
    at: datetime
    type: Literal["account_enabled"] = "account_enabled"


@dataclass(frozen=True, slots=True)
class TokenCreated:
    """An agent or a service was given a token. The secret is nowhere kept; its digest is no help to whoever guesses."""

    id: str
    digest: str
    principal: str
    scopes: tuple[str, ...]
    expires_at: datetime
    at: datetime
    label: str = ""
    type: Literal["token_created"] = "token_created"


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """A token is good for nothing any more."""

    id: str
    at: datetime
    type: Literal["token_revoked"] = "token_revoked"


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Somebody else has ended somebody's session."""

    id: str
    person: str
    at: datetime
    type: Literal["session_ended"] = "session_ended"


@dataclass(frozen=True, slots=True)
class IdentityLinked:
    """Somebody who was invited has signed in at a provider: whoever has this subject there is this person here."""

    person: str
    issuer: str
    subject: str
    at: datetime
    type: Literal["identity_linked"] = "identity_linked"


@dataclass(frozen=True, slots=True)
class MembershipsClaimed:
    """A provider has said where somebody belongs. It holds until a moment, or until the provider says otherwise."""

    person: str
    issuer: str
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    until: datetime
    at: datetime
    type: Literal["memberships_claimed"] = "memberships_claimed"


@dataclass(frozen=True, slots=True)
class NoticesChosen:
    """Somebody has said how they want to be told of what waits for them, or an admin has."""

    person: str
    choice: NoticeChoice
    at: datetime
    type: Literal["notices_chosen"] = "notices_chosen"


@dataclass(frozen=True, slots=True)
class ChatLinked:
    """Somebody who had signed in has confirmed that an account of a chat is theirs: whoever uses it decides as them.

    Args:
        chat: which one, such as `slack`.
        workspace, user: the account, as the chat names it for ever.
        name: what the chat called it then.
    """

    person: str
    chat: str
    workspace: str
    user: str
    name: str
    at: datetime
    type: Literal["chat_linked"] = "chat_linked"


@dataclass(frozen=True, slots=True)
class ChatUnlinked:
    """An account of a chat is nobody's here any more."""

    person: str
    chat: str
    workspace: str
    user: str
    at: datetime
    type: Literal["chat_unlinked"] = "chat_unlinked"


@dataclass(frozen=True, slots=True)
class ConfigurationChanged:
    """The configuration's file has changed, and what it says holds from now on.

    Args:
        added: what is new, section by section: `groups`, `roles`, `people`, `delegations`, `policies`.
        removed: what is gone. A policy that says something else now is gone under one hash and new under another.
    """

    at: datetime
    added: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    type: Literal["configuration_changed"] = "configuration_changed"


@dataclass(frozen=True, slots=True)
class DatasetExported:
    """Past decisions were taken away as training data.

    Args:
        agents: whose decisions are in it.
        filters: what was wanted of all decisions, as JSON.
        manifest: `sha256:` and the hash of its manifest, which names all its files.
    """

    format: str
    agents: tuple[str, ...]
    filters: str
    rows: int
    manifest: str
    at: datetime
    type: Literal["dataset_exported"] = "dataset_exported"


@dataclass(frozen=True, slots=True)
class DirectoryRestored:
    """The row of the directory was not what its log says, and was written anew from the log."""

    found: str
    at: datetime
    type: Literal["directory_restored"] = "directory_restored"


CHANGES_RIGHTS: tuple[type, ...] = (
    *(MemberAdded, MemberRemoved, DelegationMade, DelegationEnded, IdentityLinked, MembershipsClaimed),
    *(AccountDisabled, AccountEnabled, ConfigurationChanged, DirectoryRestored),
)
"""By these somebody may do more or less from then on."""

_OfMembers = MemberAdded | MemberRemoved | DelegationMade | DelegationEnded | IdentityLinked | MembershipsClaimed
_OfAccounts = (
    AccountInvited
    | AccountJoined
    | PasswordChanged
    | ResetOffered
    | SecondFactorChanged
    | RecoveryCodeUsed
    | AccountDisabled
    | AccountEnabled
)
_OfCredentials = TokenCreated | TokenRevoked | SessionEnded
_OfThemselves = NoticesChosen | ChatLinked | ChatUnlinked
_OfGrants = GrantGiven | GrantUsed | GrantRevoked
_OfAll = ConfigurationChanged | DatasetExported | DirectoryRestored
DirectoryEvent = _OfMembers | _OfAccounts | _OfCredentials | _OfThemselves | _OfGrants | _OfAll

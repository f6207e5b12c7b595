"""What may change in a directory: what is asked becomes events, or an error that says what stands in its way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.domain import directory_events as events
from interlock.domain.authority import LOCAL_PREFIX, LONGEST_ID, NO_PERSON, Directory
from interlock.domain.directory import Account, AccountStatus, ChatUser, KeptDirectory, fold_directory
from interlock.domain.directory_events import DirectoryEvent, GroupOrRole
from interlock.domain.notice_choice import NO_CHOICE, NoticeChoice, checked_choice
from interlock.errors import Closed, Forbidden, InvalidValue, NotFound

ADMIN = "admin"
MOST_DELEGATIONS = 1_000
LONGEST_DELEGATION = timedelta(days=3660)
_NAME = re.compile(r"[^\W_][\w .\-]{0,99}")


@dataclass(frozen=True, slots=True)
class DirectoryRules:
    """A directory as it stands, and what may be done to it now.

    Args:
        kept: what the log says.
        configured: what the configuration says; what stands there is changed there.
    """

    kept: KeptDirectory
    configured: Directory
    now: datetime

    @property
    def directory(self) -> Directory:
        """Everybody as they are known now, by what is configured, what the log says, and what providers say."""
        return self.kept.merged(self.configured, self.now)

    def person(self, name: str, field: str) -> str:
        """Return the canonical id of a person.

        Raises:
            InvalidValue: if this is how no person is called.
        """
        found = self.configured.canonical(name)
        if not found or not name.isprintable() or max(len(name), len(found)) > LONGEST_ID:
            raise InvalidValue(field, f"must be a person's id that can be shown, in at most {LONGEST_ID} characters")
        if found.startswith(NO_PERSON):
            raise InvalidValue(field, f"{found} is no person: only people decide, and belong to groups and roles")
        return found

    def add_member(self, kind: GroupOrRole, name: str, person: str) -> tuple[DirectoryEvent, ...]:
        """Add somebody to a group, or give them a role; nothing happens if they are there already."""
        who = self.person(person, "person")
        if not _NAME.fullmatch(name):
            raise InvalidValue("name", "must be a name of letters, digits, spaces and . _ -")
        if who in self._of_file(kind, name) or who in self._of_log(kind, name):
            return ()
        return (events.MemberAdded(kind, name, who, self.now),)

    def remove_member(self, kind: GroupOrRole, name: str, person: str) -> tuple[DirectoryEvent, ...]:
        """Take somebody out of a group, or take a role from them.

        Raises:
            NotFound: if they are not there.
            Closed: if the configuration puts them there, or nobody could manage the accounts any more.
        """
        who = self.person(person, "person")
        added = self._stored(kind, name, who)
        if who in self._of_file(kind, name):
            raise Closed(f"{who} is in the {kind} {name} by the configuration's file: take {who} out there.")
        if added is None:
            raise NotFound(f"{who} is not in the {kind} {name}.")
        return self._with_an_admin((events.MemberRemoved(kind, name, added, self.now),))

    def delegate(  # noqa: PLR0913 - what a delegation is made of
        self, key: str, giver: str, delegate: str, *, until: datetime, since: datetime | None = None, reason: str = ""
    ) -> tuple[DirectoryEvent, ...]:
        """Let somebody vote for somebody else, until a moment."""
        who, to = self.person(giver, "from"), self.person(delegate, "to")
        if who == to:
            raise InvalidValue("to", f"{to} is the same person: name another")
        if until <= max(self.now, since or self.now):
            raise InvalidValue("until", "must be later than now, and than `since`")
        if until - self.now > LONGEST_DELEGATION:
            raise InvalidValue("until", "must be within ten years: a delegation is for a time")
        if len(self.kept.delegations) >= MOST_DELEGATIONS:
            raise Closed(f"There are {MOST_DELEGATIONS} delegations: end those that are over.")
        return (events.DelegationMade(key, who, to, until, self.now, since, reason),)

    def end_delegation(self, key: str) -> tuple[DirectoryEvent, ...]:
        """Take a delegation back.

        Raises:
            NotFound: if there is none with this id.
        """
        if key not in self.kept.delegations:
            raise NotFound(f"There is no delegation {key} here that could be ended.")
        return (events.DelegationEnded(key, self.now),)

    def invite(self, name: str, roles: tuple[str, ...]) -> tuple[DirectoryEvent, ...]:
        """Give somebody an account, and roles; who was invited and has not joined is invited again.

        Raises:
            Closed: if they have an account already.
        """
        who = self.person(name, "name")
        if who.startswith(LOCAL_PREFIX):
            raise InvalidValue("name", f"{who} is a user of this machine, who needs no account")
        account = self.kept.accounts.get(who)
        if account is not None and account.status is not AccountStatus.invited:
            raise Closed(f"{who} has an account already, which is {account.status}.")
        given = [event for role in roles for event in self.add_member("role", role, who)]
        return (events.AccountInvited(who, self.now), *given)

    def account(self, name: str, *among: AccountStatus) -> Account:
        """Return an account that has one of these statuses.

        Raises:
            NotFound: if there is none.
            Closed: if it has another.
        """
        account = self.kept.accounts.get(self.configured.canonical(name))
        if account is None:
            raise NotFound(f"There is no account {name} here.")
        if account.status not in among:
            raise Closed(f"The account {account.name} is {account.status}.")
        return account

    def disable(self, name: str) -> tuple[DirectoryEvent, ...]:
        """Keep somebody from signing in and from deciding, whether they have an account or come by other ways.

        Raises:
            Closed: if they are kept out already, or nobody could manage the accounts any more.
        """
        who = self.person(name, "name")
        if who.startswith(LOCAL_PREFIX):
            raise InvalidValue("name", f"{who} is a user of this machine, whom no server keeps out")
        if who in self.kept.accounts:
            self.account(who, AccountStatus.invited, AccountStatus.active)
        return self._with_an_admin((events.AccountDisabled(who, self.now),))

    def choose_notices(self, name: str, choice: NoticeChoice) -> tuple[DirectoryEvent, ...]:
        """Keep how somebody wants to be told; nothing if they have said so before."""
        who = self.person(name, "person")
        if self.kept.notices.get(who, NO_CHOICE) == choice:
            return ()
        return (events.NoticesChosen(who, checked_choice(choice), self.now),)

    def link_chat(self, name: str, user: ChatUser, called: str) -> tuple[DirectoryEvent, ...]:
        """Let an account of a chat be somebody's; nothing happens if it is theirs already.

        Raises:
            Closed: if it is somebody else's, or they are kept out.
        """
        who, linked = self.person(name, "person"), self.kept.chats.get(user)
        if who in self.directory.disabled:
            raise Closed(f"{who} may not sign in any more, and decides nothing.")
        if linked is not None and self.configured.canonical(linked.person) == who:
            return ()
        if linked is not None:
            raise Closed("This account is linked to somebody else: they remove that first, or an admin does.")
        return (events.ChatLinked(who, *user, called, self.now),)

    def unlink_chat(self, user: ChatUser, name: str | None) -> tuple[DirectoryEvent, ...]:
        """Let an account of a chat be nobody's.

        Args:
            name: whose it must be; None if it may be anybody's.

        Raises:
            NotFound: if it is not.
        """
        linked, known = self.kept.chats.get(user), self.configured.canonical
        if linked is None or (name is not None and known(linked.person) != known(name)):
            raise NotFound("There is no such link here.")
        return (events.ChatUnlinked(linked.person, *user, self.now),)

    def configure(self, entries: Mapping[str, frozenset[str]]) -> tuple[DirectoryEvent, ...]:
        """Note what the configuration's file says now; nothing if the log says the same."""
        before = self.kept.configured
        sections = sorted({*before, *entries})
        added = {name: tuple(sorted(entries.get(name, set()) - before.get(name, set()))) for name in sections}
        removed = {name: tuple(sorted(before.get(name, set()) - entries.get(name, set()))) for name in sections}
        added, removed = ({name: those for name, those in given.items() if those} for given in (added, removed))
        return (events.ConfigurationChanged(self.now, added, removed),) if added or removed else ()

    def _of_file(self, kind: GroupOrRole, name: str) -> frozenset[str]:
        section = self.configured.groups if kind == "group" else self.configured.roles
        return section.get(name, frozenset())

    def _of_log(self, kind: GroupOrRole, name: str) -> frozenset[str]:
        return frozenset(map(self.configured.canonical, self.kept.members.get((kind, name), frozenset())))

    def _stored(self, kind: GroupOrRole, name: str, who: str) -> str | None:
        """Return how the log names a member: the configuration may have made another name of it since."""
        members = self.kept.members.get((kind, name), frozenset())
        return next((one for one in sorted(members) if self.configured.canonical(one) == who), None)

    def _with_an_admin(self, wanted: tuple[DirectoryEvent, ...]) -> tuple[DirectoryEvent, ...]:
        """Refuse what takes away the last admin who can sign in, while there are accounts."""
        after = fold_directory(wanted, self.kept)
        if after.active() and self._admins(self.kept) and not self._admins(after):
            raise Closed("Nobody who can sign in would be admin any more: make somebody else admin first.")
        return wanted

    def _admins(self, kept: KeptDirectory) -> frozenset[str]:
        admins = kept.merged(self.configured).roles.get(ADMIN, frozenset())
        return admins & frozenset(map(self.configured.canonical, kept.active()))


def may_delegate(directory: Directory, person: str, giver: str) -> None:
    """Let people give their own vote away, and admins anybody's.

    Raises:
        Forbidden: if somebody gives another one's vote away.
    """
    if directory.canonical(giver) != person and ADMIN not in directory.roles_of(person):
        if directory.local_roles and person.startswith(LOCAL_PREFIX):
            return
        raise Forbidden(f"{person} may not give away the vote of {giver}: that person may, and an admin.")

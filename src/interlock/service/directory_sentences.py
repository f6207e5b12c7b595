"""Entries of the directory's log in words: what happened to people, and to tokens."""

from __future__ import annotations

from interlock.domain import directory_events as events
from interlock.domain.directory_events import DirectoryEvent
from interlock.domain.notice_choice import NoticeChoice
from interlock.service.hostile_text import in_quotes, shortened
from interlock.service.inline import when

SHORT = 160

STATED: dict[type[DirectoryEvent], str] = {
    events.MemberAdded: "{0.person} is in the {0.kind} {0.name} from now on",
    events.MemberRemoved: "{0.person} is not in the {0.kind} {0.name} any more",
    events.DelegationEnded: "the delegation {0.id} is taken back",
    events.AccountInvited: "{0.account} is invited",
    events.AccountJoined: "{0.account} has joined",
    events.PasswordChanged: "{0.account} has another password, by the {0.how} before",
    events.ResetOffered: "{0.account} may set another password, by a link",
    events.RecoveryCodeUsed: "{0.account} signed in by a recovery code; {0.left} are left",
    events.AccountDisabled: "{0.account} cannot sign in and decides nothing any more",
    events.AccountEnabled: "{0.account} can sign in again",
    events.TokenRevoked: "the token {0.id} is revoked",
    events.SessionEnded: "the session {0.id} of {0.person} is ended",
    events.IdentityLinked: "{0.person}, who was invited, is {0.subject} at {0.issuer}",
    events.ChatLinked: "{0.user} ({0.name}) of {0.workspace} in {0.chat} is {0.person}, who has confirmed it",
    events.ChatUnlinked: "{0.user} of {0.workspace} in {0.chat} is not {0.person} any more",
    events.GrantRevoked: "{0.by} has revoked the grant {0.id}: it allows nothing more",
    events.DatasetExported: "{0.rows} rows of training data ({0.format}) are exported, with the manifest {0.manifest}",
    events.DirectoryRestored: "the directory was written anew from its log: {0.found}",
}
"""Events whose fields say as they are what there is to say."""


def directory_sentence(event: DirectoryEvent) -> str:  # noqa: PLR0911 - one return an event
    """Say what an event states; parts of it come from data and are not harmless yet."""
    match event:
        case events.DelegationMade(giver=giver, delegate=delegate, until=until, since=since, reason=reason):
            begins = "" if since is None else f" from {when(since)}"
            because = f": {in_quotes(shortened(reason, SHORT))}" if reason else ""
            return f"{delegate} may vote for {giver}{begins} until {when(until)}{because}"
        case events.SecondFactorChanged(account=account, on=on):
            return f"signing in as {account} takes a code as well" if on else f"{account} has no second factor any more"
        case events.TokenCreated(id=key, principal=principal, scopes=scopes, expires_at=ends):
            return f"the token {key} is made for {principal}, good for {', '.join(scopes)} until {when(ends)}"
        case events.MembershipsClaimed(person=person, issuer=issuer, groups=groups, roles=roles, until=until):
            told = [f"{kind} {', '.join(names)}" for kind, names in (("groups", groups), ("roles", roles)) if names]
            belongs = f"{person} has the {' and the '.join(told)}, until {when(until)}"
            return (
                f"{issuer} says: {shortened(belongs, SHORT)}"
                if told
                else f"{issuer} names no group and no role of {person}"
            )
        case events.GrantGiven(grant=grant):
            most = "" if grant.total is None else f", {grant.total.at_most} of {grant.total.argument} in sum"
            what = f"{grant.uses} more of {grant.action} like {grant.like}{most}"
            because = f": {in_quotes(shortened(grant.reason, SHORT))}" if grant.reason else ""
            return f"{grant.giver} grants {grant.agent} {what}, until {when(grant.until)} ({grant.id}){because}"
        case events.GrantUsed(id=key, request_id=request_id, amount=amount):
            return f"the grant {key} approved {request_id}" + ("" if amount is None else f", for {amount}")
        case events.NoticesChosen(person=person, choice=choice):
            return f"{person} is told of what waits for them {shortened(choice_words(choice), SHORT)}"
        case events.ConfigurationChanged(added=added, removed=removed):
            told = [f"{section} now say {shortened('; '.join(entries), SHORT)}" for section, entries in added.items()]
            told += [
                f"{section} no longer {shortened('; '.join(entries), SHORT)}" for section, entries in removed.items()
            ]
            return f"the configuration has changed: {'. '.join(told)}"
        case _:
            return STATED[type(event)].format(event)


def choice_words(choice: NoticeChoice) -> str:
    """Say how somebody wants to be told."""
    whens = {"at_once": "at once", "never": "never"}
    ways = [
        f"by {name} {whens.get(way.when, f'daily at {way.digest_at}')}{f' at {way.address}' if way.address else ''}"
        for name, way in sorted(choice.ways.items())
    ]
    quiet = "" if choice.quiet is None else f", but not from {choice.quiet[0]} to {choice.quiet[1]}"
    ended = ", and how it ended" if choice.outcomes else ""
    return f"{', '.join(ways) or 'at once'}{quiet}{ended} (times of {choice.zone})"

"""Who may come in that a provider knows, who they are here, and for how long the provider's word counts."""

from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain import directory_events as events
from interlock.domain.authority import Directory
from interlock.domain.directory import KeptDirectory, fold_directory
from interlock.domain.directory_rules import DirectoryRules
from interlock.domain.oidc import Identity
from interlock.domain.provisioning import forgotten, provision
from interlock.errors import Forbidden

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
ISSUER = "https://login.example.com"
MIA, NOAH, OLGA = "mia@example.com", "noah@example.com", "olga@example.com"
FILE = Directory({"managers": frozenset({MIA})}, {}, {f"{ISSUER}#o": OLGA}, local_roles=True)


def rules(*happened, at=NOW, configured=FILE):
    return DirectoryRules(fold_directory(happened, KeptDirectory("default")), configured, at)


def come(given, identity, *, everybody=False):
    return provision(given, identity, everybody=everybody, hold=WEEK)


def by_mail(email, subject="7", **more):
    return Identity(ISSUER, subject, email, **more)


def test_an_invitation_is_matched_by_a_verified_address_once_and_then_by_issuer_and_subject():
    first = come(rules(), by_mail("Mia@Example.com"))
    assert (first.person, first.events) == (MIA, (events.IdentityLinked(MIA, ISSUER, "7", NOW),))
    linked = rules(*first.events)
    assert come(linked, Identity(ISSUER, "7")).person == MIA
    assert come(linked, by_mail("zoe@example.com")).person == MIA  # the address has changed; the person has not
    for other in (by_mail(MIA, "8"), Identity("https://other.example", "7", MIA)):
        with pytest.raises(Forbidden):  # somebody else has got the address
            come(linked, other)
    accounts = rules(events.AccountInvited(NOAH, NOW))
    assert come(accounts, by_mail(NOAH)).events == (events.IdentityLinked(NOAH, ISSUER, "7", NOW),)


def test_who_was_let_in_once_and_is_named_nowhere_any_more_is_a_stranger():
    link = events.IdentityLinked(NOAH, ISSUER, "7", NOW)
    added = events.MemberAdded("group", "managers", NOAH, NOW)
    assert come(rules(added), by_mail(NOAH)).person == NOAH
    assert come(rules(added, link), Identity(ISSUER, "7")).person == NOAH
    gone = rules(added, link, events.MemberRemoved("group", "managers", NOAH, NOW))
    with pytest.raises(Forbidden):
        come(gone, by_mail(NOAH))
    assert come(gone, Identity(ISSUER, "7"), everybody=True).person == NOAH
    assert come(gone, Identity(ISSUER, "7", groups=frozenset({"finance"}))).person == NOAH


@pytest.mark.parametrize("email", [None, "zoe@example.com", "mia", "local:me", "agent:bot@x", "group:managers@x", ""])
def test_nobody_else_comes_in(email):
    people = Directory({"all": frozenset({"local:me", "agent:bot@x", "mia"})}, {}, {}, local_roles=True)
    with pytest.raises(Forbidden):
        come(rules(configured=people), by_mail(email))
    assert come(rules(configured=people), by_mail(email), everybody=True).person == f"{ISSUER}#7"


def test_an_account_that_was_joined_is_not_taken_over_and_one_that_was_disabled_is_shut():
    invited, joined = events.AccountInvited(NOAH, NOW), events.AccountJoined(NOAH, NOW)
    with pytest.raises(Forbidden):
        come(rules(invited, joined), by_mail(NOAH))
    assert come(rules(invited, joined), by_mail(NOAH), everybody=True).person == f"{ISSUER}#7"
    link = events.IdentityLinked(NOAH, ISSUER, "7", NOW)
    for everybody in (False, True):
        with pytest.raises(Forbidden):
            come(rules(invited, link, events.AccountDisabled(NOAH, NOW)), by_mail(NOAH), everybody=everybody)


def test_the_configuration_may_call_an_identity_somebody():
    assert come(rules(), Identity(ISSUER, "o")).person == OLGA
    with pytest.raises(Forbidden):
        come(rules(), Identity("https://other.example", "o"))


def test_what_a_provider_says_counts_until_it_says_otherwise_or_for_a_time():
    them = Identity(ISSUER, "7", groups=frozenset({"finance"}), roles=frozenset({"auditor"}))
    person = them.person
    (said,) = come(rules(), them).events
    assert said == events.MembershipsClaimed(person, ISSUER, ("finance",), ("auditor",), NOW + WEEK, NOW)
    kept = rules(said).kept
    merged = kept.merged(FILE, NOW)
    assert (merged.groups["finance"], merged.roles["auditor"]) == ({person}, {person})
    assert kept.merged(FILE, NOW + WEEK - timedelta(seconds=1)).groups["finance"] == {person}
    assert "finance" not in kept.merged(FILE, NOW + WEEK).groups
    assert "finance" not in kept.merged(FILE).groups
    assert come(rules(said), them).events == ()  # it is no news
    late = rules(said, at=NOW + timedelta(days=4))
    assert come(late, them).events[0].until == NOW + timedelta(days=11)
    (other,) = come(rules(said), Identity(ISSUER, "7", roles=frozenset({"admin"}))).events
    assert rules(said, other).kept.merged(FILE, NOW).roles == {"admin": {person}}
    (nothing,) = come(rules(said), Identity(ISSUER, "7"), everybody=True).events
    assert "finance" not in rules(said, nothing).kept.merged(FILE, NOW).groups
    assert come(rules(said, nothing), Identity(ISSUER, "7"), everybody=True).events == ()


def test_what_providers_said_of_somebody_is_forgotten():
    them = Identity(ISSUER, "o", groups=frozenset({"finance"}))
    (said,) = come(rules(), them).events
    assert forgotten(rules(said), MIA) == ()
    gone = rules(said, *forgotten(rules(said), f"{ISSUER}#O"))
    assert "finance" not in gone.kept.merged(FILE, NOW).groups
    assert forgotten(gone, OLGA) == ()


def test_an_identity_is_linked_once():
    link = events.IdentityLinked(MIA, ISSUER, "7", NOW)
    with pytest.raises(ValueError, match="twice"):
        rules(link, link)

"""Who belongs where, who has an account, who votes for whom: what may change, and what the log makes of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain import directory_events as events
from interlock.domain.accounts import Attempts, check_password
from interlock.domain.authority import Delegation, Directory
from interlock.domain.directory import Account, AccountStatus, KeptDirectory, KnownToken, fold_directory
from interlock.domain.directory_rules import DirectoryRules, may_delegate
from interlock.domain.events import Expired
from interlock.errors import Closed, Forbidden, InvalidValue, NotFound

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MIA, NOAH, OLGA, ZOE = "mia@example.com", "noah@example.com", "olga@example.com", "zoe@example.com"
FILE = Directory(
    {"managers": frozenset({MIA})}, {"auditor": frozenset({NOAH})}, {"m.mia@example.com": MIA}, local_roles=False
)
NOBODY = KeptDirectory("default")


def rules(*happened, configured=FILE):
    return DirectoryRules(fold_directory(happened, NOBODY), configured, NOW)


def joined(*names):
    return [event for name in names for event in (events.AccountInvited(name, NOW), events.AccountJoined(name, NOW))]


def test_file_and_log_are_one_directory():
    late = events.DelegationMade("d1", "M.Mia@example.com", NOAH, NOW + timedelta(days=1), NOW, None, "away")
    kept = fold_directory(
        [
            events.MemberAdded("group", "managers", NOAH, NOW),
            events.MemberAdded("group", "finance", "m.mia@example.com", NOW),
            events.MemberAdded("role", "admin", OLGA, NOW),
            late,
        ],
        NOBODY,
    )
    merged = kept.merged(FILE)
    assert merged.groups == {"managers": {MIA, NOAH}, "finance": {MIA}}
    assert merged.roles == {"auditor": {NOAH}, "admin": {OLGA}}
    assert merged.delegations == (Delegation(MIA, NOAH, late.until, None, "away"),)
    gone = fold_directory([events.MemberRemoved("role", "admin", OLGA, NOW), events.DelegationEnded("d1", NOW)], kept)
    assert gone.merged(FILE).roles == {"auditor": {NOAH}}
    assert gone.merged(FILE).delegations == ()
    assert (gone.version, gone.id) == (6, "directory")


def test_somebody_is_added_once_and_by_whatever_name():
    assert rules().add_member("group", "finance", " M.Mia@Example.com") == (
        events.MemberAdded("group", "finance", MIA, NOW),
    )
    assert rules().add_member("group", "managers", "m.mia@example.com") == ()
    added = rules(events.MemberAdded("group", "finance", MIA, NOW))
    assert added.add_member("group", "finance", "MIA@example.com") == ()
    assert added.remove_member("group", "finance", "m.mia@example.com") == (
        events.MemberRemoved("group", "finance", MIA, NOW),
    )


def test_a_name_that_became_an_alias_can_be_removed():
    stored = rules(events.MemberAdded("group", "finance", "m.mia@example.com", NOW))
    assert stored.remove_member("group", "finance", MIA)[0].person == "m.mia@example.com"


@pytest.mark.parametrize(
    "wrong",
    [
        "agent:bot",
        "AGENT:bot",
        " agent:bot",
        "ag\u200bent:bot",
        "service:x",
        "group:x",
        "role:x",
        "",
        " ",
        "a\nb",
        "x" * 201,
    ],
)
def test_only_people_become_members_delegates_or_have_an_account(wrong):
    for refused in (
        lambda: rules().add_member("group", "managers", wrong),
        lambda: rules().add_member("role", "admin", wrong),
        lambda: rules().invite(wrong, ()),
        lambda: rules().delegate("d", MIA, wrong, until=NOW + timedelta(days=1)),
        lambda: rules().delegate("d", wrong, MIA, until=NOW + timedelta(days=1)),
    ):
        with pytest.raises(InvalidValue):
            refused()


@pytest.mark.parametrize("name", ["", " x", "a/b", "x" * 101, "a\nb", "_x"])
def test_a_group_has_a_name(name):
    with pytest.raises(InvalidValue, match="name"):
        rules().add_member("group", name, MIA)


def test_what_the_file_says_is_changed_in_the_file():
    with pytest.raises(Closed, match="by the configuration's file"):
        rules().remove_member("group", "managers", MIA)
    with pytest.raises(NotFound):
        rules().remove_member("group", "managers", NOAH)


def test_a_delegation_has_two_people_and_an_end():
    until = NOW + timedelta(days=1)
    made = rules().delegate("d1", "m.mia@example.com", NOAH, until=until, reason="away")
    assert made == (events.DelegationMade("d1", MIA, NOAH, until, NOW, None, "away"),)
    for wrong in ({"until": NOW}, {"until": until, "since": until}, {"until": NOW + timedelta(days=4000)}):
        with pytest.raises(InvalidValue):
            rules().delegate("d1", MIA, NOAH, **wrong)
    with pytest.raises(InvalidValue, match="same person"):
        rules().delegate("d1", MIA, "m.mia@example.com", until=until)
    assert rules(*made).end_delegation("d1") == (events.DelegationEnded("d1", NOW),)
    with pytest.raises(NotFound):
        rules().end_delegation("d1")


def test_people_give_their_own_vote_away_and_admins_anybodys():
    directory = Directory(roles={"admin": frozenset({OLGA})}, aliases={"m": MIA})
    may_delegate(directory, MIA, "m")
    may_delegate(directory, OLGA, MIA)
    may_delegate(directory, "local:me", MIA)
    for who, people in ((NOAH, directory), ("local:me", replace(directory, local_roles=False))):
        with pytest.raises(Forbidden):
            may_delegate(people, who, MIA)


def test_the_life_of_an_account():
    invited = fold_directory(rules().invite("Zoe@example.com", ("reviewer",)), NOBODY)
    assert invited.accounts == {"zoe@example.com": Account("zoe@example.com", AccountStatus.invited, NOW)}
    assert invited.members == {("role", "reviewer"): {"zoe@example.com"}}
    assert invited.active() == frozenset()
    again = DirectoryRules(invited, FILE, NOW).invite("zoe@example.com", ("reviewer",))
    assert again == (events.AccountInvited("zoe@example.com", NOW),)
    here = fold_directory([events.AccountJoined("zoe@example.com", NOW)], invited)
    assert here.active() == {"zoe@example.com"}
    with pytest.raises(Closed, match="has an account"):
        DirectoryRules(here, FILE, NOW).invite("zoe@example.com", ())
    gone = fold_directory(DirectoryRules(here, FILE, NOW).disable("ZOE@example.com"), here)
    assert gone.active() == frozenset()
    with pytest.raises(Closed, match="disabled"):
        DirectoryRules(gone, FILE, NOW).disable("zoe@example.com")
    back = fold_directory([events.AccountEnabled("zoe@example.com", NOW)], gone)
    assert back.active() == {"zoe@example.com"}
    never = fold_directory(
        [events.AccountDisabled("zoe@example.com", NOW), events.AccountEnabled("zoe@example.com", NOW)], invited
    )
    assert never.accounts["zoe@example.com"].status is AccountStatus.invited


def test_whoever_has_no_account_is_kept_out_and_has_none_afterwards():
    with pytest.raises(NotFound):
        rules().account(ZOE, AccountStatus.disabled)
    out = fold_directory(rules().disable("M.Mia@example.com"), NOBODY)
    assert out.accounts == {MIA: Account(MIA, AccountStatus.disabled, None)}
    merged = out.merged(FILE)
    assert (merged.disabled, merged.groups["managers"], merged.is_operator(MIA)) == ({MIA}, {MIA}, False)
    with pytest.raises(Closed, match="disabled"):
        DirectoryRules(out, FILE, NOW).invite(MIA, ())
    assert fold_directory([events.AccountEnabled(MIA, NOW)], out).accounts == {}
    with pytest.raises(InvalidValue, match="no server keeps out"):
        rules().disable("local:me")


def test_no_account_is_a_user_of_this_machine():
    for name in ("local:me", "LOCAL:me", " local:me"):
        with pytest.raises(InvalidValue, match="needs no account"):
            rules().invite(name, ())
    with pytest.raises(InvalidValue, match="needs no account"):
        rules(configured=replace(FILE, aliases={"me": "local:me"})).invite("me", ())


def test_the_last_admin_stays_while_there_are_accounts():
    admins = [events.MemberAdded("role", "admin", OLGA, NOW), events.MemberAdded("role", "admin", MIA, NOW)]
    alone = rules(*joined(OLGA, NOAH), *admins)
    for refused in (lambda: alone.remove_member("role", "admin", OLGA), lambda: alone.disable(OLGA)):
        with pytest.raises(Closed, match="admin any more"):
            refused()
    assert alone.remove_member("role", "admin", MIA), "she has no account"
    two = rules(*joined(OLGA, MIA), *admins)
    assert two.disable(OLGA)
    assert two.remove_member("role", "admin", MIA)
    assert rules(*admins).remove_member("role", "admin", OLGA), "nobody signs in"
    by_file = replace(FILE, roles={"admin": frozenset({MIA})})
    assert rules(*joined(OLGA, MIA), admins[0], configured=by_file).remove_member("role", "admin", OLGA)


def test_what_the_file_says_is_noted_when_it_changes():
    first = {"groups": frozenset({"managers: mia"}), "policies": frozenset({"a sha256:1"})}
    noted = rules().configure(first)
    assert noted == (events.ConfigurationChanged(NOW, {"groups": ("managers: mia",), "policies": ("a sha256:1",)}, {}),)
    assert rules(*noted).configure(first) == ()
    then = rules(*noted).configure({"groups": frozenset({"managers: mia"}), "policies": frozenset({"a sha256:2"})})
    assert then == (events.ConfigurationChanged(NOW, {"policies": ("a sha256:2",)}, {"policies": ("a sha256:1",)}),)
    assert rules(*noted, *then).configure({"policies": frozenset({"a sha256:2"})})[0].removed == {
        "groups": ("managers: mia",)
    }


def test_tokens_are_known_by_all_that_they_are_good_for():
    made = events.TokenCreated("token_1", "d1", "agent:bot", ("ask", "read"), NOW, NOW)
    kept = fold_directory([made], NOBODY)
    assert kept.tokens == {"token_1": KnownToken("d1", "agent:bot", frozenset({"ask", "read"}), NOW)}
    assert fold_directory([events.TokenRevoked("token_1", NOW)], kept).tokens["token_1"].revoked


@pytest.mark.parametrize(
    "happened",
    [
        [events.MemberRemoved("group", "a", MIA, NOW)],
        [events.MemberAdded("group", "a", MIA, NOW)] * 2,
        [events.DelegationEnded("d", NOW)],
        [events.DelegationMade("d", MIA, NOAH, NOW, NOW)] * 2,
        [events.AccountJoined(MIA, NOW)],
        [*joined(MIA), events.AccountJoined(MIA, NOW)],
        [*joined(MIA), events.AccountInvited(MIA, NOW)],
        [*joined(MIA), events.AccountEnabled(MIA, NOW)],
        [*joined(MIA), events.SecondFactorChanged(MIA, on=False, at=NOW)],
        [events.TokenRevoked("t", NOW)],
        [events.TokenCreated("t", "d", "agent:a", (), NOW, NOW)] * 2,
        [
            events.TokenCreated("t", "d", "agent:a", (), NOW, NOW),
            events.TokenRevoked("t", NOW),
            events.TokenRevoked("t", NOW),
        ],
        [Expired(NOW)],
    ],
)
def test_what_cannot_have_happened_does_not_fold(happened):
    with pytest.raises(ValueError, match=r"."):
        fold_directory(happened, NOBODY)


def test_a_password_is_long_and_not_the_name():
    for wrong in (
        "short",
        "x" * 11,
        "x" * 201,
        "mia@example.com1",
        "MIA@example.com",
        "mia mia mia mia!",
        "mia1234567890",
    ):
        with pytest.raises(InvalidValue, match="password"):
            check_password(wrong, MIA)
    for fine in ("correct horse battery", "aaaaaaaaaaaa", "mia likes her coffee black", "пароль пароль"):
        check_password(fine, MIA)


def test_waiting_doubles_up_to_a_minute_and_ends():
    waits = [Attempts(number, NOW).wait(NOW).total_seconds() for number in (0, 4, 5, 6, 7, 10, 11, 1_000_000)]
    assert waits == [0, 0, 1, 2, 4, 32, 60, 60]
    assert Attempts(11, NOW).wait(NOW + timedelta(seconds=60)) == timedelta()
    assert Attempts().wait(NOW) == timedelta()

"""Who comes back from an identity provider: the checks that need nothing but what was said."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.authority import LONGEST_ID, canonical_id
from interlock.domain.oidc import (
    Answer,
    ClaimNames,
    Identity,
    SignInAttempt,
    code_of,
    identity_of,
    why_no_path_of_ours,
    why_not_begun_here,
)
from interlock.errors import Unauthenticated

ISSUER = "https://login.example.com"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("path", ["/", "/inbox", "/requests/r_1?tab=log&x=%20#end", "/a//b", "/@evil.example"])
def test_a_path_of_ours(path):
    assert why_no_path_of_ours(path) is None


ELSEWHERE = [
    *("", "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)"),
    *("inbox", "/\t/evil.example", "/\n/evil.example", "/ ü", "/" + "x" * 2_000, " /inbox", "/\x00", "@evil.example"),
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_no_path_of_ours(path):
    assert why_no_path_of_ours(path) is not None


SUBJECTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(SUBJECTS, SUBJECTS)
def test_two_subjects_are_two_people_and_one_is_one(one, other):
    first, second = (Identity(ISSUER, subject).person for subject in (one, other))
    assert (canonical_id(first) == canonical_id(second)) is (one == other)
    assert canonical_id(first) == first


def test_issuers_are_told_apart_and_a_long_subject_fits():
    assert Identity(ISSUER, "7").person == f"{ISSUER}#7"
    assert len({Identity(issuer, "7").person for issuer in (ISSUER, f"{ISSUER}/A", f"{ISSUER}/a")}) == 3
    long, longer = Identity(ISSUER, "x" * 254), Identity(ISSUER, "x" * 255)
    assert len(long.person) <= LONGEST_ID
    assert long.person != longer.person
    assert Identity(ISSUER, "a#b").person != Identity(f"{ISSUER}#a", "b").person


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "mia@example.com", "email_verified": True}, "mia@example.com"),
        ({"email": "mia@example.com", "email_verified": "true"}, "mia@example.com"),
        ({"email": "mia@example.com", "email_verified": False}, None),
        ({"email": "mia@example.com", "email_verified": "false"}, None),
        ({"email": "mia@example.com", "email_verified": 2}, None),
        ({"email": "mia@example.com"}, None),
        ({"email": ["mia@example.com"], "email_verified": True}, None),
        ({"email": "mia@example.com\n", "email_verified": True}, None),
        ({"email_verified": True}, None),
    ],
)
def test_an_address_is_somebodys_if_the_provider_has_verified_it(claims, email):
    assert identity_of({"sub": "7", **claims}, ISSUER, ClaimNames()).email == email


@pytest.mark.parametrize("sub", [None, "", "x" * 256, "ü", 7, ["7"], {"sub": "7"}])
def test_whoever_has_no_subject_is_nobody(sub):
    with pytest.raises(Unauthenticated):
        identity_of({"sub": sub, "email": "mia@example.com", "email_verified": True}, ISSUER, ClaimNames())


NAMES = ClaimNames("groups", {"admin": ["ops", "root"], "auditor": ["audit"]})


@pytest.mark.parametrize(
    ("given", "groups", "roles"),
    [
        (["managers", "ops"], {"managers", "ops"}, {"admin"}),
        ("audit", {"audit"}, {"auditor"}),
        ([], set(), set()),
        (None, set(), set()),
        ({"admin": True}, set(), set()),
        (["", " ", "\x1b[2J", "x" * 201, 7, ["ops"], None], set(), set()),
        (["admin"], {"admin"}, set()),
        ([f"g{number}" for number in range(501)] + ["ops"], {f"g{number}" for number in range(500)}, set()),
    ],
)
def test_groups_and_roles_come_from_the_claim_that_is_named(given, groups, roles):
    found = identity_of({"sub": "7", "groups": given, "roles": ["admin"]}, ISSUER, NAMES)
    assert (found.groups, found.roles) == (groups, roles)
    assert identity_of({"sub": "7", "groups": given}, ISSUER, ClaimNames()).groups == frozenset()


def test_an_answer_is_that_of_the_provider_that_was_asked():
    code = ["c"]
    assert code_of(Answer(codes=code, issuers=[ISSUER]), ISSUER, names_issuer=True) == "c"
    assert code_of(Answer(codes=code), ISSUER, names_issuer=False) == "c"
    for wrong, names in (
        (Answer(codes=code), True),
        (Answer(codes=code, issuers=["https://evil.example"]), False),
        (Answer(codes=code, issuers=[ISSUER, ISSUER]), True),
        (Answer(codes=code, issuers=[f"{ISSUER}/"]), True),
        (Answer(codes=["c", "d"]), False),
        (Answer(codes=[""]), False),
        (Answer(), False),
        (Answer(codes=code, errors=["access_denied"]), False),
    ):
        with pytest.raises(Unauthenticated):
            code_of(wrong, ISSUER, names_issuer=names)


def test_an_attempt_ends_where_and_while_it_was_begun():
    attempt = SignInAttempt("s", "b", "company", "n", "v", "/", NOW + timedelta(minutes=10))
    assert why_not_begun_here(attempt, "company", "b", NOW) is None
    for taken, provider, browser, now in (
        (None, "company", "b", NOW),
        (attempt, "other", "b", NOW),
        (attempt, "company", "c", NOW),
        (attempt, "company", "b", NOW + timedelta(minutes=10)),
    ):
        assert why_not_begun_here(taken, provider, browser, now) is not None

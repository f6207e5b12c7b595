"""Codes of an authenticator, by the vectors of RFC 6238 and RFC 4226."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain.totp import address_of, code_of, matching_step, step_at

KEY = b"12345678901234567890"
BASE32 = base64.b32encode(KEY).decode()
NOW = datetime.fromtimestamp(1111111111, UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_rfc_6238(seconds, code):
    assert code_of(KEY, step_at(datetime.fromtimestamp(seconds, UTC)), 8) == code


def test_rfc_4226():
    expected = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
    assert [code_of(KEY, count) for count in range(10)] == expected


def test_a_code_is_good_for_its_step_and_the_neighbours():
    step = step_at(NOW)
    for off, good in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        assert matching_step(BASE32, code_of(KEY, step + off), NOW) == (step + off if good else None)
    assert matching_step(BASE32, " 050 471 ", NOW) == step
    assert matching_step(BASE32, "050471", NOW + timedelta(minutes=2)) is None
    for wrong in ("", "05047", "0504711", "abcdef", "٠٥٠٤٧١", "\udcff" * 6):
        assert matching_step(BASE32, wrong, NOW) is None
    assert matching_step("no key!", "050471", NOW) is None


def test_the_address_names_account_and_issuer():
    assert (
        address_of("KEY", "mia@example.com")
        == "otpauth://totp/Interlock%3Amia%40example.com?secret=KEY&issuer=Interlock"
    )

"""Signatures of Standard Webhooks, beside the specification's own example."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain.signatures import Signed, is_signed, key_of, signature_of
from interlock.errors import InvalidValue

# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, and its libraries' tests
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = datetime.fromtimestamp(AT, UTC)
OTHER = base64.b64encode(b"k" * 24).decode()


def test_the_specifications_example():
    assert signature_of(key_of(SECRET), ID, AT, BODY) == SIGNATURE
    assert key_of(SECRET.removeprefix("whsec_")) == key_of(f" {SECRET}\n")


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_?", "whsec_" + "A" * 28, "whsec_" + "A" * 92, "secret", "é" * 40]
)
def test_what_is_no_key_is_refused(secret):
    with pytest.raises(InvalidValue, match="24 to 64 random bytes"):
        key_of(secret)


@pytest.mark.parametrize(
    ("signed", "body", "now", "holds"),
    [
        (Signed(ID, str(AT), SIGNATURE), BODY, NOW, True),
        (Signed(ID, str(AT), f"v1,AAAA {SIGNATURE} v1a,x"), BODY, NOW, True),
        (Signed(ID, str(AT), SIGNATURE), BODY, NOW + timedelta(minutes=5), True),
        (Signed(ID, str(AT), SIGNATURE), BODY, NOW + timedelta(minutes=5, seconds=1), False),
        (Signed(ID, str(AT), SIGNATURE), BODY, NOW - timedelta(minutes=5, seconds=1), False),
        (Signed(ID, str(AT), SIGNATURE), BODY + b" ", NOW, False),
        (Signed(f"{ID}x", str(AT), SIGNATURE), BODY, NOW, False),
        (Signed(ID, str(AT + 1), SIGNATURE), BODY, NOW, False),
        (Signed(ID, str(AT), SIGNATURE.replace("v1,", "v2,")), BODY, NOW, False),
        (Signed(ID, str(AT), ""), BODY, NOW, False),
        (Signed(ID, "9" * 400, SIGNATURE), BODY, NOW, False),
        (Signed(ID, "", SIGNATURE), BODY, NOW, False),
        (Signed(ID, "\u0661", SIGNATURE), BODY, NOW, False),
        (Signed(ID, str(AT), "\ud800"), BODY, NOW, False),
        (Signed("\ud800", str(AT), SIGNATURE), BODY, NOW, False),
    ],
)
def test_what_was_changed_or_is_old_is_refused(signed, body, now, holds):
    assert is_signed([key_of(OTHER), key_of(SECRET)], signed, body, now) is holds
    assert is_signed([key_of(OTHER)], signed, body, now) is False

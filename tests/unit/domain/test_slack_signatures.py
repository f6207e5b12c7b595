"""A call counts as Slack's if it was signed with the app's secret, about now."""

from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain.slack_signatures import is_from_slack, slack_signature

SECRET, AT, BODY = (
    "8f742231b10e8888abcd99yyyzzz85a5",
    "1531420618",
    (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    ),
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
NOW = datetime.fromtimestamp(int(AT), UTC)


def test_slacks_own_example_is_signed_so():
    """Of https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    assert slack_signature(SECRET, AT, BODY) == SIGNATURE
    for seconds in (-300, 0, 300):
        assert is_from_slack(SECRET, AT, SIGNATURE, BODY, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("secret", "at", "signature", "body", "late"),
    [
        ("another", AT, SIGNATURE, BODY, 0),
        (SECRET, AT, SIGNATURE, BODY + b" ", 0),
        (SECRET, AT, SIGNATURE, BODY, 301),
        (SECRET, AT, SIGNATURE, BODY, -301),
        (SECRET, "1531420619", SIGNATURE, BODY, 0),
        (SECRET, "", SIGNATURE, BODY, 0),
        (SECRET, "1e9", SIGNATURE, BODY, 0),
        (SECRET, "٣" * 10, SIGNATURE, BODY, 0),
        (SECRET, "9" * 5_000, SIGNATURE, BODY, 0),
        (SECRET, AT, "", BODY, 0),
        (SECRET, AT, SIGNATURE.removeprefix("v0="), BODY, 0),
        (SECRET, AT, "v0=\udcff", BODY, 0),
    ],
)
def test_anything_else_is_not(secret, at, signature, body, late):
    assert not is_from_slack(secret, at, signature, body, NOW + timedelta(seconds=late))

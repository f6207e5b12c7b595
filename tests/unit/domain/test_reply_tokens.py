"""A token proves one person's one verdict on what was shown, until it is due, and nothing else."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.action import Verdict
from interlock.domain.reply_tokens import ReplyGrant, key_of_token, read_reply_token, reply_token

KEY = b"k" * 32
NOW = datetime(2026, 12, 1, tzinfo=UTC)
GRANT = ReplyGrant("acme", "req_1", "sha256:abc", "mia@example.com", Verdict.approve, int(NOW.timestamp()) + 60)
TOKEN = reply_token(KEY, GRANT)


def test_a_token_gives_back_what_it_was_made_of():
    assert read_reply_token(KEY, TOKEN, NOW) == GRANT
    for verdict in Verdict:
        grant = replace(GRANT, verdict=verdict, person="müller <\u202e>")
        assert read_reply_token(KEY, reply_token(KEY, grant), NOW) == grant


def test_it_ends():
    assert read_reply_token(KEY, TOKEN, NOW + timedelta(seconds=59)) == GRANT
    assert read_reply_token(KEY, TOKEN, NOW + timedelta(seconds=60)) is None


def test_another_key_makes_another_token():
    assert read_reply_token(b"x" * 32, TOKEN, NOW) is None
    assert read_reply_token(KEY, reply_token(b"x" * 32, GRANT), NOW) is None


@pytest.mark.parametrize("field", ["tenant", "request_id", "digest", "person", "verdict", "until"])
def test_what_is_changed_in_it_makes_it_worthless(field):
    body, seal = TOKEN.removeprefix("irt_").split(".")
    given = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    given[field] = given[field] + 1 if field == "until" else "reject"
    changed = base64.urlsafe_b64encode(json.dumps(given, separators=(",", ":"), sort_keys=True).encode()).decode()
    assert read_reply_token(KEY, f"irt_{changed.rstrip('=')}.{seal}", NOW) is None


@given(st.one_of(st.text(max_size=200), st.text("irt_.ABCDEFabcdef0123456789-", max_size=300)))
def test_whatever_else_is_no_token(text):
    assert read_reply_token(KEY, text, NOW) is None
    assert read_reply_token(KEY, f"irt_{text}", NOW) is None
    assert key_of_token(text).startswith("reply-")


BODY, SEAL = TOKEN.removeprefix("irt_").split(".")
LAST = SEAL[:-1] + chr(ord(SEAL[-1]) + 1)  # two bits of the last letter stand for nothing


@pytest.mark.parametrize(
    "written",
    [
        *(f"{BODY}.{SEAL}=", f"{BODY}.{SEAL}==", f"{BODY}=.{SEAL}", f"{BODY}.{LAST}", f"{BODY}.\n{SEAL}"),
        *(f"{BODY} .{SEAL}", f"{BODY[:4]}*{BODY[4:]}.{SEAL}", f"{BODY}.{SEAL}\n", f"{BODY}.{SEAL}é"),
    ],
)
def test_what_was_sealed_has_one_way_to_be_written(written):
    """A token and the code of a chat are used once, which is counted by their letters."""
    assert read_reply_token(KEY, f"irt_{written}", NOW) is None


@pytest.mark.parametrize(
    "text", ["irt_" + "A" * 5_000, "irt_..", "irt_é.é", "irt_\ud800.a", "irt_" + TOKEN, TOKEN + "."]
)
def test_what_looks_like_one_is_none(text):
    assert read_reply_token(KEY, text, NOW) is None

"""Whoever is called believes what was signed now, and nothing else."""

import base64
import json
from datetime import UTC, datetime

import pytest

from interlock.client.webhooks import read_webhook
from interlock.domain.signatures import key_of, signature_of
from interlock.errors import InvalidValue, Unauthenticated

OLD, NEW = (f"whsec_{base64.b64encode(letter * 24).decode()}" for letter in (b"o", b"n"))
BODY = json.dumps({"id": "req_1.1", "source": "urn:interlock:default"}).encode()


def headers(secret, body=BODY, shift=0):
    at = int(datetime.now(UTC).timestamp()) + shift
    signature = signature_of(key_of(secret), "dlv_1", at, body)
    return {"Webhook-Id": "dlv_1", "WEBHOOK-TIMESTAMP": str(at), "webhook-signature": signature}


def test_a_call_is_read_by_any_of_its_secrets():
    for secret in (OLD, NEW):
        assert read_webhook(headers(secret), BODY, NEW, OLD)["id"] == "req_1.1"


@pytest.mark.parametrize(
    ("given", "body"),
    [
        (lambda: headers(OLD), BODY),
        (lambda: headers(NEW), BODY + b" "),
        (lambda: headers(NEW, shift=-400), BODY),
        (lambda: headers(NEW, shift=400), BODY),
        (dict, BODY),
        (lambda: {"webhook-id": "dlv_1"}, b""),
    ],
)
def test_whatever_else_is_refused(given, body):
    with pytest.raises(Unauthenticated):
        read_webhook(given(), body, NEW)


@pytest.mark.parametrize("body", [b"[]", b"nothing", b'{"a": 1, "a": 2}'])
def test_what_is_signed_and_no_event_is_refused(body):
    with pytest.raises(InvalidValue):
        read_webhook(headers(NEW, body), body, NEW)

"""Webhooks, as whoever is called reads them: nothing is believed before its signature was checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from interlock.domain.canonical import strict_json
from interlock.domain.signatures import Signed, is_signed, key_of
from interlock.errors import InvalidValue, Unauthenticated


def read_webhook(headers: Mapping[str, str], body: bytes, *secrets: str) -> dict[str, Any]:
    """Return the CloudEvent of a call: https://github.com/cloudevents/spec.

    `source` and `id` name it: who has acted on them before has been called twice, and need not act again.

    Args:
        headers: of the call; small and large letters are the same.
        body: as it came, byte for byte.
        secrets: `whsec_…`: the call is signed by one of them. Two, while one is being changed.

    Raises:
        Unauthenticated: if none of them has signed it, it was changed on the way, or it was sent more than five minutes
            ago or in the future: answer 401, and do nothing.
        InvalidValue: if a secret is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    signed = Signed(*(given.get(name, "") for name in names))
    if not is_signed([key_of(secret) for secret in secrets], signed, body, datetime.now(UTC)):
        raise Unauthenticated(
            "This call was not signed with a secret that is known here, was changed, or is not of now."
        )
    event = strict_json(body)
    if not isinstance(event, dict):
        raise InvalidValue("body", "is no CloudEvent")
    return event

"""How a message stands, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain.delivery import (
    BROKER,
    BUNDLE,
    STANDARD_WEBHOOKS,
    Delivery,
    Failure,
    again,
    begun,
    delivered,
    dropped,
    failed,
)
from interlock.engine.deliverer import LEASE
from interlock.service.deliveries import REFRESH_LATE, REFRESH_SOON, DeliveryWords, delivery_words, refresh_after

AT = datetime(2026, 11, 30, 14, 3, tzinfo=UTC)
NEW = Delivery("default", "dlv_1", "crm", "", "req_1", 1, "opened", AT, AT, "req_1")
REFUSED = Failure("503")


def tried(times, schedule=BROKER):
    one = NEW
    for _ in range(times):
        one = failed(one, AT, REFUSED, schedule)
    return one


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (NEW, ("crm is told next", None)),
        (replace(NEW, due_at=AT + timedelta(hours=9)), ("crm is told later", AT + timedelta(hours=9))),
        (replace(NEW, event=BUNDLE, recipient="mia"), ("mia by crm of this and other requests is told next", None)),
        (
            delivered(replace(NEW, event=BUNDLE, recipient="mia"), AT),
            ("told mia by crm of this and other requests", AT),
        ),
        (again(tried(3), AT), ("crm is told next", None)),
        (delivered(NEW, AT), ("told crm", AT)),
        (delivered(tried(2), AT), ("told crm, third attempt", AT)),
        (delivered(tried(20), AT), ("told crm, attempt 21", AT)),
        (delivered(replace(NEW, recipient="mia@example.com"), AT), ("told mia@example.com by crm", AT)),
        (tried(1), ("could not tell crm so far, one attempt", AT, "503", AT + timedelta(seconds=1))),
        (tried(2), ("could not tell crm so far, 2 attempts", AT, "503", AT + timedelta(seconds=2))),
        (tried(10, STANDARD_WEBHOOKS), ("could not tell crm, given up after 10 attempts", AT, "503")),
        (dropped(NEW, AT, "It is decided."), ("did not tell crm, which was not needed any more", AT, "It is decided.")),
    ],
)
def test_it_is_said_who_was_told_and_when_or_why_not(delivery, words):
    assert delivery_words(delivery) == DeliveryWords(*words)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("those", "after"),
    [
        ([], None),
        ([delivered(NEW, AT), dropped(NEW, AT, "no"), tried(10, STANDARD_WEBHOOKS)], None),
        ([delivered(NEW, AT), NEW], REFRESH_SOON),
        ([begun(NEW, AT, LEASE)], REFRESH_SOON),
        ([replace(NEW, due_at=AT - HOUR)], REFRESH_LATE),
        ([replace(NEW, due_at=AT + HOUR)], HOUR + REFRESH_SOON),
        ([replace(NEW, due_at=AT + HOUR), tried(1)], REFRESH_SOON),
    ],
)
def test_it_is_looked_again_how_messages_stand_about_when_they_go(those, after):
    assert refresh_after(those, AT) == after

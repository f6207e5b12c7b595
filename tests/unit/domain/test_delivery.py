"""When a message is sent, tried again, or given up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.delivery import (
    BROKER,
    LONGEST_ERROR,
    MOST_ATTEMPTS_KEPT,
    STANDARD_WEBHOOKS,
    Attempt,
    Delivery,
    DeliveryState,
    Failure,
    Schedule,
    again,
    begun,
    delivered,
    delivery_id,
    dropped,
    failed,
    postponed,
    waits_for,
)

NOW = datetime(2026, 12, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ONE = Delivery("acme", "dlv_1", "crm", "", "req_1", 3, "opened", NOW, NOW, "req_1")


def test_a_message_is_named_by_what_it_is_about_and_to_whom():
    names = {
        delivery_id(*parts)
        for parts in [
            ("acme", "crm", "", "req_1", 1),
            ("acme", "crm", "", "req_1", 2),
            ("acme", "crm", "", "req_2", 1),
            ("acme", "crm", "mia", "req_1", 1),
            ("acme", "mail", "", "req_1", 1),
            ("other", "crm", "", "req_1", 1),
        ]
    }
    assert len(names) == 6
    assert delivery_id("acme", "crm", "", "req_1", 1) in names


def test_standard_webhooks_are_tried_ten_times_in_75_hours():
    one, times = ONE, []
    while one.due_at is not None:
        times.append(one.due_at - NOW)
        one = failed(one, one.due_at, Failure("no"), STANDARD_WEBHOOKS)
    assert [round(time.total_seconds()) for time in times[:4]] == [0, 5, 305, 2105]
    assert (len(times), times[-1]) == (10, timedelta(hours=75, minutes=35, seconds=5))
    assert (one.state, one.attempts) == (DeliveryState.failed, 10)


@given(st.integers(1, 1_000))
def test_a_broker_that_comes_back_is_tried_within_ten_seconds(attempts):
    assert BROKER.after(attempts) <= 10 * SECOND


@pytest.mark.parametrize(
    ("failure", "wait"),
    [(Failure("no"), 5), (Failure("no", wait=2 * SECOND), 5), (Failure("no", wait=90 * SECOND), 90)],
)
def test_who_asks_to_wait_longer_is_waited_for(failure, wait):
    assert failed(ONE, NOW, failure, STANDARD_WEBHOOKS).due_at == NOW + wait * SECOND


def test_what_never_succeeds_is_not_tried_again():
    end = failed(ONE, NOW, Failure("gone", final=True), BROKER)
    assert (end.state, end.due_at, end.last) == (DeliveryState.failed, None, (Attempt(NOW, "gone"),))
    assert failed(ONE, NOW, Failure("no"), Schedule(())).state is DeliveryState.failed


def test_an_operator_sends_it_again_from_the_beginning():
    ended = failed(replace(ONE, attempts=9), NOW, Failure("no"), STANDARD_WEBHOOKS)
    anew = again(ended, NOW + SECOND)
    assert (ended.state, anew.state) == (DeliveryState.failed, DeliveryState.waiting)
    assert (anew.due_at, anew.last) == (NOW + SECOND, ended.last)
    assert failed(anew, NOW, Failure("no"), STANDARD_WEBHOOKS).due_at == NOW + 5 * SECOND


def test_each_step_is_a_version_and_the_last_attempts_are_kept():
    mine = begun(ONE, NOW, SECOND)
    there = delivered(mine, NOW + SECOND, "m1")
    assert (mine.version, mine.due_at, mine.attempts) == (2, NOW + SECOND, 0)
    assert (there.version, there.due_at, there.attempts, there.reference) == (3, None, 1, "m1")
    assert there.last == (Attempt(NOW + SECOND),)
    assert delivered(again(there, NOW), NOW).reference == "m1"
    off = dropped(mine, NOW, "decided already")
    assert (off.version, off.state, off.due_at, off.attempts) == (3, DeliveryState.dropped, None, 0)
    assert postponed(mine, NOW).version == 3
    long = ONE
    for number in range(25):
        long = failed(long, NOW, Failure(f"{number} " + "x" * 1_000), BROKER)
    assert (len(long.last), long.attempts) == (MOST_ATTEMPTS_KEPT, 25)
    assert long.last[-1].error.startswith("24 ")
    assert len(long.last[-1].error) == LONGEST_ERROR


def test_a_message_waits_for_those_before_it_to_the_same_recipient():
    third = replace(ONE, id="dlv_3", seq=5)
    for other, first in (
        (ONE, False),
        (delivered(ONE, NOW), True),
        (replace(ONE, seq=9), True),
        (replace(ONE, recipient="mia"), True),
        (replace(ONE, stream="req_2"), True),
        (third, True),
    ):
        assert waits_for(third, [other]) == (None if first else other)

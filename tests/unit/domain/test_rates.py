"""So many times in so long: at once, spread out, and never more."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from interlock.domain.rates import Rate


def test_all_at_once_and_then_one_by_one():
    rate, full_at = Rate(3, timedelta(seconds=30)), 0.0
    for _ in range(3):
        full_at, wait = rate.take(full_at, 100.0)
        assert wait == 0
    full_at, wait = rate.take(full_at, 100.0)
    assert wait == 10
    assert rate.take(full_at, 109.0)[1] == 1
    assert rate.take(full_at, 110.0)[1] == 0
    assert rate.take(full_at, 10_000.0) == (10_010.0, 0.0)


@given(st.integers(1, 50), st.integers(1, 100), st.lists(st.floats(0, 5), max_size=200))
def test_in_no_span_is_there_more_than_twice_the_rate_and_who_waits_as_told_is_taken(times, seconds, gaps):
    rate, full_at, now, taken = Rate(times, timedelta(seconds=seconds)), 0.0, 1_000.0, []
    for gap in gaps:
        now += gap
        full_at, wait = rate.take(full_at, now)
        if wait == 0:
            taken.append(now)
        else:
            assert rate.take(full_at, now + wait)[1] == 0
    for begin in taken:
        assert sum(begin <= one < begin + seconds for one in taken) <= 2 * times

"""I4: what cannot be carried out is left for longer each time, and is counted among what is read."""

from interlock.engine.deadlines import Backoff


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_what_is_set_aside_comes_back_after_twice_as_long_each_time():
    clock = Clock()
    backoff = Backoff(clock)
    waits = []
    for _ in range(7):
        backoff.put("req_1")
        began = clock.now
        while "req_1" in backoff:
            clock.now += 1
        waits.append(clock.now - began)
    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_as_many_more_are_read_as_are_set_aside_or_unread():
    clock = Clock()
    backoff = Backoff(clock)
    assert backoff.count == 0
    backoff.put("req_1")
    backoff.put("req_2")
    backoff.unread = 3
    assert backoff.count == 5
    clock.now += 31
    assert backoff.count == 3


def test_what_has_not_been_seen_for_long_is_forgotten():
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(3):
        backoff.put("req_1")
    clock.now += 721
    assert backoff.count == 0
    backoff.put("req_1")
    clock.now += 31
    assert "req_1" not in backoff

"""I4: what cannot be carried out is left for longer each time, and is counted among what is read."""

from interlock.engine.aside import SetAside


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_what_is_set_aside_comes_back_after_twice_as_long_each_time():
    clock = Clock()
    aside = SetAside(clock)
    waits = []
    for _ in range(7):
        aside.put("req_1")
        began = clock.now
        while "req_1" in aside:
            clock.now += 1
        waits.append(clock.now - began)
    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_as_many_more_are_read_as_are_set_aside_or_unread():
    clock = Clock()
    aside = SetAside(clock)
    assert aside.count == 0
    aside.put("req_1")
    aside.put("req_2")
    aside.unread = 3
    assert aside.count == 5
    clock.now += 31
    assert aside.count == 3


def test_what_has_not_been_seen_for_long_is_forgotten():
    clock = Clock()
    aside = SetAside(clock)
    for _ in range(3):
        aside.put("req_1")
    clock.now += 721
    assert aside.count == 0
    aside.put("req_1")
    clock.now += 31
    assert "req_1" not in aside

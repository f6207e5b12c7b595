"""Stored requests are read once for all who look at them, as they are stored, and those that are large each time."""

from dataclasses import replace

import pytest

from interlock.domain.action import Action
from interlock.engine.codec import decode_waiting, encode_request
from interlock.errors import RecordAltered
from interlock.service.decoded import LARGEST_CACHED, request_of, waiting_of
from interlock.testing.samples import Asked, opened


def stored(clock, **changed):
    return encode_request(replace(opened("req_1", clock.at, Asked()).after, **changed))


def test_the_same_bytes_are_read_once_and_others_anew(clock):
    body, other = stored(clock), stored(clock, agent="other")
    assert request_of(body) is request_of(bytes(bytearray(body)))
    assert waiting_of(body) is waiting_of(body) == decode_waiting(body)
    assert request_of(other).agent == "other"
    large = stored(clock, ask=replace(request_of(body).ask, subject=Action("pay", {"to": "x" * LARGEST_CACHED})))
    assert request_of(large) is not request_of(large)
    assert waiting_of(large) is not waiting_of(large)


@pytest.mark.parametrize("read", [request_of, waiting_of])
def test_what_cannot_be_read_is_refused_each_time(read):
    for _ in range(2):
        with pytest.raises(RecordAltered):
            read(b"{}")

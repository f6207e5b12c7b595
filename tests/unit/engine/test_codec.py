"""What is written is read back as it was."""

from datetime import UTC, datetime, timedelta

import pytest

from interlock.domain.action import Verdict
from interlock.domain.canonical import canonical_bytes, read_canonical
from interlock.domain.events import Decided, StepReached, VoteCast
from interlock.domain.request import StandIn, Vote
from interlock.engine.codec import FORMAT, decode_entry, decode_request, encode_entry, encode_request, leaf_hash
from interlock.errors import StoreTooNew
from interlock.testing.samples import ANN, TENANT, opened, then

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)


def decided(on_behalf_of=None):
    request = opened("req_1", AT).after
    behind = () if on_behalf_of is None else (StandIn(0, "zoe", on_behalf_of, AT),)
    vote = VoteCast(Vote("zoe", Verdict.approve, request.digest, 0, AT, "", on_behalf_of))
    passed = StepReached(1, AT + timedelta(hours=1), AT, ("zoe",), stand_ins=behind)
    last = VoteCast(Vote("amy", Verdict.approve, request.digest, 1, AT))
    return then(request, vote, passed, last, Decided("approved", ("zoe", "amy"), "", AT, ("amy",)))


def test_I11_what_another_version_wrote_is_refused():
    """A form that this version does not write is not guessed at."""
    for format_ in (FORMAT - 1, FORMAT + 1):
        written, _ = encode_entry(TENANT, "req_1", 1, AT, ANN, opened("req_1", AT).events[0])
        other = canonical_bytes(read_canonical(written) | {"format": format_})
        with pytest.raises(StoreTooNew, match=f"format {format_}; this version reads {FORMAT}"):
            decode_entry("1", other, leaf_hash(other))


def test_I11_who_voted_for_whom_is_written_and_read_back():
    change = decided("mia")
    assert decode_request(encode_request(change.after)) == change.after
    for event in change.events:
        body, leaf = encode_entry(TENANT, "req_1", 3, AT, ANN, event)
        assert decode_entry("1", body, leaf).event == event
    assert change.after.stand_in_of(0, "zoe") == StandIn(0, "zoe", "mia", AT)

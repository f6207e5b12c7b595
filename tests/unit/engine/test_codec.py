"""What earlier versions wrote is read as it was meant."""

import json
from datetime import UTC, datetime, timedelta

from interlock.domain.action import Verdict
from interlock.domain.canonical import canonical_bytes, read_canonical
from interlock.domain.events import Decided, StepReached, VoteCast
from interlock.domain.lifecycle import fold
from interlock.domain.request import StandIn, Vote
from interlock.engine.codec import decode_entry, decode_request, encode_entry, encode_request, leaf_hash
from interlock.testing.samples import ANN, TENANT, opened, then

AT = datetime(2026, 11, 2, 9, tzinfo=UTC)
NEW = {"on_behalf_of", "stand_ins"}  # since a person may vote for another
NEW |= {"ask", "approvals", "step_asks", "step_approvals", "eligible_as"}  # since the log says whom a step asks


def without(value):
    """Return a value as it was written before these keys were there."""
    if isinstance(value, dict):
        return {key: without(item) for key, item in value.items() if key not in NEW}
    return [without(item) for item in value] if isinstance(value, list) else value


def decided(on_behalf_of=None):
    request = opened("req_1", AT).after
    behind = () if on_behalf_of is None else (StandIn(0, "zoe", on_behalf_of, AT),)
    vote = VoteCast(Vote("zoe", Verdict.approve, request.digest, 0, AT, "", on_behalf_of))
    passed = StepReached(1, AT + timedelta(hours=1), AT, ("zoe",), stand_ins=behind)
    last = VoteCast(Vote("amy", Verdict.approve, request.digest, 1, AT))
    return then(request, vote, passed, last, Decided("approved", ("zoe", "amy"), "", AT, ("amy",)))


def test_I11_a_request_and_a_log_from_before_delegation_are_read_as_they_were_meant():
    change = decided()
    body = json.dumps(without(json.loads(encode_request(change.after))))
    assert decode_request(body) == change.after
    events = []
    for seq, event in enumerate((*opened("req_1", AT).events, *change.events), start=1):
        written, _ = encode_entry(TENANT, "req_1", seq, AT, ANN, event)
        old = canonical_bytes(without(read_canonical(written)))
        assert not any(f'"{key}":'.encode() in old for key in NEW)
        events.append(decode_entry(str(seq), old, leaf_hash(old)).event)
    assert fold(events) == change.after


def test_I11_who_voted_for_whom_is_written_and_read_back():
    change = decided("mia")
    assert decode_request(encode_request(change.after)) == change.after
    for event in change.events:
        body, leaf = encode_entry(TENANT, "req_1", 3, AT, ANN, event)
        assert decode_entry("1", body, leaf).event == event
    assert change.after.stand_in_of(0, "zoe") == StandIn(0, "zoe", "mia", AT)

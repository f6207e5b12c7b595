"""Who is told, when and by which way: pure rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.domain import collaboration, events
from interlock.domain.authority import Delegation, Directory
from interlock.domain.notice_choice import NoticeChoice, Way, checked_choice, mail_address
from interlock.domain.notices import WAITS_FOR_THEM, Occasion, after_quiet_hours, braked, due_of, occasion_of, told_by
from interlock.errors import InvalidValue
from interlock.testing.samples import opened

AT = datetime(2026, 11, 30, 21, 30, tzinfo=UTC)  # 22:30 in Berlin
PEOPLE = Directory({"managers": frozenset({"mia", "noah", "agent:bot"}), "chiefs": frozenset({"olga"})})
BERLIN = NoticeChoice({"mail": Way("digest", "08:15"), "slack": Way("never")}, "Europe/Berlin", ("22:00", "07:00"))


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_at_once_digest_and_never_each_have_their_moment():
    assert due_of(NoticeChoice(), "mail", AT, Occasion.asked) == (AT, "")
    assert due_of(BERLIN, "slack", AT, Occasion.asked) is None
    assert due_of(BERLIN, "mail", AT, Occasion.asked) == (at("2026-12-01T07:15"), "digest 2026-12-01T07:15:00+00:00")
    assert due_of(BERLIN, "mail", at("2026-12-01T07:15"), Occasion.asked).at == at("2026-12-02T07:15"), (
        "the one of this minute is out"
    )
    assert due_of(BERLIN, "chat", AT, Occasion.asked) == (at("2026-12-01T06:00"), ""), "after the quiet hours"


@pytest.mark.parametrize("occasion", sorted({*Occasion} - WAITS_FOR_THEM))
def test_what_no_digest_lists_comes_by_itself(occasion):
    assert due_of(BERLIN, "mail", AT, occasion) == (at("2026-12-01T06:00"), "")


@pytest.mark.parametrize(
    ("quiet", "now", "told"),
    [
        (("22:00", "07:00"), "2026-11-30T20:59", "2026-11-30T20:59"),
        (("22:00", "07:00"), "2026-11-30T21:00", "2026-12-01T06:00"),
        (("22:00", "07:00"), "2026-12-01T05:59", "2026-12-01T06:00"),
        (("22:00", "07:00"), "2026-12-01T06:00", "2026-12-01T06:00"),
        (("12:00", "13:00"), "2026-12-01T11:30", "2026-12-01T12:00"),
        (("12:00", "13:00"), "2026-12-01T12:00", "2026-12-01T12:00"),
        (("01:00", "02:30"), "2026-03-29T00:30", "2026-03-29T01:30"),  # that night has no 02:30
        (("22:00", "07:00"), "2026-10-24T21:00", "2026-10-25T06:00"),  # that night has an hour more
    ],
)
def test_quiet_hours_are_those_of_the_persons_own_clock(quiet, now, told):
    assert after_quiet_hours(NoticeChoice({}, "Europe/Berlin", quiet), at(now)) == at(told)


@given(st.integers(0, 86_399), st.integers(0, 1439), st.integers(1, 1439), st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_quiet_hours_end_within_a_day_and_are_over_then(seconds, begins, length, zone):
    clock = tuple(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (begins, (begins + length) % 1440))
    choice, now = NoticeChoice({}, zone, clock), AT + timedelta(seconds=seconds)
    told = after_quiet_hours(choice, now)
    assert now <= told <= now + timedelta(days=1)
    assert after_quiet_hours(choice, told) == told


def test_a_zone_that_this_machine_does_not_know_keeps_nobody_from_a_message():
    assert due_of(replace(BERLIN, zone="Mars/Olympus"), "mail", AT, Occasion.asked).at == at("2026-12-01T08:15")


def test_too_many_become_one_at_the_next_full_hour_or_when_quiet_hours_end():
    assert braked(AT, AT) == (at("2026-11-30T22:00"), "flood 2026-11-30T22:00:00+00:00")
    assert braked(at("2026-12-01T06:00"), AT).at == at("2026-12-01T06:00")
    assert braked(at("2026-11-30T22:00"), at("2026-11-30T22:00")).at == at("2026-11-30T23:00")


def told(event, *, can_vote=("mia", "noah", "agent:bot"), before=(), request=None):
    return told_by(event, request or opened("req_1", AT).after, PEOPLE, can_vote, before)


def test_each_occasion_tells_those_whom_it_concerns_and_no_agent():
    request, asks = opened("req_1", AT).after, ("group:chiefs", "person:zoe")
    assert told(events.StepReached(0, AT, AT)) == told(events.Reminded(0, AT)) == ("mia", "noah")
    assert told(events.Escalated(0, asks, None, AT), can_vote=("mia", "olga", "zoe")) == ("olga", "zoe")
    assert told(events.Delegated("mia", "Zoe", "", AT), can_vote=("noah", "zoe")) == ("zoe",)
    assert told(events.Delegated("mia", "zoe", "", AT)) == (), "who may not vote is not asked to"
    ended = events.Decided("approved", ("Noah",), "", AT)
    assert told(ended, before=("mia", "noah")) == ("mia",), "not who decided"
    assert (
        told(events.Withdrawn("", None, AT), before=("mia",)) == told(events.Expired(AT), before=("mia",)) == ("mia",)
    )
    assert told(events.Withdrawn("", None, AT, "Noah"), before=("mia", "noah")) == ("mia",), "not who withdrew it"
    assert told(events.Opened) == told(events.Reserved("mia", AT, AT)) == ()
    asked = collaboration.Clarification(1, "mia", "why?", AT)
    request = replace(request, initiator="Ruth", clarifications=(asked,))
    assert told(collaboration.AskedBack(1, "mia", "why?", AT), request=request) == ("ruth",)
    assert told(collaboration.Clarified(1, "ruth", "so", AT), request=request) == ("mia",)
    for_nobody = replace(request, initiator="agent:bot")
    assert told(collaboration.AskedBack(1, "mia", "why?", AT), request=for_nobody) == ()


def test_a_delegate_of_somebody_who_is_asked_now_is_asked_as_well():
    people = replace(PEOPLE, delegations=(Delegation("olga", "zoe", None),), disabled=frozenset({"olga"}))
    event = events.Escalated(0, ("group:chiefs",), None, AT)
    assert told_by(event, opened("req_1", AT).after, people, ("mia", "zoe", "olga"), ()) == ("zoe",)


def test_what_was_changed_is_asked_as_changed():
    request = opened("req_1", AT).after
    assert occasion_of(events.StepReached(0, AT, AT), request) is Occasion.asked
    changed = replace(request, edition=replace(request.edition, author="mia"))
    assert occasion_of(events.StepReached(0, AT, AT), changed) is Occasion.changed
    assert occasion_of(events.VoteCast, request) is None


def test_only_a_whole_address_is_one():
    assert mail_address(["local:me", "mia@example.com"]) == "mia@example.com"
    for bad in (
        *("mia", "mia@", "@example.com", "mia@example", "a b@example.com", "<m@example.com>", "m@example.com\n"),
        *(
            "mia@example.com,noah@example.com",
            "mia@exa\u202emple.com",
            "m@" + "a" * 250 + ".com",
            "m@x.com\r\nBcc: a@b.c",
        ),
    ):
        assert mail_address([bad]) is None, bad


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (NoticeChoice({}, "Mars/Olympus"), "zone"),
        (NoticeChoice({}, "UTC", ("22:00", "22:00")), "quiet"),
        (NoticeChoice({}, "UTC", ("22:00", "7")), "quiet"),
        (NoticeChoice({"mail": Way("digest", "24:00")}), "digest_at"),
        (NoticeChoice({"mail": Way(address="mia")}), "address"),
        (NoticeChoice({"phone": Way()}), "ways"),
        (NoticeChoice({f"mail{one}": Way() for one in range(51)}), "ways"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_field(choice, field):
    with pytest.raises(InvalidValue) as refused:
        checked_choice(choice, ["mail"])
    assert refused.value.path == field
    assert checked_choice(BERLIN) is BERLIN

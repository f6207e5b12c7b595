# ruff: noqa: E501 - one story is one line; a test is named after the invariant that it guards
"""Policies as stories: what is asked, who says what and when, and what comes of it.

A story is one row: the policy, what is asked, the moves, and the state at the end. `!` before a person's name says that
the vote is refused, with the code of the refusal.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.model.rules import AGENT, Bench
from tests.unit.domain.story_moves import (
    ASK,
    AT_WORK,
    DAY,
    DRAFT,
    FIFTY,
    FINANCE,
    FIVE,
    FOUR_EYES,
    HANDED_ON,
    HELD,
    HELD_TWO,
    HOURS,
    IAN,
    LOCAL,
    MANAGERS,
    MIA,
    NAMED,
    NOAH,
    OFFICE,
    OLGA,
    OPEN,
    PATIENT,
    PATIENT_AT_WORK,
    PEOPLE,
    PETE,
    PURCHASES,
    QUINN,
    REASONS,
    ROLE,
    RUTH,
    SHORT,
    TWO,
    TWO_REJECT,
    ZOE,
    Claim,
    Extends,
    Loses,
    Names,
    On,
    Sweep,
    TakesBack,
    Unvotes,
    Vote,
    Withdraws,
    begins,
    buy,
    edit,
    no,
    play,
    steps,
    wait,
)

from interlock.domain.action import Action, Draft, Subject, Verdict
from interlock.domain.commands import CastVote
from interlock.domain.events import VoteCast
from interlock.domain.policy import Policy, Step
from interlock.domain.request import StandIn
from interlock.errors import InterlockError
from interlock.testing.people import principal

FRIDAY = On(6, "16:00")

STORIES: list[tuple[str, Policy, Subject, list[Any], str]] = [
    # ── levels ──
    ("petty cash is approved by the rule", PURCHASES, buy("999.99"), [], "approved/none"),
    ("at the limit people are asked", PURCHASES, buy("1000"), [], "open/none"),
    ("a manager and finance", PURCHASES, FIVE, [Vote(MIA), Vote(PETE)], "approved/none"),
    ("a manager alone is not enough", PURCHASES, FIVE, [Vote(MIA)], "open/none"),
    ("finance before the manager", PURCHASES, FIVE, [Vote(PETE, refused="forbidden"), Vote(MIA)], "open/none"),
    ("a manager twice is no finance", PURCHASES, FIVE, [Vote(MIA), Vote(NOAH, refused="forbidden")], "open/none"),
    (
        "manager, two of finance, director",
        PURCHASES,
        FIFTY,
        [Vote(MIA), Vote(PETE), Vote(RUTH), Vote(OLGA)],
        "approved/none",
    ),
    ("one of finance is not two", PURCHASES, FIFTY, [Vote(MIA), Vote(PETE), Vote(OLGA, refused="forbidden")], "open/none"),
    ("a director who objects ends it", PURCHASES, FIFTY, [Vote(MIA), Vote(PETE), Vote(RUTH), no(OLGA)], "rejected/none"),
    # ── quorum ──
    ("two distinct people", steps(TWO), FIVE, [Vote(PETE), Vote(QUINN)], "approved/none"),
    ("one person twice is one", steps(TWO), FIVE, [Vote(PETE), Vote(PETE)], "open/none"),
    ("in capitals it is the same person", steps(TWO), FIVE, [Vote(PETE), Vote("PETE@Example.COM")], "open/none"),
    ("in wide letters too", steps(TWO), FIVE, [Vote(PETE), Vote("\uff50ete@example.com")], "open/none"),
    ("with a zero-width space too", steps(TWO), FIVE, [Vote(PETE), Vote("pe\u200bte@example.com")], "open/none"),
    (
        "an alias is the same person",
        steps(Step(("group:managers",), approvals=2)),
        FIVE,
        [Vote(MIA), Vote("slack:U7"), Vote("Mia.Lee@example.com")],
        "open/none",
    ),
    ("two rejections are wanted, one is there", steps(TWO_REJECT), FIVE, [no(PETE)], "open/none"),
    ("two rejections", steps(TWO_REJECT), FIVE, [no(PETE), no(QUINN)], "rejected/none"),
    ("one person rejects twice", steps(TWO_REJECT), FIVE, [no(PETE), no(PETE, "again")], "open/none"),
    ("one rejects, one approves", steps(TWO_REJECT), FIVE, [no(PETE), Vote(QUINN)], "approved/none"),
    (
        "out of reach",
        steps(Step(("group:finance",), approvals=3, rejections=2)),
        FIVE,
        [Vote(PETE), no(QUINN)],
        "rejected/none",
    ),
    (
        "who left and objected is not counted twice",
        steps(Step(("group:finance",), approvals=2, rejections=2)),
        FIVE,
        [no(PETE), Loses("finance", PETE), Vote(QUINN)],
        "open/none",
    ),
    ("a role", steps(ROLE), FIVE, [Vote(PETE, refused="forbidden"), Vote(RUTH)], "approved/none"),
    ("a person by name, or a group", steps(NAMED), FIVE, [Vote("slack:u7")], "approved/none"),
    ("nobody local holds a role in a company", steps(ROLE), FIVE, [Vote("local:ruth", refused="forbidden")], "open/none"),
    # ── a vote changed ──
    ("approve becomes reject", steps(TWO), FIVE, [Vote(PETE), no(PETE)], "rejected/none"),
    ("reject becomes approve", steps(replace(TWO, rejections=2)), FIVE, [no(PETE), Vote(PETE), Vote(RUTH)], "approved/none"),
    ("after the outcome it is too late to change", steps(ROLE), FIVE, [Vote(RUTH), Vote(RUTH, "reject", refused="closed")], "approved/none"),
    # ── who may not ──
    ("whoever started it", PURCHASES, FIVE, [Vote(IAN, refused="forbidden")], "open/none"),
    ("by an alias", PURCHASES, FIVE, [Vote("Ian.Old@example.com", refused="forbidden")], "open/none"),
    ("by a letter's case", PURCHASES, FIVE, [Vote("IAN@EXAMPLE.COM ", refused="forbidden")], "open/none"),
    ("on a laptop it may", LOCAL, FIVE, [Vote(IAN), Vote(PETE)], "approved/none"),
    ("the agent's own name", LOCAL, FIVE, [Vote(AGENT, refused="forbidden")], "open/none"),
    # ── time ──
    ("a second before the deadline", PURCHASES, FIVE, [wait(hours=4, seconds=-1), Vote(MIA)], "open/none"),
    ("at the deadline exactly", PURCHASES, FIVE, [wait(hours=4), Vote(MIA, refused="too_late")], "open/none"),
    ("nobody answers", PURCHASES, FIVE, [wait(hours=4), Sweep()], "expired/none"),
    ("the sweep comes early", PURCHASES, FIVE, [wait(hours=3), Sweep(refused="too_early")], "open/none"),
    ("each step has its own time", PURCHASES, FIVE, [wait(hours=3), Vote(MIA), wait(hours=23), Vote(PETE)], "approved/none"),
    ("half of it is not enough", PURCHASES, FIFTY, [Vote(MIA), Vote(PETE), DAY, Sweep()], "expired/none"),
    ("expired is final", PURCHASES, FIVE, [wait(hours=4), Sweep(), Vote(MIA, refused="closed")], "expired/none"),
    # ── reminders, escalation, more time ──
    ("no reminder before its time", steps(PATIENT), FIVE, [wait(minutes=59), Sweep(refused="too_early")], "open/none"),
    ("a reminder changes nothing", steps(PATIENT), FIVE, [wait(hours=1), Sweep(), Vote(OLGA, refused="forbidden"), Vote(MIA)], "approved/none"),
    ("one reminder, not two", steps(PATIENT), FIVE, [wait(hours=1), Sweep(), Sweep(refused="too_early")], "open/none"),
    ("before the escalation a director may not", steps(PATIENT), FIVE, [wait(hours=2), Vote(OLGA, refused="forbidden")], "open/none"),
    ("after it a director may", steps(PATIENT), FIVE, [wait(hours=2), Sweep(), Vote(OLGA)], "approved/none"),
    ("and a manager still may", steps(PATIENT), FIVE, [wait(hours=2), Sweep(), Vote(MIA)], "approved/none"),
    ("whoever started it may not, escalated or not", steps(PATIENT), FIVE, [wait(hours=2), Sweep(), Vote(IAN, refused="forbidden")], "open/none"),
    ("an escalation leaves the deadline", steps(PATIENT), FIVE, [wait(hours=2), Sweep(), wait(hours=2), Vote(OLGA, refused="too_late"), Sweep()], "expired/none"),
    ("an outage of the sweep: too late to escalate", steps(PATIENT), FIVE, [wait(hours=5), Sweep()], "expired/none"),
    ("each of two counts, one of them escalated to", steps(replace(PATIENT, approvals=2)), FIVE, [Vote(MIA), wait(hours=2), Sweep(), Vote(OLGA)], "approved/none"),
    ("who was escalated to lost the role before the effect", steps(PATIENT), FIVE, [wait(hours=2), Sweep(), Vote(OLGA), Loses("directors", OLGA), Claim()], "approved/lapsed"),
    ("who was escalated to has it still", steps(PATIENT), FIVE, [wait(hours=2), Sweep(), Vote(OLGA), Claim()], "approved/claimed"),
    ("a step ends with its escalation", steps(PATIENT, FINANCE), FIVE, [wait(hours=2), Sweep(), Vote(OLGA), Vote(OLGA, refused="forbidden"), Vote(PETE)], "approved/none"),
    ("an edit begins again with those first asked", steps(PATIENT), FIVE, [wait(hours=2), Sweep(), edit(OLGA, buy("1")), Vote(OLGA, refused="forbidden"), Vote(MIA)], "approved/none"),
    ("too few now, enough when it escalates", steps(replace(PATIENT, approvals=2, rejections=2)), FIVE, [no(NOAH), Vote(MIA), wait(hours=2), Sweep(), Vote(OLGA)], "approved/none"),
    ("the deadline hands it on", steps(HANDED_ON), FIVE, [wait(hours=4), Vote(OLGA, refused="too_late"), Sweep(), Vote(OLGA)], "approved/none"),
    ("handed on with as long again", steps(HANDED_ON), FIVE, [wait(hours=4), Sweep(), wait(hours=4, seconds=-1), Vote(OLGA)], "approved/none"),
    ("handed on once, then it expires", steps(HANDED_ON), FIVE, [wait(hours=4), Sweep(), wait(hours=4), Sweep()], "expired/none"),
    ("a vote in time counts after it is handed on", steps(replace(HANDED_ON, approvals=2)), FIVE, [Vote(MIA), wait(hours=4), Sweep(), Vote(OLGA)], "approved/none"),
    # ── business hours ──
    begins(FRIDAY, AT_WORK, "Friday at four, four hours: until Tuesday noon, as Monday is a holiday", [On(10, "11:59:59"), Vote(MIA)], "approved/none"),
    begins(FRIDAY, AT_WORK, "Tuesday noon is too late", [On(10, "12:00"), Vote(MIA, refused="too_late"), Sweep()], "expired/none"),
    begins(FRIDAY, AT_WORK, "who votes at the weekend votes", [On(7, "22:00"), Sweep(refused="too_early"), Vote(MIA)], "approved/none"),
    begins(On(13, "16:00"), AT_WORK, "Friday at four, four hours: until Monday noon", [On(16, "11:59:59"), Vote(MIA)], "approved/none"),
    begins(On(13, "16:00"), AT_WORK, "Monday noon is too late", [On(16, "12:00"), Sweep()], "expired/none"),
    begins(On(6, "23:00"), AT_WORK, "asked at night, its time begins at nine", [On(10, "12:59:59"), Sweep(refused="too_early"), On(10, "13:00"), Sweep()], "expired/none"),
    begins(On(9, "10:00"), AT_WORK, "asked on a holiday", [On(10, "12:59:59"), Sweep(refused="too_early"), On(10, "13:00"), Sweep()], "expired/none"),
    begins(On(6, "13:00"), AT_WORK, "due as the office closes", [On(6, "16:59:59"), Sweep(refused="too_early"), On(6, "17:00"), Sweep()], "expired/none"),
    begins(On(6, "09:00"), replace(AT_WORK, within=timedelta(days=1)), "a day of open time is three days", [On(11, "16:59:59"), Sweep(refused="too_early"), On(11, "17:00"), Sweep()], "expired/none"),
    begins(FRIDAY, PATIENT_AT_WORK, "reminders come in open time", [On(6, "17:00"), Sweep(), On(10, "09:59:59"), Sweep(refused="too_early")], "open/none"),
    begins(FRIDAY, PATIENT_AT_WORK, "no escalation before its open time", [On(10, "09:59:59"), Sweep(), Vote(OLGA, refused="forbidden")], "open/none"),
    begins(FRIDAY, PATIENT_AT_WORK, "an escalation after its open time", [On(10, "10:00"), Sweep(), Vote(OLGA)], "approved/none"),
    begins(FRIDAY, replace(HANDED_ON, calendar=OFFICE), "handed on for as much open time again", [On(10, "12:00"), Sweep(), On(10, "15:59:59"), Vote(OLGA)], "approved/none"),
    begins(FRIDAY, replace(HANDED_ON, calendar=OFFICE), "handed on in open time, it expires in the end", [On(10, "12:00"), Sweep(), On(10, "16:00"), Sweep()], "expired/none"),
    begins(On(6, "13:00"), AT_WORK, "more time is open time too", [On(6, "16:30"), Extends(NOAH), On(10, "10:59:59"), Vote(MIA)], "approved/none"),
    begins(On(6, "13:00"), AT_WORK, "more open time ends, too", [On(6, "16:30"), Extends(NOAH), On(10, "11:00"), Sweep()], "expired/none"),
    begins(On(6, "13:00"), AT_WORK, "too much more open time", [Extends(NOAH, timedelta(days=8), refused="invalid_value"), Extends(NOAH, timedelta(days=6))], "open/none"),
    begins(FRIDAY, AT_WORK, "an approval goes stale by the clock, closed or not", [On(6, "16:30"), Vote(MIA), On(6, "17:31"), Claim()], "approved/lapsed", answer_expires=timedelta(hours=1)),
    # ── more time ──
    ("more time", steps(MANAGERS), FIVE, [Extends(NOAH), wait(hours=5), Vote(MIA)], "approved/none"),
    ("more time ends, too", steps(MANAGERS), FIVE, [Extends(NOAH), wait(hours=6), Vote(MIA, refused="too_late"), Sweep()], "expired/none"),
    ("more time without a reason", steps(MANAGERS), FIVE, [Extends(NOAH, reason=" ", refused="reason_missing")], "open/none"),
    ("more time from somebody who may not decide", steps(MANAGERS), FIVE, [Extends(PETE, refused="forbidden")], "open/none"),
    ("more time from whoever started it", steps(MANAGERS), FIVE, [Extends(IAN, refused="forbidden")], "open/none"),
    ("more time from the agent", steps(MANAGERS), FIVE, [Extends(AGENT, refused="forbidden")], "open/none"),
    ("more time when it is over", steps(MANAGERS), FIVE, [wait(hours=4), Extends(NOAH, refused="too_late")], "open/none"),
    ("too much more time", steps(MANAGERS), FIVE, [Extends(NOAH, timedelta(days=31), refused="invalid_value")], "open/none"),
    # ── nobody needs to decide any more ──
    ("withdrawn by whoever started it", PURCHASES, FIVE, [Withdraws(IAN), Vote(MIA, refused="closed")], "withdrawn/none"),
    ("by an alias of theirs", PURCHASES, FIVE, [Withdraws("Ian.Old@example.com")], "withdrawn/none"),
    ("in its second step", PURCHASES, FIVE, [Vote(MIA), Withdraws(IAN)], "withdrawn/none"),
    ("withdrawn by who was asked", PURCHASES, FIVE, [Withdraws(MIA, refused="forbidden"), Vote(MIA)], "open/none"),
    ("withdrawn by a stranger", PURCHASES, FIVE, [Withdraws(ZOE, refused="forbidden")], "open/none"),
    ("withdrawn without a reason", PURCHASES, FIVE, [Withdraws(IAN, " ", refused="reason_missing")], "open/none"),
    ("withdrawn when it was decided", PURCHASES, FIVE, [no(MIA), Withdraws(IAN, refused="closed")], "rejected/none"),
    ("withdrawn twice", PURCHASES, FIVE, [Withdraws(IAN), Withdraws(IAN, refused="closed")], "withdrawn/none"),
    ("withdrawn when the time is over", PURCHASES, FIVE, [wait(hours=4), Withdraws(IAN, refused="too_late"), Sweep()], "expired/none"),
    ("withdrawn by a person while it is held", steps(HELD), FIVE, [Vote(MIA), wait(seconds=9), Withdraws(IAN), wait(seconds=1), Sweep(refused="closed")], "withdrawn/none"),
    ("withdrawn when the hold is over", steps(HELD), FIVE, [Vote(MIA), wait(seconds=10), Withdraws(IAN, refused="too_late"), Sweep()], "approved/none"),
    ("nothing is carried out of what was withdrawn", PURCHASES, FIVE, [Withdraws(IAN), Claim(refused="effect_refused")], "withdrawn/none"),
    # ── one for another ──
    ("a delegate votes for a manager", PURCHASES, FIVE, [Names(MIA, ZOE), Vote(ZOE), Vote(PETE)], "approved/none"),
    ("under another spelling of either", PURCHASES, FIVE, [Names("slack:U7", "ZOE@Example.com"), Vote("Zoe@example.com "), Vote(PETE)], "approved/none"),
    ("nobody has named her", PURCHASES, FIVE, [Vote(ZOE, refused="forbidden")], "open/none"),
    ("she was named by somebody who is not asked", PURCHASES, FIVE, [Names(OLGA, ZOE), Vote(ZOE, refused="forbidden")], "open/none"),
    ("not before it begins", steps(MANAGERS), FIVE, [Names(MIA, ZOE, since=HOURS[2]), wait(hours=2, seconds=-1), Vote(ZOE, refused="forbidden")], "open/none"),
    ("from its beginning", steps(MANAGERS), FIVE, [Names(MIA, ZOE, since=HOURS[2]), wait(hours=2), Vote(ZOE)], "approved/none"),
    ("a second before its end", steps(MANAGERS), FIVE, [Names(MIA, ZOE, HOURS[2]), wait(hours=2, seconds=-1), Vote(ZOE)], "approved/none"),
    ("at its end exactly", steps(MANAGERS), FIVE, [Names(MIA, ZOE, HOURS[2]), wait(hours=2), Vote(ZOE, refused="forbidden")], "open/none"),
    ("who is asked votes once, for himself", steps(replace(MANAGERS, approvals=2)), FIVE, [Names(MIA, NOAH), Vote(NOAH), Vote(NOAH), Vote(NOAH, comment="for Mia")], "open/none"),
    ("and the other votes herself", steps(replace(MANAGERS, approvals=2)), FIVE, [Names(MIA, NOAH), Vote(NOAH), Vote(MIA)], "approved/none"),
    ("a delegate of two is one person", steps(TWO), FIVE, [Names(PETE, ZOE), Names(QUINN, ZOE), Vote(ZOE), Vote(ZOE), Vote(ZOE, comment="again")], "open/none"),
    ("two delegates of one are one vote", steps(TWO), FIVE, [Names(PETE, ZOE), Names(PETE, OLGA), Vote(ZOE), Vote(OLGA, refused="forbidden")], "open/none"),
    ("both of them and her own are one vote", steps(TWO), FIVE, [Names(PETE, ZOE), Vote(ZOE), Vote(PETE)], "open/none"),
    ("who has voted needs no delegate", steps(TWO), FIVE, [Names(PETE, ZOE), Vote(PETE), Vote(ZOE, refused="forbidden")], "open/none"),
    ("her own word goes before her delegate's", steps(TWO_REJECT), FIVE, [Names(PETE, ZOE), no(ZOE), Vote(PETE)], "approved/none"),
    ("a delegate and another", steps(TWO), FIVE, [Names(PETE, ZOE), Vote(ZOE), Vote(QUINN)], "approved/none"),
    ("two delegates of two", steps(TWO), FIVE, [Names(PETE, ZOE), Names(QUINN, OLGA), Vote(ZOE), Vote(OLGA)], "approved/none"),
    ("each for the other, in their absence", steps(TWO), FIVE, [Names(PETE, QUINN), Names(QUINN, PETE), Vote(PETE), Vote(PETE)], "open/none"),
    ("a delegate's delegate", PURCHASES, FIVE, [Names(MIA, OLGA), Names(OLGA, ZOE), Vote(ZOE, refused="forbidden")], "open/none"),
    ("a delegate objects", PURCHASES, FIVE, [Names(MIA, ZOE), no(ZOE)], "rejected/none"),
    ("a delegate thinks again", steps(replace(TWO, rejections=2)), FIVE, [Names(PETE, ZOE), no(ZOE), Vote(ZOE), Vote(QUINN)], "approved/none"),
    ("against it for another: out of reach", steps(Step(("group:finance",), approvals=3, rejections=2)), FIVE, [Names(PETE, ZOE), no(ZOE)], "rejected/none"),
    ("whoever started it names somebody", PURCHASES, FIVE, [Names(IAN, ZOE), Vote(ZOE, refused="forbidden")], "open/none"),
    ("whoever started it is named", steps(FINANCE), FIVE, [Names(PETE, "Ian.Old@example.com"), Vote(IAN, refused="forbidden")], "open/none"),
    ("on a laptop either may", replace(LOCAL, levels=steps(FINANCE).levels), FIVE, [Names(PETE, IAN), Vote(IAN)], "approved/none"),
    ("the agent is named", steps(FINANCE), FIVE, [Names(PETE, AGENT), Vote(AGENT, refused="forbidden")], "open/none"),
    ("who changed it, through a delegate", steps(MANAGERS, four_eyes=True), FIVE, [Names(MIA, ZOE), edit(MIA, buy("6000")), Vote(ZOE, refused="forbidden"), Vote(NOAH)], "approved/none"),
    ("who changed it, as a delegate", steps(FINANCE, four_eyes=True), FIVE, [edit(PETE, buy("6000")), Names(QUINN, PETE), Loses("finance", PETE), Vote(PETE, refused="forbidden")], "open/none"),
    ("a change for another is of both of them", steps(MANAGERS, four_eyes=True), FIVE, [Names(MIA, ZOE), edit(ZOE, buy("6000")), Vote(ZOE, refused="forbidden"), Vote(MIA, refused="forbidden"), Vote(NOAH)], "approved/none"),
    ("a change for another counts without four eyes", steps(MANAGERS), FIVE, [Names(MIA, ZOE), edit(ZOE, buy("6000"))], "approved/none"),
    ("a condition on the delegate", steps(replace(MANAGERS, where="reviewer.id != 'zoe@example.com'")), FIVE, [Names(MIA, ZOE), Vote(ZOE, refused="forbidden")], "open/none"),
    ("a condition on the other", steps(replace(MANAGERS, where="reviewer.id != 'mia@example.com'")), FIVE, [Names(MIA, ZOE), Vote(ZOE, refused="forbidden")], "open/none"),
    ("a condition that both fulfil", steps(replace(MANAGERS, where="reviewer.id != initiator.id")), FIVE, [Names(MIA, ZOE), Vote(ZOE)], "approved/none"),
    ("before the escalation, for a director", steps(PATIENT), FIVE, [Names(OLGA, ZOE), Vote(ZOE, refused="forbidden")], "open/none"),
    ("after it, for a director", steps(PATIENT), FIVE, [Names(OLGA, ZOE), wait(hours=2), Sweep(), Vote(ZOE)], "approved/none"),
    ("a delegate gives no more time", steps(MANAGERS), FIVE, [Names(MIA, ZOE), Extends(ZOE, refused="forbidden")], "open/none"),
    ("taken back before its use", steps(MANAGERS), FIVE, [Names(MIA, ZOE), Vote(ZOE), TakesBack(MIA), Claim()], "approved/lapsed"),
    ("ended before its use, as was said", steps(MANAGERS), FIVE, [Names(MIA, ZOE, HOURS[1]), Vote(ZOE), wait(hours=3), Claim()], "approved/claimed"),
    ("shortened afterwards to before the vote", steps(MANAGERS), FIVE, [Names(MIA, ZOE, HOURS[3]), wait(hours=2), Vote(ZOE), TakesBack(MIA), Names(MIA, ZOE, HOURS[1]), Claim()], "approved/lapsed"),
    ("the other left before its use", steps(MANAGERS), FIVE, [Names(MIA, ZOE), Vote(ZOE), Loses("managers", MIA), Claim()], "approved/lapsed"),
    ("the other left before the vote", steps(MANAGERS), FIVE, [Names(MIA, ZOE), Loses("managers", MIA), Vote(ZOE, refused="forbidden")], "open/none"),
    ("a delegate in two steps for two", PURCHASES, FIVE, [Names(MIA, ZOE), Names(PETE, ZOE), Vote(ZOE), Vote(ZOE), Claim()], "approved/claimed"),
    ("one of the two is taken back", PURCHASES, FIVE, [Names(MIA, ZOE), Names(PETE, ZOE), Vote(ZOE), Vote(ZOE), TakesBack(MIA), Claim()], "approved/lapsed"),
    ("taken back while it is open", steps(TWO), FIVE, [Names(PETE, ZOE), Vote(ZOE), TakesBack(PETE), Vote(QUINN)], "open/none"),
    ("then somebody else may be named", steps(TWO), FIVE, [Names(PETE, ZOE), Vote(ZOE), TakesBack(PETE), Names(PETE, OLGA), Vote(OLGA), Vote(QUINN)], "approved/none"),
    ("taken back, and given again from later on", steps(TWO), FIVE, [Names(PETE, ZOE), Vote(ZOE), TakesBack(PETE), Names(PETE, ZOE, since=HOURS[1]), wait(hours=1), Vote(QUINN), Vote(ZOE)], "approved/none"),
    ("ended while it is open", steps(TWO), FIVE, [Names(PETE, ZOE, HOURS[1]), Vote(ZOE), wait(hours=2), Vote(QUINN)], "approved/none"),
    # ── what is voted on ──
    ("an old digest", steps(ROLE), FIVE, [edit(RUTH, buy("1")), Vote(RUTH, refused="closed", old=True)], "approved/none"),
    ("seen before the edit", PURCHASES, FIVE, [Vote(MIA), edit(PETE, buy("6000")), Vote(NOAH, old=True, refused="wrong_digest")], "open/none"),
    # ── edits ──
    ("the editor's approval counts", PURCHASES, FIVE, [edit(MIA, buy("6000")), Vote(PETE)], "approved/none"),
    ("under four eyes it does not", FOUR_EYES, FIVE, [edit(MIA, buy("6000")), Vote(MIA, refused="forbidden"), Vote(NOAH), Vote(PETE)], "approved/none"),
    (
        "nor after somebody else edits another word",
        steps(FINANCE, four_eyes=True),
        FIVE,
        [edit(PETE, buy("6000")), edit(QUINN, buy("6000", note="x")), Vote(PETE, refused="forbidden"), Vote(RUTH)],
        "approved/none",
    ),
    ("an edit that would leave nobody to approve", FOUR_EYES, FIVE, [edit(MIA, buy("6000")), edit(NOAH, buy("7000"), refused="not_editable"), Vote(NOAH), Vote(PETE)], "approved/none"),
    ("upwards: routed again", PURCHASES, FIVE, [Vote(MIA), edit(PETE, buy("50000")), Vote(NOAH), Vote(PETE), Vote(RUTH), Vote(OLGA)], "approved/none"),
    ("upwards: the earlier vote is void", PURCHASES, FIVE, [Vote(MIA), edit(PETE, buy("50000")), Vote(PETE, refused="forbidden")], "open/none"),
    ("downwards: never to a lower level", PURCHASES, FIVE, [edit(MIA, buy("1"))], "open/none"),
    ("downwards: the same people", PURCHASES, FIVE, [edit(MIA, buy("1")), Vote(PETE)], "approved/none"),
    ("to a text that is no number: the policy could not judge it", PURCHASES, FIVE, [edit(MIA, buy("a lot"), refused="invalid_answer"), Vote(MIA), Vote(PETE)], "approved/none"),
    ("what may not be changed", PURCHASES, FIVE, [edit(MIA, buy("5000", to="me"), refused="not_editable")], "open/none"),
    ("true is not 1", PURCHASES, buy("5000", rush=1), [edit(MIA, buy("5000", rush=True), refused="not_editable")], "open/none"),
    ("another action", PURCHASES, FIVE, [edit(MIA, Action("pay", {"amount": "5000"}), refused="not_editable")], "open/none"),
    ("an edit that changes nothing is an approval", FOUR_EYES, FIVE, [edit(MIA, FIVE), Vote(PETE)], "approved/none"),
    ("the others have left: it can no longer be reached", steps(replace(FINANCE, approvals=2)), FIVE, [Loses("finance", QUINN), Loses("finance", PETE), Vote(RUTH)], "rejected/none"),
    ("one has left: it can still be reached", steps(replace(FINANCE, approvals=2)), FIVE, [Loses("finance", QUINN), Vote(RUTH), Vote(PETE)], "approved/none"),
    # ── reasons ──
    ("a rejection without a reason", REASONS, FIVE, [Vote(MIA, "reject", refused="reason_missing")], "open/none"),
    ("a reason of blanks", REASONS, FIVE, [Vote(MIA, "reject", " \n\u200b", refused="reason_missing")], "open/none"),
    ("a rejection with a reason", REASONS, FIVE, [no(MIA, "too dear")], "rejected/none"),
    ("an edit without a reason", REASONS, FIVE, [edit(MIA, buy("1"), refused="reason_missing")], "open/none"),
    ("an approval needs none", REASONS, FIVE, [Vote(MIA), Vote(PETE)], "approved/none"),
    # ── a hold ──
    ("held, it is open", steps(HELD), FIVE, [Vote(MIA), wait(seconds=9), Sweep(refused="too_early"), Claim(refused="effect_refused")], "open/none"),
    ("its hold over, it is approved", steps(HELD), FIVE, [Vote(MIA), wait(seconds=10), Sweep(), Claim()], "approved/claimed"),
    ("a rejection is held as well", steps(HELD), FIVE, [no(MIA), wait(seconds=9), Sweep(refused="too_early")], "open/none"),
    ("and then it is rejected", steps(HELD), FIVE, [no(MIA), wait(seconds=10), Sweep()], "rejected/none"),
    ("a draft sent back is held, too", steps(HELD), DRAFT, [Vote(MIA, "revise", "shorter"), Sweep(refused="too_early"), wait(seconds=10), Sweep()], "revised/none"),
    ("an answer is held, too", steps(HELD), ASK, [Vote(MIA, "respond", answer="Delta"), Sweep(refused="too_early"), wait(seconds=10), Sweep()], "answered/none"),
    ("taken back, it waits again", steps(HELD), FIVE, [Vote(MIA), wait(seconds=9), Unvotes(MIA), wait(seconds=10), Sweep(refused="too_early")], "open/none"),
    ("taken back, it may expire", steps(HELD), FIVE, [Vote(MIA), Unvotes(MIA), wait(hours=4), Sweep()], "expired/none"),
    ("taken back by another name", steps(HELD), FIVE, [Vote(MIA), Unvotes("Slack:U7"), wait(seconds=10), Sweep(refused="too_early")], "open/none"),
    ("nobody takes back what is another's", steps(HELD), FIVE, [Vote(MIA), Unvotes(NOAH, refused="no_vote"), Unvotes(PETE, refused="no_vote"), Unvotes(AGENT, refused="no_vote")], "open/none"),
    ("who let another vote takes it back", steps(HELD), FIVE, [Names(MIA, ZOE), Vote(ZOE), Unvotes(MIA), wait(seconds=10), Sweep(refused="too_early")], "open/none"),
    ("taken back twice", steps(HELD), FIVE, [Vote(MIA), Unvotes(MIA), Unvotes(MIA, refused="no_vote")], "open/none"),
    ("a moment too late to take back", steps(HELD), FIVE, [Vote(MIA), wait(seconds=10), Unvotes(MIA, refused="too_late"), Sweep(), Unvotes(MIA, refused="closed")], "approved/none"),
    ("and too late to vote", steps(HELD), FIVE, [Vote(MIA), wait(seconds=10), Vote(NOAH, "reject", refused="too_late"), edit(NOAH, buy("1"), refused="too_late"), Sweep()], "approved/none"),
    ("changed to a rejection, held anew", steps(HELD), FIVE, [Vote(MIA), wait(seconds=9), no(MIA), wait(seconds=9), Sweep(refused="too_early"), wait(seconds=1), Sweep()], "rejected/none"),
    ("saying it again gains no time", steps(HELD), FIVE, [Vote(MIA), wait(seconds=9), Vote(MIA), wait(seconds=1), Sweep()], "approved/none"),
    ("another's rejection comes too late", steps(HELD), FIVE, [Vote(MIA), no(NOAH), wait(seconds=10), Sweep()], "approved/none"),
    ("but counts when the approval is taken back", steps(HELD), FIVE, [Vote(MIA), no(NOAH), wait(seconds=9), Unvotes(MIA), wait(seconds=9), Sweep(refused="too_early"), wait(seconds=1), Sweep()], "rejected/none"),
    ("another's approval does not save what is rejected", steps(HELD), FIVE, [no(MIA), Vote(NOAH), wait(seconds=10), Sweep()], "rejected/none"),
    ("one of two is not held", steps(HELD_TWO), FIVE, [Vote(PETE), wait(seconds=10), Sweep(refused="too_early"), Unvotes(PETE)], "open/none"),
    ("one of two takes it back", steps(HELD_TWO), FIVE, [Vote(PETE), Vote(RUTH), Unvotes(PETE), wait(seconds=10), Sweep(refused="too_early"), Vote(QUINN), wait(seconds=10), Sweep()], "approved/none"),
    ("each step is held", steps(HELD, HELD_TWO), FIVE, [Vote(MIA), Vote(PETE, refused="forbidden"), wait(seconds=10), Sweep(), Vote(PETE), Vote(RUTH), Sweep(refused="too_early"), wait(seconds=10), Sweep()], "approved/none"),
    ("a step without a hold after one", steps(HELD, FINANCE), FIVE, [Vote(MIA), wait(seconds=10), Sweep(), Vote(PETE)], "approved/none"),
    ("at the deadline it ends, and does not expire", steps(HELD), FIVE, [wait(hours=4, seconds=-3), Vote(MIA), wait(seconds=2), Sweep(refused="too_early"), wait(seconds=1), Unvotes(MIA, refused="too_late"), Sweep()], "approved/none"),
    ("after an outage it ends as it was decided", steps(HELD), FIVE, [Vote(MIA), wait(hours=9), Sweep()], "approved/none"),
    ("nobody is asked as well meanwhile", steps(replace(PATIENT, hold=HOURS[1])), FIVE, [wait(hours=1, minutes=30), Vote(MIA), wait(minutes=45), Sweep(refused="too_early"), Vote(OLGA, refused="forbidden"), wait(minutes=15), Sweep()], "approved/none"),
    ("but when it is taken back", steps(replace(PATIENT, hold=HOURS[1])), FIVE, [wait(hours=1, minutes=30), Vote(MIA), wait(minutes=45), Unvotes(MIA), Sweep(), Vote(OLGA)], "open/none"),
    ("held at the deadline, it is not handed on", steps(replace(HANDED_ON, hold=HOURS[1])), FIVE, [wait(hours=3, minutes=30), Vote(MIA), wait(minutes=30), Sweep()], "approved/none"),
    ("more time while it is held", steps(HELD), FIVE, [Vote(MIA), Extends(NOAH), wait(seconds=10), Sweep()], "approved/none"),
    ("withdrawn while it is held", steps(HELD), FIVE, [Vote(MIA), Withdraws(), wait(seconds=10), Sweep(refused="closed"), Unvotes(MIA, refused="closed")], "withdrawn/none"),
    ("an edit while it is held voids the vote", steps(HELD), FIVE, [Vote(MIA), wait(seconds=9), edit(NOAH, buy("6000")), wait(seconds=9), Sweep(refused="too_early"), Unvotes(MIA, refused="no_vote"), wait(seconds=1), Sweep()], "approved/none"),
    ("under four eyes the edit waits for another", steps(HELD, four_eyes=True), FIVE, [Vote(MIA), edit(NOAH, buy("6000")), wait(seconds=10), Sweep(refused="too_early"), Vote(MIA), wait(seconds=10), Sweep()], "approved/none"),
    ("an edit taken back stands, and nobody has approved it", steps(HELD), FIVE, [edit(MIA, buy("6000")), Unvotes(MIA), wait(seconds=10), Sweep(refused="too_early")], "open/none"),
    ("who left while it was held does not count", steps(HELD), FIVE, [Vote(MIA), Loses("managers", MIA), wait(seconds=10), Sweep(), wait(seconds=10), Sweep(refused="too_early")], "open/none"),
    ("the other then counts, and is held as well", steps(HELD), FIVE, [Vote(MIA), Vote(NOAH), Loses("managers", MIA), wait(seconds=10), Sweep(), Sweep(refused="too_early"), wait(seconds=10), Sweep()], "approved/none"),
    ("who left before others ended it", steps(HELD), FIVE, [Vote(MIA), Vote(NOAH), Loses("managers", NOAH), wait(seconds=10), Sweep()], "approved/none"),
    ("without a hold a vote can be taken back while the step is open", steps(TWO), FIVE, [Vote(PETE), Unvotes(PETE), Vote(RUTH)], "open/none"),
    ("and then no more", steps(FINANCE, TWO), FIVE, [Vote(PETE), Unvotes(PETE, refused="no_vote")], "open/none"),
    # ── use of an approval ──
    ("used", PURCHASES, FIVE, [Vote(MIA), Vote(PETE), Claim()], "approved/claimed"),
    ("used while it is open", PURCHASES, FIVE, [Vote(MIA), Claim(refused="effect_refused")], "open/none"),
    ("used after a rejection", PURCHASES, FIVE, [no(MIA), Claim(refused="effect_refused")], "rejected/none"),
    ("used in time", SHORT, FIVE, [Vote(MIA), Vote(PETE), wait(hours=1), Claim()], "approved/claimed"),
    ("not used in time", SHORT, FIVE, [Vote(MIA), Vote(PETE), wait(hours=1, seconds=1), Claim()], "approved/lapsed"),
    ("a voter left before its use", PURCHASES, FIVE, [Vote(MIA), Vote(PETE), Loses("managers", MIA), Claim()], "approved/lapsed"),
    ("another member left", PURCHASES, FIVE, [Vote(MIA), Vote(PETE), Loses("managers", NOAH), Claim()], "approved/claimed"),
    ("a voter who left cannot vote", PURCHASES, FIVE, [Loses("managers", MIA), Vote(MIA, refused="forbidden")], "open/none"),
    # ── questions and drafts ──
    ("an answer", steps(ROLE), ASK, [Vote(RUTH, "respond", answer="Delta")], "answered/none"),
    ("an answer to an open question", steps(ROLE), OPEN, [Vote(RUTH, "respond", answer={"any": [1]})], "answered/none"),
    ("no answer in the answer", steps(ROLE), OPEN, [Vote(RUTH, "respond", refused="invalid_answer")], "open/none"),
    ("an answer that is not JSON", steps(ROLE), OPEN, [Vote(RUTH, "respond", answer={1}, refused="invalid_value")], "open/none"),
    ("a question is not approved", steps(ROLE), ASK, [Vote(RUTH, refused="not_offered")], "open/none"),
    ("a rule does not answer", PURCHASES, ASK, [], "open/none"),
    ("two agree on an answer", steps(TWO), ASK, [Vote(PETE, "respond", answer="Delta"), Vote(RUTH, "respond", answer="Delta")], "answered/none"),
    ("two do not agree on an answer", steps(TWO), ASK, [Vote(PETE, "respond", answer="Delta"), Vote(RUTH, "respond", answer="United")], "open/none"),
    ("an answer under four eyes", steps(ROLE, four_eyes=True), ASK, [Vote(RUTH, "respond", answer="Delta", refused="not_editable")], "open/none"),
    ("a draft is sent back", steps(ROLE), DRAFT, [Vote(RUTH, "revise", "shorter")], "revised/none"),
    ("a draft is edited", steps(ROLE), DRAFT, [edit(RUTH, Draft("Dear both"))], "approved/none"),
    ("an action is not revised", steps(ROLE), FIVE, [Vote(RUTH, "revise", refused="not_offered")], "open/none"),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "subject", "moves", "end"), [story[1:] for story in STORIES], ids=[s[0] for s in STORIES])  # fmt: skip
def test_story(policy, subject, moves, end):
    request = play(policy, subject, moves).request
    assert f"{request.status}/{request.effect}" == end


def test_there_are_stories_enough_and_none_twice():
    names = [story[0] for story in STORIES]
    assert len(names) >= 100
    assert len(set(names)) == len(names)


NOT_A_SMALL_AMOUNT = {
    "missing": Action("purchase", {}),
    "null": buy(None),
    "negative": buy("-1"),
    "a negative number": buy(-0.01),
    "text": buy("lots"),
    "empty": buy(""),
    "blank before it": buy(" 1"),
    "a line after it": buy("1\n"),
    "plus": buy("+1"),
    "exponent": buy("1e0"),
    "underscore": buy("1_0"),
    "comma": buy("1,0"),
    "hexadecimal": buy("0x1"),
    "Arabic digits": buy("\u0661"),
    "wide digits": buy("\uff11"),
    "superscript": buy("\u00b9"),
    "infinite": buy("Infinity"),
    "not a number": buy("NaN"),
    "too many digits": buy("0.1234567890123456"),
    "too small to tell": buy("0.00000000000000000000000000000000001"),
    "huge": buy("9" * 16),
    "huge number": buy(1e300),
    "true": buy(True),
    "in a list": buy(["1"]),
    "in an object": buy({"value": "1"}),
}


@pytest.mark.parametrize("action", NOT_A_SMALL_AMOUNT.values(), ids=NOT_A_SMALL_AMOUNT)
def test_a_fact_that_cannot_be_judged_takes_the_last_level_and_says_why(action):
    request = Bench(PURCHASES, PEOPLE).ask(action)
    assert request.route.level == 2
    assert request.is_open
    assert "amount" in request.route.reason


SMALL_AMOUNTS = ["0", "-0", "0.00", "999.99", "000999.99", 0, -0.0, 999, 999.99]


@pytest.mark.parametrize("amount", SMALL_AMOUNTS, ids=repr)
def test_a_fact_that_can_be_judged_takes_its_level(amount):
    assert Bench(PURCHASES, PEOPLE).ask(buy(amount)).route.level == 0


def test_I8_changed_arguments_void_votes():
    bench = play(PURCHASES, FIFTY, [Vote(MIA), Vote(PETE), edit(RUTH, buy("60000"))])
    assert bench.request.votes == ()
    assert bench.request.counted == ()
    assert bench.request.step == 0
    assert bench.request.digest != bench.request.asked_digest


def test_I8_an_edit_is_routed_again_under_the_pinned_policy_and_never_lower():
    up = play(PURCHASES, FIVE, [Vote(MIA), edit(PETE, buy("50000"))]).request
    down = play(PURCHASES, FIVE, [Vote(MIA), edit(PETE, buy("1"))]).request
    assert (up.route.level, down.route.level) == (2, 1)
    assert up.route.policy_hash == down.route.policy_hash
    assert down.route.reason == "stays where it was, though amount < 1000"


def test_I6_the_approval_names_distinct_people_in_the_order_of_their_votes():
    bench = play(PURCHASES, FIFTY, [Vote("MIA@EXAMPLE.COM"), Vote(RUTH), Vote(PETE), Vote(OLGA)])
    assert bench.request.decided_by == (MIA, RUTH, PETE, OLGA)
    assert bench.request.counted == ((0, MIA), (1, RUTH), (1, PETE), (2, OLGA))


def test_I6_a_delegates_vote_is_recorded_as_theirs_for_the_other():
    moves = [Names(MIA, ZOE), Names(PETE, ZOE), Vote(ZOE), Vote(ZOE, comment="fine"), Vote(RUTH), Vote(OLGA)]
    bench = play(PURCHASES, FIFTY, moves)
    request, start = bench.request, bench.now
    assert request.decided_by == (ZOE, RUTH, OLGA)
    assert request.counted == ((0, ZOE), (1, ZOE), (1, RUTH), (2, OLGA))
    assert request.stand_ins == (StandIn(0, ZOE, MIA, start), StandIn(1, ZOE, PETE, start))
    assert request.deciders == (f"{ZOE} (for {MIA} and {PETE})", RUTH, OLGA)
    cast = [(event.vote.voter, event.vote.on_behalf_of) for event in bench.log if isinstance(event, VoteCast)]
    assert cast == [(ZOE, MIA), (ZOE, PETE), (RUTH, None), (OLGA, None)]


def test_a_rejection_and_a_change_name_the_other_as_well():
    changed = play(PURCHASES, FIVE, [Names(MIA, ZOE), edit(ZOE, buy("6000"))]).request
    assert (changed.edition.author, changed.edition.on_behalf_of) == (ZOE, MIA)
    assert changed.editors == (ZOE, MIA)
    rejected = play(PURCHASES, FIVE, [Names(MIA, ZOE), Names(PETE, ZOE), Vote(ZOE), no(ZOE)]).request
    assert (rejected.decided_by, rejected.deciders) == ((ZOE,), (f"{ZOE} (for {PETE})",))


def test_who_counted_for_themselves_too_is_said_to_have():
    policy = steps(Step(("group:directors",)), FINANCE)
    request = play(policy, FIVE, [Names(PETE, OLGA), Vote(OLGA), Vote(OLGA)]).request
    assert request.deciders == (f"{OLGA} (for themselves and {PETE})",)


def test_a_rule_approves_in_its_own_name():
    assert play(PURCHASES, buy("1"), []).request.decided_by == ("rule:petty cash",)


def test_I7_only_people_vote():
    bench = play(PURCHASES, FIVE, [])
    for kind in ("agent", "service"):
        with pytest.raises(InterlockError) as caught:
            bench.send(CastVote("r-1", Verdict.approve, bench.request.digest), principal(MIA, kind))
        assert caught.value.code == "forbidden"


def test_I1_what_is_claimed_must_be_what_was_approved():
    bench = play(PURCHASES, FIVE, [edit(MIA, buy("6000")), Vote(PETE)])
    with pytest.raises(InterlockError, match="is not what was approved"):
        bench.claim(digest=bench.request.asked_digest)
    assert bench.claim().effect == "claimed"


def test_an_expired_request_says_that_nobody_decided():
    request = play(PURCHASES, FIVE, [wait(hours=4), Sweep()]).request
    assert request.decided_by == ()
    assert request.comment == "nobody decided in time"

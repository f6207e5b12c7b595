"""What the rules of the agent `input` read in a sentence about a flight: what can be read in one way, and no more."""

import pytest

from interlock.agents.input import _said

LISBON = {"destination": "Lisbon"}
DETAILS = {"date": "2999-02-01", "passengers": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Book a flight", {}),
        ("Book a flight to Lisbon with KLM", LISBON | {"airline": "KLM"}),
        ("Book a flight from Oslo to Rio de Janeiro with tap", {"destination": "Rio de Janeiro", "airline": "TAP"}),
        ("Book a flight to Lisbon for 2 on 2999-02-01", LISBON | DETAILS),
        ("Book a flight on 2999-02-01 to Lisbon for 2 people.", LISBON | DETAILS),
        ("Book a flight for 2 of us, on 2999-02-01", DETAILS),
    ],
)
def test_what_can_be_read_in_one_way_is_read(text, said):
    assert _said(text) == said


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("Book a flight to Lisbon or Porto", "destination"),
        ("Book a flight to Lisbon, then to Porto", "destination"),
        ("Book a flight not to Oslo", "destination"),
        ("Take me back to work, to Lisbon", "destination"),
        ("Fly with KLM or TAP", "airline"),
        ("Fly with KLM, TAP", "airline"),
        ("Do not fly with KLM", "airline"),
        ("Don't take KLM", "airline"),
        ("Anything but Iberia", "airline"),
        *(
            (f"Book a flight to Lisbon {words}", "passengers")
            for words in (
                *("for 2.5 on 2999-02-01", "for 2-3 people on 2999-02-01", "for 2 or 3 on 2999-02-01"),
                *("for 2 adults and 3 children on 2999-02-01", "for 3 nights on 2999-02-01", "for 12 on 2999-02-01"),
                *("for 2 weeks on 2999-02-01", "for two on 2999-02-01", "for 2 on 2999-02-01 and 2999-03-01"),
                *("for 2 after 2999-02-01", "for 2 before 2999-02-01", "for 2 on 01/02/2999", "for 2 on 2999-02-01-03"),
                *("for 2 on 2999-02-30", "for 2 on 2999-02-011", "for 2 on 1 February", "for \uff12 on 2999-02-01"),
                *("for 2 on 2999-02-01 returning 2999-02-09", "for 2 on 2999-02-01 for 9", "for \u0662 on 2999-02-01"),
                *("for 2 on 2999-02-01T10:00", "for 2, two of them children, on 2999-02-01 at 10"),
            )
        ),
    ],
)
def test_what_could_be_read_in_another_way_is_asked_for(text, never):
    said = _said(text)
    assert never not in said
    assert "date" not in said

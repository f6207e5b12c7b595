"""What went wrong, as people read it who write no code."""

import pytest

from interlock.service.failures import UNSAID, in_plain_words, what_happened

GROUP = "Two (2 errors): bad name; 'x'"


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("ValueError: no flight goes to 'Atlantis' (/srv/a (b)/trip.py, line 64)", "No flight goes to 'Atlantis'"),
        ("NotDone: the bank said no: twice", "The bank said no: twice"),
        ("app.errors.BankError: the account (a main one) is closed", "The account (a main one) is closed"),
        (
            "ExceptionGroup: two (2 errors): ValueError: bad name (a.py, line 1); KeyError: 'x' (C:\\b.py, line 2)",
            GROUP,
        ),
        ("KeyError: 'amount' (/srv/trip.py, line 64)", UNSAID),
        ("ZeroDivisionError (<string>, line 1)", UNSAID),
        ("TimeoutError", UNSAID),
        ("The bank's gateway closed the connection.", "The bank's gateway closed the connection."),
        ("a remark: read it, line 3", "a remark: read it, line 3"),
        ("Error: line 3 of the order is wrong", "Error: line 3 of the order is wrong"),
    ],
)
def test_files_lines_and_types_are_left_out(note, said):
    assert what_happened(note) == said


def test_a_sentence_about_a_failure_keeps_its_beginning():
    said = "an attempt failed, the next is at 09:00: ConnectionError: no route (/x/net.py, line 9)"
    assert in_plain_words(said) == "an attempt failed, the next is at 09:00: no route"

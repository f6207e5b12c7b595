"""Text that flows: pieces follow each other, no piece begins a line of the terminal, and nothing is lost."""

import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interlock.service.hostile_text import cells, harmless
from interlock.terminal.screen import Flow, Screen

BAR = "    │ "
LEAD = "[AGENT] "


def flowed(*pieces, width=None):
    stream = io.StringIO()
    screen = Screen(stream, width=width)
    for piece in pieces:
        screen.flow(piece, lead=LEAD, bar=BAR)
    screen.end_flow()
    return stream.getvalue()


def test_pieces_follow_each_other_in_one_line():
    assert flowed("The ", "weath", "er.") == f"{LEAD}The weather.\n"


def test_a_word_is_never_cut_where_a_line_holds_it():
    assert flowed("and a little sun bet", "ween two and three", width=30) == (
        f"{LEAD}and a little sun \n{BAR}between two and three\n"
    )


def test_a_word_longer_than_a_line_is_cut():
    assert flowed("x" * 40, width=20).split("\n")[1].startswith(BAR + "x")


def test_a_line_feed_begins_a_line_of_the_text_not_of_the_terminal():
    assert flowed("one\n", "$ rm -rf /") == f"{LEAD}one\n{BAR}$ rm -rf /\n"


def test_what_else_is_written_ends_the_text_and_a_prompt_holds_it_back():
    stream = io.StringIO()
    screen = Screen(stream)
    screen.flow("as it co", lead=LEAD, bar=BAR)
    screen.say("Said.")
    screen.flow("anew", lead=LEAD, bar=BAR)
    screen.prompt("Decision: ")
    screen.flow("not now", lead=LEAD, bar=BAR)
    screen.answered("yes")
    screen.flow("after", lead=LEAD, bar=BAR)
    screen.end_flow()
    assert stream.getvalue() == (f"{LEAD}as it co\nSaid.\n{LEAD}anew\nDecision: yes\n{LEAD}after\n")


def test_escapes_and_carriage_returns_are_named():
    shown = flowed("a\x1b[2J", "\rb")
    assert not set(shown) & {"\x1b", "\r"}
    assert shown == f"{LEAD}a⟨ESC⟩[2J⟨CR⟩b\n"


def test_ten_thousand_empty_lines_take_three():
    assert flowed("a", "\n" * 10_000, "b").count("\n") == 4


@pytest.mark.parametrize("width", [None, 20, 33])
@example(["\n\n\n\na"])
@given(st.lists(st.text("ab \n漢⟨é\t", max_size=40), max_size=8))
def test_whatever_comes_every_line_begins_with_ours_and_fits(width, pieces):
    whole = "".join(pieces)
    shown = flowed(*pieces, width=width)
    if not whole:
        assert not shown
        return
    first, *rest = shown.removesuffix("\n").split("\n")
    assert first.startswith(LEAD)
    assert all(line.startswith(BAR) for line in rest)
    if width is not None:
        assert all(cells(line) <= max(width, cells(BAR) + 2) for line in [first, *rest])
    text = first.removeprefix(LEAD) + "".join(line.removeprefix(BAR) for line in rest)
    assert text == "".join(harmless(piece, lines=True) for piece in pieces).replace("\n", "")


def test_an_ended_text_has_nothing_to_end():
    assert Flow().end() == ""

"""What models say at once: one message at a time, whole words behind each other, nothing lost."""

from hypothesis import given
from hypothesis import strategies as st

from interlock.cli.live import LONGEST, SILENT, MessageOrder


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def shown(*pieces, clock=None):
    """Return what is shown of pieces, given as message and text; a text that ends by a full stop ends its message."""
    turns = MessageOrder(clock or Clock())
    texts = []
    for message, text in pieces:
        for said, anew in turns.piece(message, text, ended=text.endswith(".")):
            if anew:
                texts.append("")
            texts[-1] += said
    return texts


def test_a_message_alone_is_shown_as_it_comes():
    turns = MessageOrder(Clock())
    assert [[*turns.piece("a", text, ended=False)] for text in ("It ", "rains")] == [
        [("It ", True)],
        [("rains", False)],
    ]


def test_two_that_speak_at_once_are_shown_one_after_the_other():
    assert shown(("a", "It "), ("b", "The "), ("a", "rains"), ("b", "sun"), ("a", "."), ("b", " shines.")) == [
        "It rains.",
        "The sun shines.",
    ]


def test_what_has_ended_while_it_waited_is_shown_whole():
    assert shown(("a", "One "), ("b", "Two."), ("c", "Three "), ("a", "ends."), ("c", "goes on.")) == [
        "One ends.",
        "Two.",
        "Three goes on.",
    ]


def test_a_message_that_broke_off_keeps_nobody_waiting():
    clock = Clock()
    turns = MessageOrder(clock)
    assert [*turns.piece("a", "It ra", ended=False)] == [("It ra", True)]
    assert [*turns.piece("b", "The ", ended=False)] == []
    clock.now = SILENT
    assert [*turns.piece("b", "sun", ended=False)] == [("The sun", True)]


def test_a_message_that_speaks_for_long_keeps_no_other_waiting_for_ever():
    texts = shown(("a", "It "), *[("b", "x" * 100)] * (LONGEST // 100 + 1), ("a", "rains."), ("b", "."))
    assert "".join(texts).count("x") == LONGEST + 100
    assert "rains." in texts


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "yy", "z" * 900]))))
def test_nothing_is_lost_once_all_have_ended(pieces):
    pieces = [*pieces, *((message, ".") for message in "abc")]
    together = "".join(shown(*pieces))
    assert sorted(together) == sorted("".join(text for _, text in pieces))

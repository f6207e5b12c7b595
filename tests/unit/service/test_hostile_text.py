"""Whatever was written by others is shown so that it can only be read."""

import io
import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interlock.errors import InvalidValue
from interlock.service import hostile_text
from interlock.service.hostile_text import cells, fold_padding, harmless, plain, quoted, warnings_about, wrapped
from interlock.service.inline import one_line
from interlock.terminal.screen import Line, Screen, said
from interlock.terminal.terminal import Terminal
from interlock.terminal.values import ValueLines, difference

NASTY = st.sampled_from(
    "[ ⟨⟩\x1b\x9b\x07\r\n\t\x00\u202e\u2066\u200b\u200d\ufeff"
    "\U000e0041\ufe0f\u3164\u2800\xa0\u2028\u0301\U000e0100\ue000\u115f"
)
TEXT = st.text(st.one_of(NASTY, st.characters(exclude_categories=["Cs"])), max_size=80)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\u00a0\u00ad\u3164\u115f\u1160\u2800\uffa0]")


def is_harmless(text: str) -> bool:
    bad = {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"}
    return not INVISIBLE.search(text) and all(
        unicodedata.category(character) not in bad and (unicodedata.category(character) != "Zs" or character == " ")
        for character in text
    )


def restored(shown: str) -> str:
    names = {"ESC": "\x1b", "CR": "\r", "TAB": "\t", "NUL": "\0", "BEL": "\x07", "BS": "\x08", "DEL": "\x7f"}
    return re.sub(r"⟨([^⟩]*)⟩", lambda m: names.get(m[1]) or chr(int(m[1].removeprefix("U+"), 16)), shown)


@given(TEXT)
@example("\x1b]8;;http://evil.example\x07click\x1b]8;;\x07")
@example("⟨ESC⟩")
@example("❤️")
def test_text_is_harmless_and_nothing_is_lost(text):
    shown = harmless(text)
    assert is_harmless(shown)
    assert restored(shown) == text
    assert is_harmless(harmless(text, lines=True).replace("\n", ""))
    assert is_harmless(quoted(text))
    assert is_harmless(plain(text))


@given(TEXT, st.integers(2, 60))
def test_wrapping_keeps_everything_and_fits(text, width):
    shown = harmless(text)
    pieces = wrapped(shown, width)
    assert "".join(pieces) == shown
    assert all(cells(piece) <= width for piece in pieces)


@given(JSON, st.sampled_from([20, 40, 80, None]))
def test_no_value_begins_a_line_of_the_screen(value, width):
    shown = screened(ValueLines().named("argument", value), width)
    assert is_harmless(shown.replace("\n", ""))
    assert all(line.startswith("  ") for line in shown.split("\n")[:-1])
    if width:
        indents = max((len(line) - len(line.lstrip(" │")) for line in shown.split("\n")), default=0)
        assert all(cells(line) <= max(width, indents + 2) for line in shown.split("\n"))


@given(TEXT, st.sampled_from([20, 40, None]))
def test_words_of_others_stand_behind_a_bar(text, width):
    shown = screened(said(text, indent="  "), width)
    assert is_harmless(shown.replace("\n", ""))
    assert all(line.startswith("  │ ") for line in shown.split("\n")[:-1])


@given(JSON)
def test_values_in_one_line_are_one_line(value):
    assert "\n" not in one_line(value)
    assert is_harmless(one_line(value))
    assert difference(value, value) == []


def test_long_padding_is_counted():
    assert fold_padding("a" + " " * 40 + "b") == "a⟨40 spaces⟩b"
    assert fold_padding("a" + "\n" * 10 + "b") == "a\n⟨9 empty lines⟩\nb"
    assert fold_padding("a\n\nb") == "a\n\nb"


def test_deceptive_text_is_flagged():
    assert warnings_about("p\u0430ypal", "the name") == ['the name mixes Cyrillic and Latin letters in "p\u0430ypal"']
    assert warnings_about("a\u200cb\u200b", "x") == ["x holds 2 invisible or control characters, shown as ⟨U+…⟩"]
    (_, turned) = warnings_about("price-list-\u202efdp.exe", "A name")
    assert turned == (
        "A name holds a character that turns round what follows, so that it looks like something else: "
        'it really ends in ".exe"'
    )
    for fine in ("Grüße, 東京 und Москва", "naïve", "line\nline\tend", "מה שלומך", "❤️"):
        assert warnings_about(fine, "x") == []


def test_what_is_folded_says_so_and_can_be_shown_whole():
    long = "x" * 5_000
    lines = ValueLines()
    shown = screened(lines.named("text", long), None)
    assert lines.folded
    assert "⟨folded: 1,000 of 5,000 characters are shown; `show` shows all⟩" in shown
    full = ValueLines(full=True)
    assert long in screened(full.named("text", long), None)
    assert not full.folded


def test_a_line_written_while_a_prompt_waits_comes_before_it():
    stream = io.StringIO()
    screen = Screen(stream)
    screen.prompt("Approve? ")
    screen.say("somebody else approved")
    screen.answered()
    assert stream.getvalue() == "Approve? \nsomebody else approved\nApprove? \n"


BIG = 160_000


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "text",
    [
        "日本" * BIG,
        "e" + "\u0301" * BIG,
        "\u200b" * (BIG // 8),
        " " * BIG,
        "a " * BIG,
        "⟨" * (BIG // 4),
        "x\u0301" * BIG,
    ],
)
def test_large_text_is_shown_in_linear_time(text):
    """What was quadratic would take hours at this size, and the test its timeout."""
    pieces = wrapped(quoted(text), 76)
    assert len(pieces) > 1 or text.isspace()
    assert all(cells(piece) <= 76 for piece in pieces[:100])
    assert wrapped(text, 1)
    assert fold_padding(harmless(text, lines=True))
    assert len(warnings_about(text, "it")) <= 2


def test_twice_the_text_is_twice_the_work(monkeypatch):
    counted = []
    monkeypatch.setattr(hostile_text, "_width", lambda character: counted.append(character) or 1)
    work = []
    for size in (5_000, 10_000, 20_000):
        counted.clear()
        wrapped("日本" * size, 76)
        work.append(len(counted))
    assert [round(more / less) for less, more in pairwise(work)] == [2, 2]


def test_lines_of_spaces_and_empty_lines_are_folded_in_linear_time():
    assert "empty lines" in fold_padding(" \n" * BIG)
    assert fold_padding(("\n" + " " * 12) * 2 + "x") == ("\n" + " " * 12) * 2 + "x"
    assert "spaces" in fold_padding(("\n" + " " * 1_000) * 2_000)


def test_a_name_that_is_long_is_not_repeated_for_all_that_stands_below_it():
    """A thousand characters of a name for each of twenty thousand values would be gigabytes."""
    before = {"k" * 100_000: {str(number): {"deep": number} for number in range(20_000)}}
    after = {"k" * 100_000: {str(number): {"deep": -number} for number in range(20_000)}}
    lines = difference(before, after)
    assert sum(len(line.text) for line in lines) < 1_000_000
    assert "100,000 characters" in lines[0].text
    assert "1,000 of 19,999 changes are shown" in lines[-1].text


def test_two_long_names_with_the_same_beginning_are_two():
    name = "k" * 500
    lines = difference({name + "a": 1, name + "b": 2}, {name + "a": 1, name + "b": 3})
    assert [line.text.rpartition(": ")[2] for line in lines] == ["2", "3"]


async def test_a_line_from_a_pipe_is_read_in_linear_time_and_bounded(tmp_path):
    file = tmp_path / "stdin"
    file.write_bytes(b"x" * 20_000_000 + b"\nnext\n" + b"\n" * 60_000 + b"last\n")
    screen = Screen(io.StringIO())
    with file.open("rb") as given:
        terminal = Terminal(screen, descriptor=given.fileno())
        with pytest.raises(InvalidValue, match="longer than 2,000,000 bytes"):
            await terminal.ask("? ")
        assert await terminal.ask("? ") == "next"
        for _ in range(60_000):
            assert not await terminal.ask("? ")
        assert await terminal.ask("? ") == "last"


def screened(lines, width):
    stream = io.StringIO()
    Screen(stream, width=width).show(*(line if isinstance(line, Line) else Line(line) for line in lines))
    return stream.getvalue()

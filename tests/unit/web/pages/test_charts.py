"""Charts show their numbers: bars as high as they say, lines that break where nothing was, and all of it in words."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from interlock.domain.statistics import Ended, Every, Figures, Span
from interlock.web.pages.charts import HEIGHT, Chart, Series, bars, highest, lines
from interlock.web.pages.statistics import length, share, took_over_time, with_empty_periods

RECT = re.compile(r'<rect class="bar ([a-z0-9]+)" x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"/>')
EVIL = '"><script>alert(1)</script>'


def chart(*series, periods=None):
    count = len(series[0].values)
    names = periods or [f"{number} Nov" for number in range(count)]
    shown = [[str(one.values[at]) for one in series] for at in range(count)]
    return Chart("Ends", "How they ended.", names, series, shown)


@given(st.lists(st.just(0.0) | st.floats(1e-6, 1e9), max_size=20))
def test_the_end_of_an_axis_is_a_round_number_that_holds_all_values(numbers):
    end = highest(numbers)
    assert end * (1 + 1e-9) >= max(numbers, default=0)
    assert f"{end:.12e}"[0] in "125"
    most = max(numbers, default=0)
    assert most == 0 or end <= most * 2.5 * (1 + 1e-9)


def test_an_axis_of_times_ends_where_people_count_to():
    assert highest([70], ends=(60, 300)) == 300
    assert highest([301], ends=(60, 300)) == 500


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=30))
@example([(366, 134)])
def test_bars_stand_one_upon_the_other_and_are_as_high_as_their_values(pairs):
    first, second = Series("Good", "approved", [a for a, _ in pairs]), Series("Bad", "rejected", [b for _, b in pairs])
    drawn, top = bars(chart(first, second))
    found = [(style, float(y), float(height)) for style, y, height in RECT.findall(str(drawn))]
    wanted = [
        (one, value) for pair in pairs for one, value in zip(("approved", "rejected"), pair, strict=True) if value
    ]
    assert [style for style, _, _ in found] == [style for style, _ in wanted]
    for (_, y, height), (_, value) in zip(found, wanted, strict=True):
        assert height == pytest.approx(value / top * HEIGHT, abs=0.01)
        assert -0.02 <= y <= HEIGHT


def test_a_line_breaks_where_a_period_has_no_value():
    drawn, top = lines(chart(Series("p50", "p50", [1, 2, None, 4])), (10,))
    (path,) = re.findall(r'<path class="line p50" d="([^"]+)"', str(drawn))
    assert top == 10
    assert path.count("M") == 2
    assert path.startswith("M87.50 90.00 L125.00 90.00 L375.00 80.00")


def test_what_is_shown_is_said_in_words_and_is_no_markup():
    drawn, _ = bars(chart(Series(EVIL, "approved", [3]), periods=[EVIL]))
    assert "<script>" not in drawn
    assert drawn.count("&lt;script&gt;") == 2
    assert "<title>Ends</title><desc>How they ended.</desc>" in drawn
    assert "style=" not in drawn


def test_periods_in_which_nothing_ended_are_there_as_well():
    begin = datetime(2026, 11, 28, 12, tzinfo=UTC)
    span = Span(begin, begin + timedelta(days=3))
    known = Figures(begins=date(2026, 11, 30), ended={Ended.approved: 2}, p50=timedelta(seconds=90))
    found = with_empty_periods([known], span, Every.day)
    assert [one.begins.day for one in found] == [28, 29, 30, 1]
    assert [one.decided for one in found] == [0, 0, 2, 0]
    assert took_over_time(found).top == "5 min"
    weeks = with_empty_periods([], span, Every.week)
    assert [one.begins for one in weeks] == [date(2026, 11, 23), date(2026, 11, 30)]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (90, "1.5 min"), (7200, "2 h"), (200_000, "2.3 d")]
)
def test_a_length_is_said_in_its_largest_unit(seconds, words):
    assert length(timedelta(seconds=seconds)) == words
    assert length(None) == share(None) == "—"

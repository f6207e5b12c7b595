"""Charts as SVG: stacked bars and lines over periods. Pure functions; a table shows the same numbers.

A chart stretches to its box, so its labels are HTML. Its only texts are those that are read aloud or shown as tooltips.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

from markupsafe import Markup

WIDTH, HEIGHT = 1_000.0, 100.0
GAP = 0.24
"""The part of a period's width that stays empty between bars."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one kind, one for each period; None where there is none.

    Args:
        style: its colour and pattern, by the name in the style sheet.
    """

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart, with its content in words.

    Args:
        title: its title.
        summary: its content in a sentence, for people who do not see it.
        periods: the names of the periods, in order.
        shown: the values in words, as in the table: by period, then by series.
    """

    title: str
    summary: str
    periods: Sequence[str]
    series: Sequence[Series]
    shown: Sequence[Sequence[str]]


def highest(numbers: Iterable[float], ends: Sequence[float] = ()) -> float:
    """Return the end of an axis, at least the highest number: one of some ends, or 1, 2 or 5 times a power of ten.

    Without any number it is 1.
    """
    most = max(numbers, default=0.0)
    if most <= 0:
        return 1.0
    power = 10.0 ** int(log10(most) // 1)
    rounded = (power * step for step in (1, 2, 5, 10))
    return float(next(end for end in (*ends, *rounded) if end >= most * (1 - 1e-12)))


def bars(chart: Chart) -> tuple[Markup, float]:
    """Return a stacked bar for each period, and the end of the axis."""
    totals = [sum(one.values[at] or 0 for one in chart.series) for at in range(len(chart.periods))]
    top = highest(totals)
    room = WIDTH / max(len(chart.periods), 1)
    drawn: list[Markup] = []
    for at in range(len(chart.periods)):
        base, parts = HEIGHT, list[Markup]()
        for one in chart.series:
            height = (one.values[at] or 0) / top * HEIGHT
            if height > 0:
                base = max(base - height, 0.0)  # what is added up may pass the end by a rounding
                parts.append(_bar(one.style, room * (at + GAP / 2), base, room * (1 - GAP), height))
        drawn.append(_period(chart, at, parts, room))
    return _svg(chart, drawn), top


def lines(chart: Chart, ends: Sequence[float]) -> tuple[Markup, float]:
    """Return a line for each series, with gaps for periods without a value, and the end of the axis."""
    top = highest((value for one in chart.series for value in one.values if value is not None), ends)
    room = WIDTH / max(len(chart.periods), 1)
    drawn = [_line(one, top, room) for one in chart.series]
    drawn += [_period(chart, at, [], room) for at in range(len(chart.periods))]
    return _svg(chart, drawn), top


def _line(series: Series, top: float, room: float) -> Markup:
    path, is_begun = list[str](), False
    for at, value in enumerate(series.values):
        if value is None:
            is_begun = False
            continue
        y = HEIGHT - value / top * HEIGHT
        if not is_begun:  # a single value becomes a short line
            path.append(f"M{room * (at + 0.35):.2f} {y:.2f}")
        path.append(f"L{room * (at + 0.5):.2f} {y:.2f}")
        if at + 1 == len(series.values) or series.values[at + 1] is None:
            path.append(f"L{room * (at + 0.65):.2f} {y:.2f}")
        is_begun = True
    return Markup('<path class="line {}" d="{}" vector-effect="non-scaling-stroke"/>').format(
        series.style, " ".join(path)
    )


def _bar(style: str, x: float, y: float, width: float, height: float) -> Markup:
    return Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"/>').format(
        style, f"{x:.2f}", f"{y:.2f}", f"{width:.2f}", f"{height:.2f}"
    )


def _period(chart: Chart, at: int, parts: Sequence[Markup], room: float) -> Markup:
    """Return the drawing of a period, with its values as a tooltip."""
    pairs = zip(chart.series, chart.shown[at], strict=True)
    told = "; ".join(f"{one.name} {shown}" for one, shown in pairs)
    area = Markup('<rect class="area" x="{}" y="0" width="{}" height="{}"/>').format(
        f"{room * at:.2f}", f"{room:.2f}", f"{HEIGHT:g}"
    )
    return Markup("<g><title>{}: {}</title>{}{}</g>").format(chart.periods[at], told, area, Markup().join(parts))


def _svg(chart: Chart, drawn: Iterable[Markup]) -> Markup:
    quarter = HEIGHT / 4
    grid = Markup().join(
        Markup('<path class="grid" d="M0 {0}H{1}" vector-effect="non-scaling-stroke"/>').format(
            f"{quarter * at:g}", f"{WIDTH:g}"
        )
        for at in range(5)
    )
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        "<title>{}</title><desc>{}</desc>{}{}</svg>"
    ).format(f"{WIDTH:g}", f"{HEIGHT:g}", chart.title, chart.title, chart.summary, grid, Markup().join(drawn))

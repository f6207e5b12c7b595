"""Charts as SVG, made on the server: stacked bars and lines over periods. Pure; their numbers stand beside them.

A chart stretches to its box, so that it holds no text but what is read aloud and shown at the pointer: labels are HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10

from markupsafe import Markup

WIDTH, HEIGHT = 1_000.0, 100.0
GAP = 0.24
"""Which part of a period's room stays empty between bars."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values of one kind, one for each period; None where there is none.

    Args:
        style: names its colour and pattern in the style sheet.
    """

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: what it shows, in words as well.

    Args:
        title: what it is called.
        summary: what it shows, in a sentence, for who does not see it.
        periods: what the periods are called, in their order.
        shown: the values of each series in words, as the table has them: by period, by series.
    """

    title: str
    summary: str
    periods: Sequence[str]
    series: Sequence[Series]
    shown: Sequence[Sequence[str]]


def highest(numbers: Iterable[float], ends: Sequence[float] = ()) -> float:
    """Return the end of an axis, not below any of the numbers: one of some ends, or 1, 2 or 5 times a power of ten.

    Without any number it is 1.
    """
    most = max(numbers, default=0.0)
    if most <= 0:
        return 1.0
    power = 10.0 ** int(log10(most) // 1)
    rounded = (power * step for step in (1, 2, 5, 10))
    return float(next(end for end in (*ends, *rounded) if end >= most * (1 - 1e-12)))


def bars(chart: Chart) -> tuple[Markup, float]:
    """Return a bar for each period, its series one upon the other, and the end of the axis."""
    totals = [sum(one.values[at] or 0 for one in chart.series) for at in range(len(chart.periods))]
    top = highest(totals)
    room = WIDTH / max(len(chart.periods), 1)
    drawn: list[Markup] = []
    for at in range(len(chart.periods)):
        base, parts = HEIGHT, list[Markup]()
        for one in chart.series:
            height = (one.values[at] or 0) / top * HEIGHT
            if height > 0:
                base -= height
                parts.append(_bar(one.style, room * (at + GAP / 2), base, room * (1 - GAP), height))
        drawn.append(_period(chart, at, parts, room))
    return _svg(chart, drawn), top


def lines(chart: Chart, ends: Sequence[float]) -> tuple[Markup, float]:
    """Return a line for each series, broken where a period has no value, and the end of the axis: one of some ends."""
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
        if not is_begun:  # a value that stands alone is a short line
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
    """Return what is drawn for a period, and its values, which show where the pointer is."""
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

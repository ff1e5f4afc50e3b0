"""Plain bar charts: where bars stand in an SVG of the page's own. Words and figures stay outside it, as text."""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 100  # of the drawing; it is stretched to the page's width
GAP = 0.2  # between two bars, as a share of the room for one


@dataclass(frozen=True)
class Series:
    """Figures that belong together, one for each place along the chart.

    Attributes:
        label: what they are.
        kind: how their bars look; a class of the style sheet.
        values: none below 0.
    """

    label: str
    kind: str
    values: Sequence[int]


@dataclass(frozen=True)
class Bar:
    """One bar, or one part of a bar that is stacked."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Chart:
    """A drawing.

    Attributes:
        width: of the drawing; its height is HEIGHT.
        top: the figure that a bar of the whole height would have.
        bars: those that are not empty.
        series: what is drawn, in the order in which it is stacked from below.
        first: what stands at the beginning.
        last: what stands at the end.
        summary: the chart in a sentence, for those who do not see it.
    """

    width: int
    top: int
    bars: list[Bar]
    series: Sequence[Series]
    first: str
    last: str
    summary: str


def stacked_bars(places: Sequence[str], *series: Series) -> Chart:
    """A bar for each place, its series on top of each other.

    Args:
        places: what is along the chart, such as days; at least one.
        series: each with a figure for each place.
    """
    sums = [sum(values) for values in zip(*(each.values for each in series), strict=True)]
    top = round_top(max(sums))
    bars = []
    for number, place in enumerate(places):
        below = 0
        for each in series:
            value = each.values[number]
            if value:
                height = HEIGHT * value / top
                y = HEIGHT - HEIGHT * below / top - height
                title = f"{place}, {each.label}: {value}"
                bars.append(Bar(number + GAP / 2, round(y, 3), 1 - GAP, round(height, 3), each.kind, title))
            below += value
    totals = "; ".join(f"{each.label}: {sum(each.values)}" for each in series)
    most = places[sums.index(max(sums))]
    summary = f"{totals}. The most on a day: {max(sums)}, on {most}." if any(sums) else "None in this period."
    return Chart(len(places), top, bars, series, places[0], places[-1], summary)


def round_top(value: int) -> int:
    """The smallest round and even figure that is not below a value."""
    scale = 1
    while value > 10 * scale:
        scale *= 10
    return next(step * scale for step in (2, 4, 6, 8, 10) if step * scale >= value)

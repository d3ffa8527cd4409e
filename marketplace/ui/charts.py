"""Where the marks of a small chart go. Whole numbers only, drawn by the server as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP = 600, 120, 4


@dataclass(frozen=True)
class Bar:
    """One bar in the chart's own units; `text` is what a person reads for `value`."""

    x: int
    y: int
    width: int
    height: int
    label: str
    text: str


@dataclass(frozen=True)
class Bars:
    """A whole chart: its box and its bars, left to right."""

    width: int
    height: int
    bars: tuple[Bar, ...]


def lay_out_bars(rows: Sequence[tuple[str, int, str]]) -> Bars:
    """This will place one bar a row of (label, value ≥ 0, text), the greatest value as high as the chart.

    Heights are rounded down; a value above zero is at least 2 units high, so that it can be seen.
    """
    if not rows:
        return Bars(WIDTH, HEIGHT, ())
    top = max(max(value for _, value, _ in rows), 1)
    slot = WIDTH // len(rows)
    gap = min(GAP, max(slot // 4, 0))
    bars = []
    for place, (label, value, text) in enumerate(rows):
        height = max(value * HEIGHT // top, 2) if value > 0 else 1
        bars.append(Bar(place * slot, HEIGHT - height, max(slot - gap, 1), height, label, text))
    return Bars(WIDTH, HEIGHT, tuple(bars))

"""Where curves fall deepest, and whether a fall is more than the spread of the samples."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.statistics.curves import Point

CLEAR = -5.0
"""A fall counts as clear if its mean is below this (in %) and its interval, to a tenth, wholly below 0."""


def is_clear(point: Point) -> bool:
    """Whether the fall is larger than what the spread of the samples alone would show."""
    return point.mean < CLEAR and round(point.high, 1) < 0


def peaks(points: Sequence[Point]) -> list[Point]:
    """The deepest point of every task and flow, in the order of the points."""
    deepest: dict[tuple[str, str], Point] = {}
    for point in points:
        key = (point.task, point.flow)
        if key not in deepest or point.mean < deepest[key].mean:
            deepest[key] = point
    return list(deepest.values())

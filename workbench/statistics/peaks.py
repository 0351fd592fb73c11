"""Where curves fall deepest, and whether a fall is more than chance."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.statistics.curves import Point
from workbench.statistics.familywise import LEAST

CLEAR = LEAST
"""A fall counts as clear if its mean is below this (in %), and chance is ruled out over the whole table."""
CHANCE = 0.05


def is_clear(point: Point) -> bool:
    """Whether the fall is more than chance gives anywhere among the points of its table.

    Its interval and its `bound`, to a tenth, lie below 0, and `p_fall` is at most 5%: of tables in which
    nothing falls, at most 5% have a clear point. Fewer than 5 samples make nothing clear.
    """
    ends = max(point.high, point.bound)
    return point.mean < CLEAR and round(ends, 1) < 0 and point.p_fall <= CHANCE


def peaks(points: Sequence[Point]) -> list[Point]:
    """The deepest point of every task and flow, in the order of the points."""
    deepest: dict[tuple[str, str], Point] = {}
    for point in points:
        key = (point.task, point.flow)
        if key not in deepest or point.mean < deepest[key].mean:
            deepest[key] = point
    return list(deepest.values())

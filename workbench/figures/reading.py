"""What the curves say, in plain sentences made from their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.analyses.statistics import FEW_SAMPLES, Point
from workbench.figures.text import count_of, layers_text, percent, task_name

CLEAR = -5.0
"""A fall counts as clear if its mean is below this (in %) and its interval lies wholly below 0."""

_NEXT = 4  # flows that the headline names after the first


def is_clear(point: Point) -> bool:
    """Whether the fall is larger than what the spread of the samples alone would show."""
    return point.mean < CLEAR and point.high < 0


def place(point: Point) -> str:
    """The layers that were cut, in words."""
    return layers_text(point.first_layer, point.last_layer)


def peaks(points: Sequence[Point]) -> list[Point]:
    """The deepest point of every task and flow, in the order of the points."""
    deepest: dict[tuple[str, str], Point] = {}
    for point in points:
        key = (point.task, point.flow)
        if key not in deepest or point.mean < deepest[key].mean:
            deepest[key] = point
    return list(deepest.values())


def headline(points: Sequence[Point]) -> str:
    """A few sentences on the whole figure: which cut hurts most and where, and which does not matter."""
    found = peaks(points)
    if not found:
        return "No point of these curves has a usable sample."
    clear = sorted((peak for peak in found if is_clear(peak)), key=lambda peak: peak.mean)
    if not clear:
        least = min(found, key=lambda peak: peak.mean)
        return (
            f"No cut clearly lowers the answer's probability. The strongest, {least.flow} at {place(least)}, "
            f"gives {percent(least.mean)}."
        )
    several = len({peak.task for peak in found}) > 1

    def located(peak: Point) -> str:
        of_task = f" of {task_name(peak.task)}" if several else ""
        return f"{peak.flow} at {place(peak)}{of_task} ({percent(peak.mean)})"

    by_flow: dict[str, Point] = {}
    for peak in clear:
        by_flow.setdefault(peak.flow, peak)
    top, *others = by_flow.values()
    of_task = f" of {task_name(top.task)}" if several else ""
    said = f"Cutting {top.flow} hurts most at {place(top)}{of_task} ({percent(top.mean)})."
    if others:
        shown = ", ".join(located(peak) for peak in others[:_NEXT])
        rest = f", and {count_of(len(others) - _NEXT, 'more flow')}" if len(others) > _NEXT else ""
        said += f" Next: {shown}{rest}."
    return said + _unmoved([peak for peak in found if peak.flow not in by_flow])


def by_task(points: Sequence[Point]) -> dict[str, str]:
    """A sentence a task: where cutting each flow hurts most, from the first layers to the last."""
    found = peaks(points)
    sentences = {}
    for task in dict.fromkeys(peak.task for peak in found):
        mine = [peak for peak in found if peak.task == task]
        clear = sorted((peak for peak in mine if is_clear(peak)), key=lambda peak: (peak.layer, peak.mean))
        parts = [f"{peak.flow} at {place(peak)} ({percent(peak.mean)})" for peak in clear]
        said = "No cut has a clear effect."
        if parts:
            order = "From early to late layers, cutting hurts" if len(parts) > 1 else "Cutting hurts"
            said = f"{order} {', '.join(parts)}."
        said += _unmoved([peak for peak in mine if not is_clear(peak)]) if parts else ""
        few = min(peak.n for peak in mine)
        if few < FEW_SAMPLES:
            said += f" Only {count_of(few, 'sample')}: read with care."
        sentences[task] = said
    return sentences


def _unmoved(peaks: Sequence[Point]) -> str:
    """What is to be said of curves without a clear fall: no effect, or too few samples to tell."""
    small, uncertain = [], []
    for flow in dict.fromkeys(peak.flow for peak in peaks):
        deepest = min((peak for peak in peaks if peak.flow == flow), key=lambda peak: peak.mean)
        (uncertain if deepest.mean < CLEAR else small).append(deepest)
    said = ""
    if small:
        most = percent(min([0.0, *(peak.mean for peak in small)]))
        said += f" No clear effect: {', '.join(peak.flow for peak in small)} ({most} at most)."
    if uncertain:
        named = ", ".join(f"{peak.flow} ({percent(peak.mean)})" for peak in uncertain)
        said += f" Uncertain, the interval reaches 0: {named}."
    return said

"""What the curves say, in plain sentences made from their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.analyses.statistics import FEW_SAMPLES, Point
from workbench.figures.text import count_of, layers_text, percent, task_name

CLEAR = -5.0
"""A fall counts as clear if its mean is below this (in %) and its interval, to a tenth, wholly below 0."""

_MOST = 5  # flows that the headline names


def is_clear(point: Point) -> bool:
    """Whether the fall is larger than what the spread of the samples alone would show."""
    return point.mean < CLEAR and round(point.high, 1) < 0


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


def dips(points: Sequence[Point]) -> list[Point]:
    """Where one flow matters: the deepest point of each stretch of layers in which its curve is low.

    `points` are those of one flow; where they are of several tasks, the tasks' mean counts. A stretch is low
    below -5%.
    """
    cells: dict[tuple[int, int, int], list[Point]] = {}
    for point in points:
        cells.setdefault((point.layer, point.first_layer, point.last_layer), []).append(point)
    curve = [(sum(p.mean for p in cell) / len(cell), cell[0]) for _, cell in sorted(cells.items())]
    deepest = min(curve, key=lambda entry: entry[0])
    found: list[tuple[float, Point]] = []
    before = False
    for mean, point in curve:
        if mean < CLEAR:
            if not before:
                found.append((mean, point))
            elif mean < found[-1][0]:
                found[-1] = (mean, point)
        before = mean < CLEAR
    # Bars have no place on the layer axis, and so no stretches.
    placed = all(point.layer for point in points)
    return [point for _, point in found] if found and placed else [deepest[1]]


def headline(points: Sequence[Point]) -> str:
    """A few sentences on the whole figure: which flows the answer needs and in which layers, which cut hurts
    most, and which flows do not matter."""
    found = peaks(points)
    if not found:
        return "No point of these curves has a usable sample."
    clear = [peak for peak in found if is_clear(peak)]
    if not clear:
        least = min(found, key=lambda peak: peak.mean)
        return (
            f"No cut clearly lowers the answer's probability. The strongest, {least.flow} at {place(least)}, "
            f"gives {percent(least.mean)}."
        )
    tasks = dict.fromkeys(peak.task for peak in found)
    flows = dict.fromkeys(peak.flow for peak in clear)
    strongest = sorted(flows, key=lambda flow: min(peak.mean for peak in clear if peak.flow == flow))[:_MOST]
    parts = []
    for flow in (flow for flow in flows if flow in strongest):
        mine = [peak for peak in clear if peak.flow == flow]
        where = {peak.task for peak in mine}
        low = dips([point for point in points if point.flow == flow and point.task in where])
        share = (
            f"{len(where)} of {count_of(len(tasks), 'task')}"
            if not parts
            else f"{len(where)} of {len(tasks)}"
        )
        count = share if len(tasks) > 1 else percent(mine[0].mean)
        parts.append(f"{flow} at {_places(low)} ({count})")
    if len(flows) > len(parts):
        parts.append(count_of(len(flows) - len(parts), "more flow"))
    said = f"The answer needs {_listing(parts)}."
    top = min(clear, key=lambda peak: peak.mean)
    if len(clear) > 1:
        of_task = f" of {task_name(top.task)}" if len(tasks) > 1 else ""
        said += f" The deepest fall: {top.flow} at {place(top)}{of_task} ({percent(top.mean)})."
    return said + _unmoved([peak for peak in found if peak.flow not in flows])


def _places(points: Sequence[Point]) -> str:
    """ "layers 1-3 and 7-9"."""
    first, *rest = (place(point) for point in points)
    more = [part.removeprefix("layers ").removeprefix("layer ") for part in rest]
    return _listing([first if not more else first.replace("layer ", "layers "), *more])


def _listing(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


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

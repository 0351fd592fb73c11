"""What the curves say, in plain sentences made from their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workbench.figures.parts.text import count_of, layers_text, percent, task_name
from workbench.interventions import axis_of, kind_of
from workbench.statistics.cautions import FEW_SAMPLES
from workbench.statistics.curves import Point
from workbench.statistics.peaks import CLEAR, is_clear, peaks

_MOST = 5  # flows that the headline names


def place(point: Point) -> str:
    """The layers that were cut, in words."""
    return layers_text(point.first_layer, point.last_layer)


class Stretch(NamedTuple):
    """Neighbouring places on the layer axis where a curve is low."""

    first: Point
    last: Point


def stretches(points: Sequence[Point]) -> list[Stretch]:
    """Where one flow matters: the stretches of layers with its curve below -5%, else its deepest point.

    `points` are those of one flow; where they are of several tasks, the mean over tasks counts.
    """
    cells: dict[tuple[int, int, int], list[Point]] = {}
    for point in points:
        cells.setdefault((point.layer, point.first_layer, point.last_layer), []).append(point)
    curve = [(sum(p.mean for p in cell) / len(cell), cell[0]) for _, cell in sorted(cells.items())]
    found: list[Stretch] = []
    in_one = False
    for mean, point in curve:
        low = mean < CLEAR
        if low and in_one:
            found[-1] = Stretch(found[-1].first, point)
        elif low:
            found.append(Stretch(point, point))
        in_one = low
    deepest = min(curve, key=lambda entry: entry[0])[1]
    # Bars have no place on the layer axis, and so no stretches.
    placed = all(axis_of(point.window) for point in points)
    return found if found and placed else [Stretch(deepest, deepest)]


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
            f"gives {percent(least.mean)}{_chance(least)}."
        )
    tasks = dict.fromkeys(peak.task for peak in found)
    matter = {peak.flow for peak in clear}
    flows = [flow for flow in dict.fromkeys(point.flow for point in points) if flow in matter]
    strongest = sorted(flows, key=lambda flow: min(peak.mean for peak in clear if peak.flow == flow))[:_MOST]
    parts = []
    for flow in (flow for flow in flows if flow in strongest):
        mine = [peak for peak in clear if peak.flow == flow]
        where = {peak.task for peak in mine}
        low = stretches([point for point in points if point.flow == flow and point.task in where])
        share = (
            f"{len(where)} of {count_of(len(tasks), 'task')}"
            if not parts
            else f"{len(where)} of {len(tasks)}"
        )
        count = share if len(tasks) > 1 else f"down to {percent(mine[0].mean)}"
        parts.append(f"{flow} {_where(low)} ({count})")
    if len(flows) > len(parts):
        parts.append(count_of(len(flows) - len(parts), "more flow"))
    said = f"The answer needs {_listing(parts)}."
    top = min(clear, key=lambda peak: peak.mean)
    if len(tasks) > 1:
        of_task = f"{place(top)} of {task_name(top.task)}"
        said += f" The deepest fall: {top.flow} at {of_task} ({percent(top.mean)})."
    return said + _unmoved([peak for peak in found if peak.flow not in flows])


def _chance(peak: Point) -> str:
    """Why a fall that is deep is not clear; empty for a shallow one."""
    if peak.mean >= CLEAR:
        return ""
    if peak.n < FEW_SAMPLES:
        return f": of {count_of(peak.n, 'sample')} chance gives as much"
    return ": among so many curves and layers chance gives as much"


def _where(found: Sequence[Stretch]) -> str:
    """ "around layers 1-3 and 7-9"; as the layer axis names them, where there is one."""
    kind = kind_of(found[0].first.window)
    if kind is None or not kind.axis:
        return f"at {place(found[0].first)}"
    first, *rest = (layers_text(stretch.first.layer, stretch.last.layer) for stretch in found)
    if rest:
        first = first.replace("layer ", "layers ")
    more = [text.removeprefix("layers ").removeprefix("layer ") for text in rest]
    return f"{kind.preposition} {_listing([first, *more])}"


def _listing(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def by_task(points: Sequence[Point]) -> dict[str, str]:
    """The headline of each task alone."""
    sentences = {}
    for task in dict.fromkeys(point.task for point in points):
        mine = [point for point in points if point.task == task]
        few = min(point.n for point in mine)
        warning = f" Only {count_of(few, 'sample')}: read with care." if few < FEW_SAMPLES else ""
        sentences[task] = headline(mine) + warning
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
        said += f" Uncertain, within what chance gives among so many curves and layers: {named}."
    return said

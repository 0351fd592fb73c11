"""What a newcomer needs to know to read a report: flows, spans and windows in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from workbench.figures.parts.names import spans_in
from workbench.interventions import NAMED_FLOWS, read_window

KNOCKOUT = (
    "A knockout cuts one flow in a few layers at a time: the rows of the prompt at the end of the arrow can "
    "no longer read the rows at its start, and everything else stays as it is."
)
AXES = (
    "The vertical axis shows how the probability of the model's own answer changes: 0% means that the model "
    "answers as before, -80% that four fifths of the probability are gone. The horizontal axis shows where "
    "in the model the flow was cut."
)
READING = (
    "Where a curve dips, information that the answer needs travels along that flow in those layers; the band "
    "around it is the 95% bootstrap interval of the mean over samples, for each layer alone. Sentences name "
    "a dip only where chance would hardly give it anywhere among all curves and layers."
)


class Meaning(NamedTuple):
    """A name and what it stands for."""

    name: str
    text: str


def flow_meanings(flows: Iterable[str]) -> list[Meaning]:
    """What each flow's knockout does."""
    known = {named.text: named.description for named in NAMED_FLOWS}
    found = []
    for flow in flows:
        text = known.get(flow)
        if text is None:
            source, arrow, target = flow.partition("->")
            text = f"{target.strip()} cannot read {source.strip()}." if arrow else "A flow of its own."
        found.append(Meaning(flow, text))
    return found


def span_meanings(flows: Iterable[str]) -> list[Meaning]:
    """What the span names in these flows stand for."""
    return [Meaning(name, text) for name, text in spans_in(flows).items()]


def window_meaning(window: str) -> str:
    """Which layers are cut together under a window, in words; empty for one that cannot be read."""
    found = read_window(window)
    return "" if found is None else found.together

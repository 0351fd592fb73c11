"""The points of a sweep: a flow, or something else that attention can lose, in one range of one window."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from workbench.interventions import Knockout, LayerSpan, Removal, Window


class Cell(NamedTuple):
    """One point of the sweep: a flow, cut in one range of one window."""

    flow: Removal
    window: Window
    span: LayerSpan
    knockout: Knockout


@lru_cache(maxsize=8)
def make_cells(flows: tuple[Removal, ...], windows: tuple[Window, ...], n_layers: int) -> tuple[Cell, ...]:
    """Every flow in every range of every window: flow by flow, window by window, layer by layer.

    Raises WindowError for layers that the model lacks.
    """
    spans = [(window, span) for window in windows for span in window.expand(n_layers)]
    return tuple(
        Cell(flow, window, span, Knockout.of(flow, span)) for flow in flows for window, span in spans
    )

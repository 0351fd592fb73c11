"""What is cut, as plain data: spans, flows, windows and knockouts. Only the engines know how to run them."""

from workbench.interventions.catalogue import NAMED_FLOWS, NamedFlow
from workbench.interventions.edges import Edges, Rectangle
from workbench.interventions.flows import Flow, as_flows
from workbench.interventions.knockouts import Cut, Knockout, knockouts
from workbench.interventions.masks import check_flows, keep_mask
from workbench.interventions.spans import INDEXED_SPANS, PLAIN_SPANS, Span
from workbench.interventions.windows import (
    LayerSpan,
    Window,
    after,
    all_layers,
    as_windows,
    centred,
    first_half,
    layers,
    parse_window,
    second_half,
    trailing,
)

__all__ = [
    "INDEXED_SPANS",
    "NAMED_FLOWS",
    "PLAIN_SPANS",
    "Cut",
    "Edges",
    "Flow",
    "Knockout",
    "LayerSpan",
    "NamedFlow",
    "Rectangle",
    "Span",
    "Window",
    "after",
    "all_layers",
    "as_flows",
    "as_windows",
    "centred",
    "check_flows",
    "first_half",
    "keep_mask",
    "knockouts",
    "layers",
    "parse_window",
    "second_half",
    "trailing",
]

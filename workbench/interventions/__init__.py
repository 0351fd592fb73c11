"""What is cut, as plain data: spans, flows, windows and knockouts. Only the engines know how to run them."""

from workbench.interventions.catalogue import FLOW_GROUPS, MTF_FLOWS, NAMED_FLOWS, FlowGroup, NamedFlow
from workbench.interventions.edges import Edges, Rectangle, ScatteredEdges
from workbench.interventions.flows import Flow, as_flows
from workbench.interventions.knockouts import Cut, Knockout, knockouts
from workbench.interventions.masks import Removal, check_flows, keep_mask
from workbench.interventions.random_edges import RandomEdges
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
from workbench.prompts.spans import INDEXED_SPANS, PLAIN_SPANS, Span

__all__ = [
    "FLOW_GROUPS",
    "INDEXED_SPANS",
    "MTF_FLOWS",
    "NAMED_FLOWS",
    "PLAIN_SPANS",
    "Cut",
    "Edges",
    "Flow",
    "FlowGroup",
    "Knockout",
    "LayerSpan",
    "NamedFlow",
    "RandomEdges",
    "Rectangle",
    "Removal",
    "ScatteredEdges",
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

"""What is cut, as plain data: spans, flows, windows and knockouts. Only the engines know how to run them."""

from workbench.interventions.catalogue import FLOW_GROUPS, MTF_FLOWS, NAMED_FLOWS, FlowGroup, NamedFlow
from workbench.interventions.counts import EdgeCount, edge_count
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
    axis_of,
    centred,
    first_half,
    kind_of,
    layers,
    parse_window,
    read_window,
    second_half,
    series_of,
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
    "EdgeCount",
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
    "axis_of",
    "centred",
    "check_flows",
    "edge_count",
    "first_half",
    "keep_mask",
    "kind_of",
    "knockouts",
    "layers",
    "parse_window",
    "read_window",
    "second_half",
    "series_of",
    "trailing",
]

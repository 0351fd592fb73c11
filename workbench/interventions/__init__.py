"""What is changed in a model, as plain data. Only the engines know how to run it.

Cuts (spans, flows, windows and knockouts), rows that leave, and activations of another prompt.
"""

from importlib import import_module
from pkgutil import iter_modules

from workbench.interventions.catalogue import FLOW_GROUPS, MTF_FLOWS, NAMED_FLOWS, FlowGroup, NamedFlow
from workbench.interventions.counts import EdgeCount, edge_count
from workbench.interventions.depth import (
    PAPER_LAYERS,
    PAPER_WINDOW,
    SHALLOW,
    scaled_bin,
    scaled_layer,
    scaled_size,
    scaled_window,
    scaled_windows,
    spread_layers,
)
from workbench.interventions.edges import Edges, Rectangle, ScatteredEdges
from workbench.interventions.exits import RULES, Acceleration, Exit, Rule, Seen
from workbench.interventions.flows import Flow, as_flows
from workbench.interventions.knockouts import Cut, Knockout, as_intervention, knockouts, present
from workbench.interventions.masks import check_flows, keep_mask
from workbench.interventions.patches import PATCH_SITES, Patch
from workbench.interventions.protocol import INTERVENTIONS, REMOVALS, Intervention, Removal
from workbench.interventions.pruning import FastV, RandomRows
from workbench.interventions.random_edges import RandomEdges
from workbench.interventions.random_keys import RandomKeys
from workbench.interventions.sparing import Sparing
from workbench.interventions.steps import AtSteps, as_steps, at_steps, writing_rows
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

# What a module reads from text is known as soon as the module is here.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "FLOW_GROUPS",
    "INDEXED_SPANS",
    "INTERVENTIONS",
    "MTF_FLOWS",
    "NAMED_FLOWS",
    "PAPER_LAYERS",
    "PAPER_WINDOW",
    "PATCH_SITES",
    "PLAIN_SPANS",
    "REMOVALS",
    "RULES",
    "SHALLOW",
    "Acceleration",
    "AtSteps",
    "Cut",
    "EdgeCount",
    "Edges",
    "Exit",
    "FastV",
    "Flow",
    "FlowGroup",
    "Intervention",
    "Knockout",
    "LayerSpan",
    "NamedFlow",
    "Patch",
    "RandomEdges",
    "RandomKeys",
    "RandomRows",
    "Rectangle",
    "Removal",
    "Rule",
    "ScatteredEdges",
    "Seen",
    "Span",
    "Sparing",
    "Window",
    "after",
    "all_layers",
    "as_flows",
    "as_intervention",
    "as_steps",
    "as_windows",
    "at_steps",
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
    "present",
    "read_window",
    "scaled_bin",
    "scaled_layer",
    "scaled_size",
    "scaled_window",
    "scaled_windows",
    "second_half",
    "series_of",
    "spread_layers",
    "trailing",
    "writing_rows",
]

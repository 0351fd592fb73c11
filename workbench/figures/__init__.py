"""Plotly figures of tables. They draw; the numbers come from `workbench.analyses`."""

from workbench.figures.accuracy import accuracy
from workbench.figures.curves import flow_figures, information_flow
from workbench.figures.groups import flow_groups
from workbench.figures.layout import clip_strip
from workbench.figures.pathways import staged_flow
from workbench.figures.reading import by_task, headline
from workbench.figures.still import write_png
from workbench.figures.template import FLOW_STYLES, TEMPLATE, line_styles
from workbench.figures.totals import total_effects

__all__ = [
    "FLOW_STYLES",
    "TEMPLATE",
    "accuracy",
    "by_task",
    "clip_strip",
    "flow_figures",
    "flow_groups",
    "headline",
    "information_flow",
    "line_styles",
    "staged_flow",
    "total_effects",
    "write_png",
]

"""Plotly figures of tables. They draw; the numbers come from `workbench.analyses`."""

from workbench.figures.accuracy import accuracy
from workbench.figures.attention_heat import attention_heat
from workbench.figures.attention_mass import attention_mass
from workbench.figures.curves import information_flow
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
    "attention_heat",
    "attention_mass",
    "by_task",
    "clip_strip",
    "headline",
    "information_flow",
    "line_styles",
    "staged_flow",
    "total_effects",
    "write_png",
]

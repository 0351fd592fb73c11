"""Plotly figures of tables. They draw; the numbers come from `workbench.analyses`."""

from workbench.figures.accuracy import accuracy
from workbench.figures.compare import models_compared, windows_compared
from workbench.figures.curves import information_flow
from workbench.figures.document import Part, write_page
from workbench.figures.drops import accuracy_drops
from workbench.figures.layout import clip_strip
from workbench.figures.pathways import staged_flow
from workbench.figures.reading import by_task, headline
from workbench.figures.still import write_png
from workbench.figures.template import FLOW_STYLES, TEMPLATE, line_styles
from workbench.figures.totals import total_effects

__all__ = [
    "FLOW_STYLES",
    "TEMPLATE",
    "Part",
    "accuracy",
    "accuracy_drops",
    "by_task",
    "clip_strip",
    "headline",
    "information_flow",
    "line_styles",
    "models_compared",
    "staged_flow",
    "total_effects",
    "windows_compared",
    "write_page",
    "write_png",
]

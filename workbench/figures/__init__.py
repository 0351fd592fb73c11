"""Plotly figures of tables. They draw; the numbers come from `workbench.analyses`."""

from workbench.figures.accuracy import accuracy
from workbench.figures.answer_probability import answer_probability
from workbench.figures.curves import flow_figures, information_flow
from workbench.figures.groups import flow_groups
from workbench.figures.keywords import keyword_frequencies
from workbench.figures.layout import clip_strip
from workbench.figures.lens_overlay import lens_overlay
from workbench.figures.page import write_html
from workbench.figures.pathways import staged_flow
from workbench.figures.reading import by_task, headline
from workbench.figures.still import write_png
from workbench.figures.sufficiency import sufficiency
from workbench.figures.template import FLOW_STYLES, TEMPLATE, line_styles
from workbench.figures.totals import total_effects

__all__ = [
    "FLOW_STYLES",
    "TEMPLATE",
    "accuracy",
    "answer_probability",
    "by_task",
    "clip_strip",
    "flow_figures",
    "flow_groups",
    "headline",
    "information_flow",
    "keyword_frequencies",
    "lens_overlay",
    "line_styles",
    "staged_flow",
    "sufficiency",
    "total_effects",
    "write_html",
    "write_png",
]

"""Plotly figures of tables. They draw; the numbers come from `workbench.analyses`."""

from workbench.figures.accuracy import accuracy
from workbench.figures.answer_probability import answer_probability
from workbench.figures.attention_heat import attention_heat
from workbench.figures.attention_mass import attention_mass
from workbench.figures.compare import models_compared, windows_compared
from workbench.figures.curves import flow_figures, information_flow
from workbench.figures.document import Part, write_html, write_page
from workbench.figures.drops import accuracy_drops
from workbench.figures.groups import flow_groups
from workbench.figures.keywords import keyword_frequencies
from workbench.figures.layout import clip_strip
from workbench.figures.lens_overlay import lens_overlay
from workbench.figures.pathways import staged_flow
from workbench.figures.reading import by_task, headline
from workbench.figures.still import try_png, write_png
from workbench.figures.sufficiency import sufficiency
from workbench.figures.template import FLOW_STYLES, TEMPLATE, line_styles
from workbench.figures.totals import total_effects

__all__ = [
    "FLOW_STYLES",
    "TEMPLATE",
    "Part",
    "accuracy",
    "accuracy_drops",
    "answer_probability",
    "attention_heat",
    "attention_mass",
    "by_task",
    "clip_strip",
    "flow_figures",
    "flow_groups",
    "headline",
    "information_flow",
    "keyword_frequencies",
    "lens_overlay",
    "line_styles",
    "models_compared",
    "staged_flow",
    "sufficiency",
    "total_effects",
    "try_png",
    "windows_compared",
    "write_html",
    "write_page",
    "write_png",
]

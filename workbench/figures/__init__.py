"""Plotly figures of tables. They draw; the numbers come from `workbench.analyses`."""

from typing import Any

from workbench.attached import home_of
from workbench.figures.accuracy import accuracy
from workbench.figures.answer_probability import answer_probability
from workbench.figures.attention_heat import attention_heat
from workbench.figures.attention_mass import attention_mass
from workbench.figures.cases import accuracy_by_case
from workbench.figures.clip_strip import clip_strip
from workbench.figures.depths import accuracy_by_depth
from workbench.figures.drops import accuracy_drops
from workbench.figures.information_flow import flow_figures, information_flow
from workbench.figures.keywords import keyword_frequencies
from workbench.figures.lens_overlay import lens_overlay
from workbench.figures.masks import mask_gallery
from workbench.figures.pareto import pareto
from workbench.figures.parts.groups import flow_groups
from workbench.figures.parts.headlines import by_task, headline
from workbench.figures.parts.template import FLOW_STYLES, TEMPLATE, line_styles
from workbench.figures.side_by_side import models_compared, windows_compared
from workbench.figures.staged_flow import staged_flow
from workbench.figures.sufficiency import sufficiency
from workbench.figures.totals import total_effects
from workbench.figures.use_of_time import use_of_time
from workbench.figures.windows import change_by_window

__all__ = [
    "FLOW_STYLES",
    "TEMPLATE",
    "accuracy",
    "accuracy_by_case",
    "accuracy_by_depth",
    "accuracy_drops",
    "answer_probability",
    "attention_heat",
    "attention_mass",
    "by_task",
    "change_by_window",
    "clip_strip",
    "flow_figures",
    "flow_groups",
    "headline",
    "information_flow",
    "keyword_frequencies",
    "lens_overlay",
    "line_styles",
    "mask_gallery",
    "models_compared",
    "pareto",
    "staged_flow",
    "sufficiency",
    "total_effects",
    "use_of_time",
    "windows_compared",
]


def __getattr__(name: str) -> Any:
    # write_html, try_png and the like stand in `workbench.pages`; here they are attached.
    return home_of(f"figures.{name}")

"""Plotly figures of tables. They draw; the numbers come from `workbench.analyses`."""

from typing import Any

from workbench.attached import home_of
from workbench.figures.accuracy import accuracy
from workbench.figures.agreement import agreement_by_cost, agreement_by_layer
from workbench.figures.answer_probability import answer_probability
from workbench.figures.attention_heat import attention_heat
from workbench.figures.attention_mass import attention_mass
from workbench.figures.attribution import attribution
from workbench.figures.cases import accuracy_by_case
from workbench.figures.clip_strip import clip_strip
from workbench.figures.depths import accuracy_by_depth
from workbench.figures.drops import accuracy_drops
from workbench.figures.information_flow import flow_figures, information_flow
from workbench.figures.keywords import keyword_frequencies
from workbench.figures.lens_comparison import lens_comparison
from workbench.figures.lens_overlay import lens_overlay
from workbench.figures.masks import mask_gallery
from workbench.figures.method_scores import method_scores
from workbench.figures.pareto import pareto
from workbench.figures.parts.groups import flow_groups
from workbench.figures.parts.headlines import by_task, headline
from workbench.figures.parts.template import FLOW_STYLES, TEMPLATE, line_styles
from workbench.figures.side_by_side import models_compared, windows_compared
from workbench.figures.smallest_pathway import open_blocks, smallest_pathway
from workbench.figures.staged_flow import staged_flow
from workbench.figures.sufficiency import sufficiency
from workbench.figures.totals import total_effects
from workbench.figures.twin_patching import twin_patching
from workbench.figures.use_of_time import use_of_time
from workbench.figures.what_mattered import what_mattered
from workbench.figures.windows import change_by_window
from workbench.figures.written_tokens import flows_while_writing

__all__ = [
    "FLOW_STYLES",
    "TEMPLATE",
    "accuracy",
    "accuracy_by_case",
    "accuracy_by_depth",
    "accuracy_drops",
    "agreement_by_cost",
    "agreement_by_layer",
    "answer_probability",
    "attention_heat",
    "attention_mass",
    "attribution",
    "by_task",
    "change_by_window",
    "clip_strip",
    "flow_figures",
    "flow_groups",
    "flows_while_writing",
    "headline",
    "information_flow",
    "keyword_frequencies",
    "lens_comparison",
    "lens_overlay",
    "line_styles",
    "mask_gallery",
    "method_scores",
    "models_compared",
    "open_blocks",
    "pareto",
    "smallest_pathway",
    "staged_flow",
    "sufficiency",
    "total_effects",
    "twin_patching",
    "use_of_time",
    "what_mattered",
    "windows_compared",
]


def __getattr__(name: str) -> Any:
    # write_html, try_png and the like stand in `workbench.pages`; here they are attached.
    return home_of(f"figures.{name}")

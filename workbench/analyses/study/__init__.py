"""An Empirical Study: accuracy under cuts and exits, on all samples."""

from workbench.analyses.study.cases import (
    EXIT_AFTER,
    FRAME_LOCAL,
    NO_VIDEO,
    STUDY_FLOWS,
    UNTOUCHED,
    Case,
    accelerations,
    by_depth,
    depths,
    everywhere,
    in_window,
    pathways_alone,
    savings,
    study_window,
)
from workbench.analyses.study.costs import costs, costs_in_short
from workbench.analyses.study.critical import critical_layers, window_tests
from workbench.analyses.study.gallery import mask_table, small_layout
from workbench.analyses.study.measurement import Studied, study
from workbench.analyses.study.search import choose_case, search_table
from workbench.analyses.study.shares import case_shares
from workbench.analyses.study.stages import knees_of
from workbench.analyses.study.verdicts import study_findings

__all__ = [
    "EXIT_AFTER",
    "FRAME_LOCAL",
    "NO_VIDEO",
    "STUDY_FLOWS",
    "UNTOUCHED",
    "Case",
    "Studied",
    "accelerations",
    "by_depth",
    "case_shares",
    "choose_case",
    "costs",
    "costs_in_short",
    "critical_layers",
    "depths",
    "everywhere",
    "in_window",
    "knees_of",
    "mask_table",
    "pathways_alone",
    "savings",
    "search_table",
    "small_layout",
    "study",
    "study_findings",
    "study_window",
    "window_tests",
]

"""Effective pathways: in which layers each flow carries the answer, and whether these layers are enough."""

from workbench.analyses.pathways.closing import GENERAL_FLOWS, MODES
from workbench.analyses.pathways.points_lost import Sufficiency, suffice_table
from workbench.analyses.pathways.ranges import Pathways
from workbench.analyses.pathways.side_by_side import (
    bins_of,
    effective_layers,
    open_layers,
    ranges_by_task,
    ranges_of_models,
    rows_used,
)

__all__ = [
    "GENERAL_FLOWS",
    "MODES",
    "Pathways",
    "Sufficiency",
    "bins_of",
    "effective_layers",
    "open_layers",
    "ranges_by_task",
    "ranges_of_models",
    "rows_used",
    "suffice_table",
]

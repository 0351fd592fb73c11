"""Tables -> summaries with intervals, and tests."""

from workbench.statistics.bootstrap import Estimate, Interval, bootstrap_mean
from workbench.statistics.cautions import curve_warnings, reliability
from workbench.statistics.columns import require_columns
from workbench.statistics.curves import Point, curve_points, curve_table
from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values
from workbench.statistics.proportions import share_table, wilson

__all__ = [
    "Estimate",
    "Interval",
    "Point",
    "bootstrap_mean",
    "curve_points",
    "curve_table",
    "curve_warnings",
    "holm",
    "paired_p_values",
    "reliability",
    "require_columns",
    "share_table",
    "wilson",
]

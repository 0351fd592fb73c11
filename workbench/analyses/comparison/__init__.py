"""Two runs of one analysis, side by side."""

from workbench.analyses.comparison.folders import RunComparison, compare_runs

__all__ = ["RunComparison", "compare_runs"]

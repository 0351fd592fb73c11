"""Sweeps: cut every flow in every layer range, and what their curves say of one model and of several."""

from workbench.analyses.sweep.comparison import Comparison, compare_runs, sweep_even_if_wrong
from workbench.analyses.sweep.drops import accuracy_drop

__all__ = ["Comparison", "accuracy_drop", "compare_runs", "sweep_even_if_wrong"]

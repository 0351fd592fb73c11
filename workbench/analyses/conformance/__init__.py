"""What every model must stand before its numbers mean anything: checks that run on any loaded model."""

from __future__ import annotations

from workbench.analyses.conformance import held, processor  # add their checks to them
from workbench.analyses.conformance.checks import CHECKS, Check
from workbench.analyses.conformance.table import COLUMNS, conformance

__all__ = ["CHECKS", "COLUMNS", "Check", "conformance", "held", "processor"]

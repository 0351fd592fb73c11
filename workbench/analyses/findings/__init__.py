"""Which claims of Map the Flow hold for a model and its data."""

from workbench.analyses.findings.by_task import SWEPT_FLOWS, findings_by_task, findings_shown
from workbench.analyses.findings.verdicts import CROSS

__all__ = ["CROSS", "SWEPT_FLOWS", "findings_by_task", "findings_shown"]

"""Which claims of Map the Flow hold for a model and its data."""

from workbench.analyses.findings.by_task import IMAGE_FLOWS, SWEPT_FLOWS, findings_by_task, findings_shown

__all__ = ["IMAGE_FLOWS", "SWEPT_FLOWS", "findings_by_task", "findings_shown"]

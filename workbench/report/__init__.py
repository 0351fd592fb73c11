"""The report of a run: one HTML page that needs nothing else."""

from workbench.report.page import REPORT, write_report

__all__ = ["REPORT", "write_report"]

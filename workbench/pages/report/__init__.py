"""The report of a run: one HTML page that needs nothing else, and beside it pages of single samples."""

from workbench.pages.report.page import REPORT, write_report

__all__ = ["REPORT", "write_report"]

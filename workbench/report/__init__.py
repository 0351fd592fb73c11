"""The report of a run: one HTML page that needs nothing else, and beside it pages of single samples."""

from workbench.report.page import REPORT, write_report
from workbench.report.sample_pages import samples_to_show, write_sample_page

__all__ = ["REPORT", "samples_to_show", "write_report", "write_sample_page"]

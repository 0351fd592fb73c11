"""One sample, looked into: what the viewer shows, and the viewer as a page."""

from workbench.pages.sample.exploration import Exploration
from workbench.pages.sample.of_run import write_sample_page, write_sample_pages
from workbench.pages.sample.page import write_page

__all__ = ["Exploration", "write_page", "write_sample_page", "write_sample_pages"]

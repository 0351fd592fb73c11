"""One sample, looked into: what the viewer shows, and the viewer as a page."""

from workbench.pages.sample.exploration import Exploration
from workbench.pages.sample.page import write_page

__all__ = ["Exploration", "write_page"]

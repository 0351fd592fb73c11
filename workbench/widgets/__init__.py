"""Viewers for notebooks, and the same as pages: one sample, looked into."""

from workbench.pages.sample.exploration import Exploration
from workbench.pages.sample.page import write_page
from workbench.widgets.view import view

__all__ = ["Exploration", "view", "write_page"]

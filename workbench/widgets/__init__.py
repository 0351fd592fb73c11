"""Viewers for notebooks, and the same as pages: one sample, looked into."""

from workbench.widgets.exploration import Exploration
from workbench.widgets.page import write_page
from workbench.widgets.view import view

__all__ = ["Exploration", "view", "write_page"]

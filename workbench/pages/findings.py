"""The verdict as a page: each claim, what was measured, and the rule that decided."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from workbench.figures.parts.template import MUTED
from workbench.files import write_whole
from workbench.pages.html import render

_COLORS = {"holds": "#00704f", "does not hold": "#b03a00", "undecided": "#6b5b00", "not measured": MUTED}


def write_findings(table: pd.DataFrame, path: Path | str, *, title: str, about: str = "") -> Path:
    """Write the table of `findings(..)` as a page without scripts, and give back its path.

    The file appears whole or not at all. Whatever names are in the table are shown as text.
    """
    rows = table.to_dict("records")
    return write_whole(path, render("findings.html.j2", title=title, about=about, rows=rows, colors=_COLORS))

"""Interactive figures as files: one html page each, with all that it needs inside."""

from __future__ import annotations

import os
from pathlib import Path

import plotly.graph_objects as go


def write_html(fig: go.Figure, path: Path | str) -> Path:
    """Write `fig` as an html page that asks the network for nothing, and give back its path.

    plotly's program is in it, about 5 MB. The file appears whole or not at all.
    """
    path = Path(path)
    page = fig.to_html(
        include_plotlyjs=True, full_html=True, config={"displaylogo": False, "responsive": True}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.write_text(page, encoding="utf-8")
    os.replace(unfinished, path)
    return path

"""Figures in notebooks: interactive where plotly can draw, a picture on pages that run no code (GitHub)."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio
from plotly.io.base_renderers import MimetypeRenderer

from workbench.pages.drawing import write_png

NAME = "workbench"
_WIDTH = 1000  # pixels of the picture: a cell of JupyterLab, which shows it until the mouse is over it
_CONFIG = {"showSendToCloud": False, "displaylogo": False}  # figures stay on this machine


class _FigureAndPicture(MimetypeRenderer):
    """Both forms in one output; the page that shows it takes the richest that it knows."""

    def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
        fig = go.Figure(fig_dict)
        with tempfile.TemporaryDirectory() as folder:
            picture = write_png(fig, Path(folder) / "figure.png", width=_WIDTH, scale=1).read_bytes()
        return {
            "application/vnd.plotly.v1+json": fig_dict | {"config": _CONFIG},
            "image/png": base64.b64encode(picture).decode("ascii"),
        }


def use_in_notebooks() -> None:
    """Let every plotly figure of this notebook show without a network, and on pages that run no code.

    Costs about a second a figure, for the picture.
    """
    pio.renderers[NAME] = _FigureAndPicture()
    pio.renderers.default = NAME

"""Every figure of the project is one that saves itself, and stays one."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import plotly.graph_objects as go

from tests import ROOT
from workbench.figures.parts.figure import Figure


def test_figures_are_made_as_ours_and_nowhere_as_plotlys() -> None:
    for path in sorted((Path(ROOT) / "workbench" / "figures").rglob("*.py")):
        if path.name != "figure.py":
            text = path.read_text("utf-8")
            assert "go.Figure" not in text, path
            assert "make_subplots" not in text, path


def test_a_copy_still_saves_itself() -> None:
    fig = Figure(go.Scatter(y=[1, 2]))
    for same in (copy.deepcopy(fig), pickle.loads(pickle.dumps(fig))):
        assert type(same) is Figure
        assert same.to_plotly_json() == fig.to_plotly_json()

"""Numbers that every accuracy stands beside: of the untouched model, without any video, and by chance."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from workbench.figures.parts.grid import Grid
from workbench.figures.parts.template import INK, MUTED, VERMILLION

LOOKS = {
    "untouched model": (INK, "solid"),
    "no video": (VERMILLION, "dash"),
    "chance": (MUTED, "dot"),
}
"""Colour and dash by name, in the order of the legend."""


def add_levels(
    panels: Grid, index: int, levels: Mapping[str, float], span: tuple[float, float], *, upright: bool = False
) -> None:
    """Lines at `levels`, by name, through panel `index`, from one end of `span` to the other; `upright` where
    bars lie and accuracy runs to the right. Names are in the legend once."""
    drawn = {trace.name for trace in panels.fig.data}  # pyright: ignore[reportAttributeAccessIssue]
    for rank, (name, (color, dash)) in enumerate(LOOKS.items(), start=100):
        if name not in levels:
            continue
        along, across = list(span), [levels[name]] * 2
        panels.add(
            index,
            go.Scatter(
                x=across if upright else along,
                y=along if upright else across,
                mode="lines",
                line={"color": color, "dash": dash, "width": 1.4},
                name=name,
                legendgroup=name,
                legendrank=rank,
                showlegend=name not in drawn,
                hovertemplate=f"{name}: %{{{'x' if upright else 'y'}:.3g}}<extra></extra>",
            ),
        )

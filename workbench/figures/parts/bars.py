"""Horizontal bars: their intervals, and the words at their right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.figures.parts.figure import Figure
from workbench.figures.parts.template import INK, MUTED


def interval_bars(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float], color: str = INK
) -> dict[str, Any]:
    """Plotly's `error_x` of bars that end at `values`, for intervals from `lows` to `highs`."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, high - value) for value, high in zip(values, highs, strict=True)],
        "arrayminus": [max(0.0, value - low) for value, low in zip(values, lows, strict=True)],
        "color": color,
        "thickness": 1.4 if color == INK else 1.6,
        "width": 4,
    }


def label_bar(fig: Figure, y: Any, number: str, words: str, *, size: int) -> None:
    """A bar's number, bold, and `words` in a column at the right of the panel, where no interval crosses."""
    fig.add_annotation(
        x=1,
        xref="paper",
        xanchor="left",
        xshift=10,
        y=y,
        yref="y",
        text=f"<b>{number}</b> <span style='color:{MUTED}'>{words}</span>" if number else words,
        showarrow=False,
        font={"size": size, "color": INK},
    )

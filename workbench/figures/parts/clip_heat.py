"""Heat of frames or cells over the frames of one clip: a part of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.figures.parts.figure import Figure
from workbench.figures.parts.pictures import frame_uri
from workbench.figures.parts.template import INK

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

LOSS = [[0.0, "rgb(178,24,43)"], [0.5, "rgba(255,255,255,0)"], [1.0, "rgb(33,102,172)"]]
"""Red where the answer loses, blue where it gains; nothing is clear, so that pictures show through."""
_PICTURE = 192  # pixels at which frames are stored in the figure


def add_clip_heat(
    fig: Figure,
    number: int,
    whole: pd.DataFrame,
    frames: np.ndarray,
    layout: TokenLayout,
    each: str,
    grid: tuple[int, int],
    bound: float,
    name: str,
    digits: str,
) -> None:
    """Frames in lines, under a heat of frames or of cells, in row `number` of a figure.

    `whole` has a row a unit, with its mean; `grid` is (frames a line, lines), `bound` the end of the scale.
    """
    across, lines = grid
    units = max(1, layout.n_frames)
    together = max(1, round(len(frames) / units))  # frames that share their rows of the prompt
    shown = range(1) if each == "location" else range(units)
    rows, columns = (layout.grid or (1, 1)) if each in ("cell", "location") else (1, 1)
    values = np.full((lines * rows, across * columns), np.nan)
    told = np.full(values.shape, "", dtype=object)
    for row in whole.to_dict("records"):
        t = 0 if each == "location" else int(row["frame"])
        if each == "frame pair" or t not in shown:
            continue
        i, j = max(0, int(row["row"])), max(0, int(row["column"]))
        place = (t // across) * rows + i, (t % across) * columns + j
        values[place], told[place] = row["mean"], f"{row['unit']}: {row['mean']:{digits}}"
    axis = "" if number == 1 else str(number)
    for t in shown:
        fig.add_layout_image(
            source=frame_uri(frames[min(t * together, len(frames) - 1)], _PICTURE),
            x=t % across + 0.01,
            y=t // across + 0.01,
            sizex=0.98,
            sizey=0.98,
            xref=f"x{axis}",
            yref=f"y{axis}",
            xanchor="left",
            yanchor="top",
            sizing="stretch",
            layer="below",
        )
        fig.add_annotation(
            x=t % across + 0.04,
            y=t // across + 0.02,
            xref=f"x{axis}",
            yref=f"y{axis}",
            xanchor="left",
            yanchor="top",
            showarrow=False,
            text=f"<b>{'all frames' if each == 'location' else t}</b>",
            font={"size": 12, "color": INK},
            bgcolor="rgba(255,255,255,0.75)",
            borderpad=1,
        )
    fig.add_trace(
        go.Heatmap(
            z=values,
            x0=0.5 / columns,
            dx=1 / columns,
            y0=0.5 / rows,
            dy=1 / rows,
            zmin=-bound,
            zmax=bound,
            colorscale=LOSS,
            opacity=0.6,
            showscale=each != "frame pair",
            colorbar=colour_bar(fig, number, name),
            customdata=told,
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
        ),
        row=number,
        col=1,
    )
    if each != "location":
        _mark_sinks(fig, number, layout, across)
    hidden = {"visible": False, "fixedrange": True}
    across_from = -(across - 1) / 2 if each == "location" else 0  # one picture stands in the middle
    fig.update_xaxes(range=[across_from, across_from + across], row=number, col=1, **hidden)
    fig.update_yaxes(range=[lines, 0], row=number, col=1, **hidden)


def _mark_sinks(fig: Figure, number: int, layout: TokenLayout, across: int) -> None:
    """A cross in each cell of the shown clip that is an attention sink."""
    cells = layout.cells
    if cells is None or "video_sinks" not in layout:
        return
    _, rows, columns = cells.shape
    places = np.argwhere(np.isin(cells, layout["video_sinks"])).tolist()
    fig.add_trace(
        go.Scatter(
            x=[t % across + (j + 0.5) / columns for t, _, j in places],
            y=[t // across + (i + 0.5) / rows for t, i, _ in places],
            mode="markers",
            marker={"symbol": "x-thin-open", "size": 9, "color": INK, "line": {"width": 2}},
            name="attention sink in this clip",
            hoverinfo="skip",
        ),
        row=number,
        col=1,
    )


def colour_bar(fig: Figure, number: int, name: str) -> dict[str, object]:
    """A colour bar beside one part of the figure."""
    axis: Any = fig.layout
    low, high = axis[f"yaxis{'' if number == 1 else number}"]["domain"]
    title = {"text": name.replace(" of ", "<br>of "), "font": {"size": 11}}
    return {"y": (low + high) / 2, "len": high - low, "thickness": 12, "title": title, "x": 1.01}

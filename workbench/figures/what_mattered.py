"""Which frames, pairs, cells or heads mattered: heat on the clip, beside controls, and on the layer axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.figures.parts.pictures import frame_uri
from workbench.figures.parts.template import BLUE, INK, MUTED, TEMPLATE, VERMILLION, title_of
from workbench.figures.parts.text import arrows, few_mark, plain, task_name
from workbench.interventions import axis_of
from workbench.shapes import UInt8

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

UNITS = {"log_odds": ("change of log-odds", ".2f"), "probability": ("change of the probability, %", ".1f")}
LOSS = [[0.0, "rgb(178,24,43)"], [0.5, "rgba(255,255,255,0)"], [1.0, "rgb(33,102,172)"]]
"""Red where the answer loses, blue where it gains; nothing is clear, so that pictures show through."""
SOLID = [[0.0, "rgb(178,24,43)"], [0.5, "rgb(247,247,247)"], [1.0, "rgb(33,102,172)"]]
_ACROSS = 8
"""Frames a line of pictures."""
_PICTURE = 192  # pixels at which frames are stored in the figure
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM, _GAP = 1100, 150, 120, 96, 60, 74
_MOST_LINES = 64
"""A heat map of more units by layer could not be read."""


def what_mattered(
    table: pd.DataFrame,
    frames: UInt8[np.ndarray, "T H W 3"],
    layout: TokenLayout,
    *,
    each: str,
    to: str | None = None,
    measure: str = "log_odds",
    sinks: pd.DataFrame | None = None,
    title: str | None = None,
) -> go.Figure:
    """Heat on one clip, effects beside their controls, and effects by layer.

    `table` is that of one task (`Mattered.table`), `frames` and `layout` those of the sample whose clip is
    shown. The widest window gives the pictures and bars, one that moves over the layers the heat by layer.
    `sinks` (`Mattered.sinks`) are bars of their own.
    """
    width = table["last_layer"] - table["first_layer"]
    whole = table.loc[(width == width.max()).to_numpy()].drop_duplicates("unit")
    moving = table.loc[[axis_of(window) is not None for window in table["window"]]]
    bars = whole
    if each in ("cell", "location", "frame pair"):  # too many for bars: the strongest
        bars = whole.iloc[np.argsort(-whole["mean"].abs().to_numpy(), kind="stable")[:16]]
    apart = _apart(sinks)
    parts = [] if each == "head" else ["clip"]
    parts += ["pairs"] if each == "frame pair" else []
    parts += ["bars"]
    parts += ["layers"] if len(moving) and moving["unit"].nunique() <= _MOST_LINES else []
    aspect = frames.shape[1] / frames.shape[2]
    shown = 1 if each == "location" else layout.n_frames
    across = min(_ACROSS, shown) if each != "location" else 4
    lines = -(-shown // across)
    inner = _WIDTH - _LEFT - _RIGHT
    heights = {
        "clip": lines * (inner / across * aspect + 4),
        "pairs": 34.0 * max(layout.n_frames, 4),
        "bars": 250.0,
        "layers": 22.0 * moving["unit"].nunique() + 10,
    }
    pixels = [heights[part] for part in parts]
    total = sum(pixels) + _GAP * (len(parts) - 1)
    height = round(total + _TOP + _BOTTOM)
    fig = make_subplots(rows=len(parts), cols=1, row_heights=pixels, vertical_spacing=_GAP / total)
    bound = max(float(np.nanmax(np.abs(whole["mean"].to_numpy()), initial=0.0)), 1e-9)
    for number, part in enumerate(parts, start=1):
        if part == "clip":
            _clip(fig, number, whole, frames, layout, each, (across, lines), bound, measure)
        elif part == "pairs":
            _pairs(fig, number, whole, layout.n_frames, bound, measure)
        elif part == "bars":
            _bars(fig, number, bars, apart, measure)
        else:
            _layers(fig, number, moving, measure)
    n = int(whole["n"].max())
    name = f"Which {each}s mattered: {task_name(str(table['task'].iloc[0]))}" if title is None else title
    target = "what comes after" if to is None else to
    target = "the later frame" if each == "frame pair" else "the text" if each == "head" and not to else target
    window = str(whole["window"].iloc[0])
    reading = f"Cut from {target}, {window}. Mean over {n} samples{few_mark(n)}, 95% intervals; red: the answer loses"
    fig.update_layout(
        template=TEMPLATE,
        title=title_of(plain(name), arrows(plain(reading)), height),
        width=_WIDTH,
        height=height,
        margin={"l": _LEFT, "r": _RIGHT, "t": _TOP, "b": _BOTTOM, "autoexpand": False},
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"yref": "container", "y": 1 - 66 / height, "yanchor": "top"},
    )
    return fig


def _apart(sinks: pd.DataFrame | None) -> pd.DataFrame | None:
    if sinks is None or sinks.empty:
        return None
    width = sinks["last_layer"] - sinks["first_layer"]
    return sinks.loc[(width == width.max()).to_numpy()].drop_duplicates(["kind", "unit"])


def _clip(
    fig: go.Figure,
    number: int,
    whole: pd.DataFrame,
    frames: np.ndarray,
    layout: TokenLayout,
    each: str,
    grid: tuple[int, int],
    bound: float,
    measure: str,
) -> None:
    """Frames in lines, under a heat of frames or of cells."""
    across, lines = grid
    name, digits = UNITS[measure]
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
            opacity=0.7,
            showscale=each != "frame pair",
            colorbar=_bar(fig, number, name),
            customdata=told,
            hovertemplate="%{customdata}<extra></extra>",
            hoverongaps=False,
        ),
        row=number,
        col=1,
    )
    hidden = {"visible": False, "fixedrange": True}
    fig.update_xaxes(range=[0, across], row=number, col=1, **hidden)
    fig.update_yaxes(range=[lines, 0], row=number, col=1, **hidden)


def _pairs(fig: go.Figure, number: int, whole: pd.DataFrame, n: int, bound: float, measure: str) -> None:
    values = np.full((n, n), np.nan)
    for row in whole.to_dict("records"):
        values[int(row["to_frame"]), int(row["frame"])] = row["mean"]
    name, digits = UNITS[measure]
    fig.add_trace(
        go.Heatmap(
            z=values,
            zmin=-bound,
            zmax=bound,
            colorscale=SOLID,
            colorbar=_bar(fig, number, name),
            hovertemplate=f"frame[%{{x}}] to frame[%{{y}}]: %{{z:{digits}}}<extra></extra>",
            hoverongaps=False,
            xgap=1,
            ygap=1,
        ),
        row=number,
        col=1,
    )
    ticks = {"dtick": 1 if n <= 16 else 4, "showgrid": False}
    fig.update_xaxes(title_text="frame that is read (keys)", row=number, col=1, **ticks)
    fig.update_yaxes(title_text="frame that reads", autorange="reversed", row=number, col=1, **ticks)


def _bars(fig: go.Figure, number: int, bars: pd.DataFrame, apart: pd.DataFrame | None, measure: str) -> None:
    """Each unit with its interval; its control as a mark; what concerns sinks at the right."""
    labels = [_label(row) for row in bars.to_dict("records")]
    _bar_trace(fig, number, labels, bars, "cut", VERMILLION)
    has_control = bool(np.isfinite(bars["control_mean"].to_numpy()).any())
    if has_control:
        fig.add_trace(
            go.Scatter(
                x=labels,
                y=bars["control_mean"],
                error_y=_reach(bars, "control_mean", "control_low", "control_high"),
                mode="markers",
                marker={"symbol": "diamond", "size": 9, "color": MUTED},
                name="as many other edges",
            ),
            row=number,
            col=1,
        )
    if apart is not None:
        for kind, name, color in (("sparing", "without its sinks", BLUE), ("sinks", "sinks alone", INK)):
            rows = apart.loc[(apart["kind"] == kind).to_numpy()]
            if kind == "sparing":
                rows = rows.loc[rows["unit"].isin(bars["unit"]).to_numpy()]
            if len(rows):
                _bar_trace(fig, number, [_label(row) for row in rows.to_dict("records")], rows, name, color)
    lost = [f"{label}" for label, row in zip(labels, bars.to_dict("records"), strict=True) if row["matters"]]
    for label in lost:
        fig.add_annotation(
            x=label, y=0, text="★", showarrow=False, yanchor="bottom", row=number, col=1, font={"size": 14}
        )
    fig.update_yaxes(title_text=UNITS[measure][0].replace(", %", "<br>%"), row=number, col=1)
    note = "★ loses more than with as many other edges (p below 0.05, corrected)" if lost else ""
    fig.update_xaxes(title_text=note, type="category", row=number, col=1)


def _bar_trace(
    fig: go.Figure, number: int, labels: Sequence[str], rows: pd.DataFrame, name: str, color: str
) -> None:
    fig.add_trace(
        go.Bar(
            x=list(labels),
            y=rows["mean"],
            error_y=_reach(rows, "mean", "low", "high"),
            marker={"color": color},
            name=name,
            hovertemplate="%{x}: %{y:.3g}<extra></extra>",
        ),
        row=number,
        col=1,
    )


def _layers(fig: go.Figure, number: int, moving: pd.DataFrame, measure: str) -> None:
    units = list(dict.fromkeys(moving["unit"]))
    layers = sorted(set(moving["layer"].tolist()))
    values = np.full((len(units), len(layers)), np.nan)
    for row in moving.to_dict("records"):
        values[units.index(row["unit"]), layers.index(row["layer"])] = row["mean"]
    bound = max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-9)
    name, digits = UNITS[measure]
    fig.add_trace(
        go.Heatmap(
            z=values,
            x=layers,
            y=[plain(arrows(unit)) for unit in units],
            zmin=-bound,
            zmax=bound,
            colorscale=SOLID,
            colorbar=_bar(fig, number, name),
            hovertemplate=f"%{{y}}, layer %{{x}}: %{{z:{digits}}}<extra></extra>",
            xgap=1,
            ygap=1,
        ),
        row=number,
        col=1,
    )
    window = str(moving["window"].iloc[0])
    fig.update_xaxes(title_text=f"layer ({window})", dtick=1 if len(layers) <= 40 else 4, row=number, col=1)
    fig.update_yaxes(autorange="reversed", showgrid=False, row=number, col=1)


def _bar(fig: go.Figure, number: int, name: str) -> dict[str, object]:
    """A colour bar beside one part of the figure."""
    low, high = fig.layout[f"yaxis{'' if number == 1 else number}"]["domain"]
    title = {"text": name.replace(" of ", "<br>of "), "font": {"size": 11}}
    return {"y": (low + high) / 2, "len": high - low, "thickness": 12, "title": title, "x": 1.01}


def _reach(rows: pd.DataFrame, mean: str, low: str, high: str) -> dict[str, object]:
    up, down = rows[high] - rows[mean], rows[mean] - rows[low]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2, "width": 3}


def _label(row: dict[str, object]) -> str:
    return plain(arrows(str(row["unit"])))

"""Which frames, pairs, cells or heads mattered: heat on the clip, beside controls, and on the layer axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.figures.parts.clip_heat import add_clip_heat, colour_bar
from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.names import window_words
from workbench.figures.parts.template import BLUE, INK, TEMPLATE, VERMILLION, title_of
from workbench.figures.parts.text import arrows, few_mark, plain, task_name
from workbench.interventions import axis_of, series_of
from workbench.shapes import UInt8

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

UNITS = {"log_odds": ("change of log-odds", ".2f"), "probability": ("change of the probability, %", ".1f")}
SOLID = [[0.0, "rgb(178,24,43)"], [0.5, "rgb(247,247,247)"], [1.0, "rgb(33,102,172)"]]
"""Red where the answer loses, blue where it gains."""
_ACROSS = 8
"""Frames a line of pictures."""
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 1100, 150, 120, 96, 66
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
    here: pd.DataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Heat on one clip, effects beside their controls, and effects by layer.

    `table` is that of one task (`Mattered.table`), `frames` and `layout` those of the sample whose clip is
    shown. The widest window gives the pictures and bars, one that moves over the layers the heat by layer.
    `sinks` (`Mattered.sinks`) are bars of their own. `here` has the effects in the shown clip alone, for heat
    of cells: things move, and no two clips have them in the same place.
    """
    whole = _widest(table)
    moving = table.loc[[bool(axis_of(window)) for window in table["window"]]]
    bars = whole
    if each in ("cell", "location", "frame pair"):  # too many for bars: the strongest
        bars = whole.iloc[np.argsort(-whole["mean"].abs().to_numpy(), kind="stable")[:16]]
    apart = None if sinks is None or sinks.empty else _widest(sinks, "kind")
    parts = [] if each == "head" else ["clip"]
    parts += ["pairs"] if each == "frame pair" else []
    parts += ["bars"]
    parts += ["layers"] if len(moving) and moving["unit"].nunique() <= _MOST_LINES else []
    aspect = frames.shape[1] / frames.shape[2]
    shown = 1 if each == "location" else layout.n_frames
    across = min(_ACROSS, shown) if each != "location" else 3
    lines = -(-shown // across)
    inner = _WIDTH - _LEFT - _RIGHT
    heights = {
        "clip": lines * (inner / across * aspect + 4),
        "pairs": 34.0 * max(layout.n_frames, 4),
        "bars": 250.0,
        "layers": 22.0 * moving["unit"].nunique() + 10,
    }
    slanted = any(len(unit) > 10 for unit in bars["unit"])
    below = {"clip": 26, "pairs": 70, "bars": 130 if slanted else 70, "layers": 0}
    total = sum(heights[part] + below[part] for part in parts[:-1]) + heights[parts[-1]]
    bottom = _BOTTOM + (60 if slanted and parts[-1] == "bars" else 0)
    height = round(total + _TOP + bottom)
    fig = subplots(rows=len(parts), cols=1)
    top = total
    for number, part in enumerate(parts, start=1):
        domain = [max(0.0, (top - heights[part]) / total), min(1.0, top / total)]
        fig.update_yaxes(domain=domain, row=number, col=1)
        top -= heights[part] + below[part]
    heat = whole if here is None else _widest(here)
    bound = max(float(np.nanmax(np.abs(heat["mean"].to_numpy()), initial=0.0)), 1e-9)
    for number, part in enumerate(parts, start=1):
        if part == "clip":
            add_clip_heat(fig, number, heat, frames, layout, each, (across, lines), bound, *UNITS[measure])
        elif part == "pairs":
            _pairs(fig, number, whole, layout.n_frames, bound, measure)
        elif part == "bars":
            _bars(fig, number, bars, apart, len(whole), measure)
        else:
            _layers(fig, number, moving, measure)
    n = int(whole["n"].to_numpy().max())
    name = f"Which {each}s mattered: {task_name(str(table['task'].iloc[0]))}" if title is None else title
    target = "what comes after" if to is None else to
    target = (
        "the later frame" if each == "frame pair" else "the text" if each == "head" and not to else target
    )
    window = window_words(str(whole["window"].iloc[0]))
    reading = f"Cut from {target}. {window}. Mean over {n} samples{few_mark(n)}, 95% intervals; red: a loss"
    reading += "" if here is None else ". Heat: this clip alone"
    fig.update_layout(
        template=TEMPLATE,
        title=title_of(plain(name), arrows(plain(reading)), height),
        width=_WIDTH,
        height=height,
        margin={"l": _LEFT, "r": _RIGHT, "t": _TOP, "b": bottom, "autoexpand": False},
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"yref": "container", "y": 1 - 66 / height, "yanchor": "top"},
    )
    return fig


def _widest(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The widest cut of each unit."""
    width = table["last_layer"] - table["first_layer"]
    return table.loc[(width == width.max()).to_numpy()].drop_duplicates([*names, "unit"])


def _pairs(fig: Figure, number: int, whole: pd.DataFrame, n: int, bound: float, measure: str) -> None:
    values = np.full((n, n), np.nan)
    for row in cast(list[dict[str, Any]], whole.to_dict("records")):
        values[int(row["to_frame"]), int(row["frame"])] = row["mean"]
    name, digits = UNITS[measure]
    fig.add_trace(
        go.Heatmap(
            z=values,
            zmin=-bound,
            zmax=bound,
            colorscale=SOLID,
            colorbar=colour_bar(fig, number, name),
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


def _bars(
    fig: Figure, number: int, bars: pd.DataFrame, apart: pd.DataFrame | None, units: int, measure: str
) -> None:
    """Each unit and its control, with intervals; what concerns sinks at the right."""
    labels = [_label(row) for row in bars.to_dict("records")]
    _bar_trace(fig, number, labels, bars, "cut", VERMILLION)
    has_control = bool(np.isfinite(bars["control_mean"].to_numpy()).any())
    if has_control:
        as_means = {f"control_{name}": name for name in ("mean", "low", "high")}
        controls = bars.drop(columns=["mean", "low", "high"]).rename(columns=as_means)
        _bar_trace(fig, number, labels, controls, "as many other edges", "#9a9a9a")
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
    notes = [f"the {len(bars)} largest of {units}"] if len(bars) < units else []
    notes += ["★ loses more than with as many other edges (p below 0.05, corrected)"] if lost else []
    fig.update_xaxes(title_text="; ".join(notes), type="category", row=number, col=1)


def _bar_trace(
    fig: Figure, number: int, labels: Sequence[str], rows: pd.DataFrame, name: str, color: str
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


def _layers(fig: Figure, number: int, moving: pd.DataFrame, measure: str) -> None:
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
            colorbar=colour_bar(fig, number, name),
            hovertemplate=f"%{{y}}, layer %{{x}}: %{{z:{digits}}}<extra></extra>",
            xgap=1,
            ygap=1,
        ),
        row=number,
        col=1,
    )
    window = series_of(str(moving["window"].iloc[0]))
    fig.update_xaxes(title_text=f"layer, {window}", dtick=1 if len(layers) <= 40 else 4, row=number, col=1)
    fig.update_yaxes(autorange="reversed", showgrid=False, row=number, col=1)


def _reach(rows: pd.DataFrame, mean: str, low: str, high: str) -> dict[str, object]:
    up, down = rows[high] - rows[mean], rows[mean] - rows[low]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2, "width": 3}


def _label(row: dict[str, object]) -> str:
    return plain(arrows(str(row["unit"])))

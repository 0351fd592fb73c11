"""Attention maps on the frames: layers by frames, untouched beside cut (Map the Flow, Fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from PIL import Image, ImageEnhance

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.pictures import data_uri
from workbench.figures.parts.template import INK, MUTED, TEMPLATE, title_of
from workbench.figures.parts.text import arrows, plain

if TYPE_CHECKING:
    from workbench.analyses.attention.maps import AttentionMaps

FLOOR = 5e-5
"""Added before the logarithm, as in the paper: weights far below it all look alike."""
HEAT: tuple[tuple[float, str], ...] = (
    (0.0, "rgba(40,8,84,0.00)"),
    (0.25, "rgba(101,21,110,0.45)"),
    (0.5, "rgba(188,55,84,0.65)"),
    (0.75, "rgba(249,142,9,0.80)"),
    (1.0, "rgba(252,255,164,0.95)"),
)
"""Inferno (van der Walt and Smith, 2015), the lower the more transparent: the frame shows through."""
_TICKS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
_GAP = 0.5  # cells between two pictures
_PICTURE = 96  # pixels at which frames are stored in the figure, at most
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 104, 112, 24  # pixels around the pictures


def attention_heat(
    maps: AttentionMaps,
    beside: AttentionMaps | None = None,
    *,
    title: str | None = None,
    width: int = 1180,
) -> Figure:
    """Heat on the frames, one line of pictures a layer; with `beside`, other maps of the same query at the
    right.

    Colours show log10(5e-5 + weight) on one scale, hover texts the weight itself. Of a unit of several frames
    the first is shown. Raises RunError where the two are not of one query, its layers and its prompt, and
    SpanError where the prompt has no grid of cells.
    """
    panels = [maps] if beside is None else [maps, beside]
    if beside is not None:
        refuse_others(maps, beside)
    cells = [panel.cells for panel in panels]  # (l, t, i, j)
    heat = [np.log10(FLOOR + panel) for panel in cells]
    aspect = _frames(maps)[1]
    inner = width - _LEFT - _RIGHT
    bounds = _bounds(cells)
    _, units, rows, columns = cells[0].shape
    across = units * (columns + _GAP) - _GAP  # cells of a panel, with the gaps
    between = 0.8 * columns if len(panels) > 1 else 0
    total = len(panels) * across + (len(panels) - 1) * between
    cell_width = inner / total  # pixels
    cell_height = cell_width * columns * aspect / rows
    down = len(maps.layers) * (rows + _GAP) - _GAP
    height = round(down * cell_height + _TOP + _BOTTOM)
    fig = Figure()
    for number, panel in enumerate(panels):
        left = number * (across + between)
        fig.add_trace(_trace(panel, cells[number], heat[number], left, bounds, number == 0, height))
        _label(fig, panel, left, columns)
    # One picture behind all cells: each of many costs the drawing program and the browser more than its size.
    sharp = min(_PICTURE / columns, 2 * cell_width)  # pixels a cell
    fig.add_layout_image(
        source=_backdrop(maps, len(panels), (total, down), across + between, sharp),
        x=0,
        y=0,
        sizex=total,
        sizey=down,
        xref="x",
        yref="y",
        xanchor="left",
        yanchor="top",
        sizing="stretch",
        layer="below",
    )
    name = f"What {plain(maps.query)} looks at" if title is None else plain(title)
    reading = f"{heads_text(maps)}; the brighter, the more attention"
    fig.update_layout(
        template=TEMPLATE,
        title=title_of(name, reading, height),
        width=width,
        height=height,
        margin={"l": _LEFT, "r": _RIGHT, "t": _TOP, "b": _BOTTOM, "autoexpand": False},
        plot_bgcolor="rgba(0,0,0,0)",
        xaxis={"range": [0, total], "visible": False, "fixedrange": True},
        yaxis={
            "range": [down, 0],
            "tickvals": [line * (rows + _GAP) + rows / 2 for line in range(len(maps.layers))],
            "ticktext": [f"layer {layer}" for layer in maps.layers],
            "showgrid": False,
            "showline": False,
            "ticks": "",
            "fixedrange": True,
        },
    )
    return fig


def refuse_others(maps: AttentionMaps, beside: AttentionMaps) -> None:
    """Raise RunError where two maps cannot stand side by side."""
    for what, ours, theirs in (
        ("prompt", maps.prompt.text, beside.prompt.text),
        ("query", maps.rows, beside.rows),
        ("layers", maps.layers, beside.layers),
        ("heads", maps.heads, beside.heads),
        ("clip", maps.prompt.clip.frames.tobytes(), beside.prompt.clip.frames.tobytes()),
        ("choice of pixels", maps.prompt.pixels, beside.prompt.pixels),
    ):
        if ours != theirs:
            shown = "" if what in ("clip", "choice of pixels") else f": {ours!r} and {theirs!r}"
            raise RunError(
                f"Maps side by side must be of one {what}{shown}. Make both with the same arguments, "
                "but for the knockout."
            )


def _bounds(cells: Sequence[np.ndarray]) -> tuple[float, float]:
    """Ends of the colour scale, log10(5e-5 + weight): where colours are needed, the same for all panels.

    The faintest weights share the first colour, so that one cell without attention does not use up the scale.
    """
    weights = np.concatenate([panel.reshape(-1) for panel in cells])
    seen = weights[weights > 0]
    low = float(np.quantile(seen, 0.02)) if seen.size else 0.0
    high = max(float(weights.max()), 10 * low, FLOOR)
    return float(np.log10(FLOOR + low)), float(np.log10(FLOOR + high))


def _trace(
    maps: AttentionMaps,
    weights: np.ndarray,
    heat: np.ndarray,
    left: float,
    bounds: tuple[float, float],
    with_bar: bool,
    height: int,
) -> go.Heatmap:
    """One heatmap for all pictures of a panel; where pictures end it has narrow columns without values."""
    layers, units, rows, columns = weights.shape
    told = np.empty((*weights.shape, 5), dtype=np.float32)
    told[..., 0] = np.asarray(maps.layers)[:, None, None, None]
    told[..., 1:4] = np.moveaxis(np.indices(weights.shape[1:]), 0, -1)
    told[..., 4] = weights
    values = np.full((layers * (rows + 1) - 1, units * (columns + 1) - 1), np.nan, dtype=np.float32)
    custom = np.full((*values.shape, 5), np.nan, dtype=np.float32)
    for layer in range(layers):
        for unit in range(units):
            box = np.s_[
                layer * (rows + 1) : layer * (rows + 1) + rows,
                unit * (columns + 1) : unit * (columns + 1) + columns,
            ]
            values[box], custom[box] = heat[layer, unit], told[layer, unit]
    marks = [(float(np.log10(FLOOR + tick)), f"{tick:g}") for tick in _TICKS]
    lowest = bounds[0] + 0.07 * (bounds[1] - bounds[0])
    ticks = [mark for mark in marks if lowest < mark[0] <= bounds[1]]
    ticks.insert(0, (bounds[0], f"≤ {10 ** bounds[0] - FLOOR:.1g}"))
    bar = {
        "title": {"text": "attention<br>weight", "font": {"size": 12}},
        "tickvals": [value for value, _ in ticks],
        "ticktext": [text for _, text in ticks],
        "tickfont": {"size": 12, "color": MUTED},
        "thickness": 14,
        "lenmode": "pixels",
        "len": min(260, height - 40),
        "x": 1.015,
        "xanchor": "left",
        "y": 1,
        "yanchor": "top",
        "outlinewidth": 0,
    }
    return go.Heatmap(
        z=values,
        x=left + _edges(units, columns),
        y=_edges(layers, rows),
        customdata=custom,
        zmin=bounds[0],
        zmax=bounds[1],
        colorscale=[list(stop) for stop in HEAT],
        showscale=with_bar,
        colorbar=bar if with_bar else None,
        hoverongaps=False,
        hovertemplate=(
            "<b>%{customdata[4]:.3g}</b> of the attention<br>layer %{customdata[0]:d}, "
            "cell[%{customdata[1]:d},%{customdata[2]:d},%{customdata[3]:d}]<extra></extra>"
        ),
    )


def _edges(pictures: int, cells: int) -> np.ndarray:
    """Edges of the cells of pictures in a row, with a gap between two of them."""
    starts = np.arange(pictures)[:, None] * (cells + _GAP)
    return (starts + np.arange(cells + 1)).reshape(-1)


def _label(fig: Figure, maps: AttentionMaps, left: float, columns: int) -> None:
    fig.add_annotation(
        x=left,
        y=0,
        yshift=20,
        xref="x",
        yref="y",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        align="left",
        text=f"<b>{state_text(maps)}</b>",
        font={"size": 14, "color": INK},
    )
    for unit in range(maps.layout.n_frames):
        fig.add_annotation(
            x=left + unit * (columns + _GAP) + columns / 2,
            y=0,
            xref="x",
            yref="y",
            yanchor="bottom",
            showarrow=False,
            text=str(unit) if unit else "frame 0",
            font={"size": 11, "color": MUTED},
        )


def state_text(maps: AttentionMaps) -> str:
    """What was done to the model, safe for plotly: "untouched" or "cut: .."."""
    return "untouched" if maps.knockout is None else plain(arrows(f"cut: {maps.knockout}"))


def heads_text(maps: AttentionMaps) -> str:
    """Which heads a map shows: "mean over heads"."""
    if isinstance(maps.heads, str):
        return {"mean": "mean over heads", "max": "the head that looks most, cell by cell"}[maps.heads]
    if isinstance(maps.heads, int):
        return f"head {maps.heads}"
    return f"mean over heads {', '.join(map(str, maps.heads))}"


def _frames(maps: AttentionMaps) -> tuple[np.ndarray, float]:
    """The first frame of every unit as the model sees it, and the height of a frame over its width."""
    from workbench.prompts.pixels import seen_frames  # needs torch, which other figures do not

    clip, units = maps.prompt.clip, maps.layout.n_frames
    frames = seen_frames(clip.frames[:: max(1, -(-len(clip) // units))], maps.prompt.pixels)
    return frames, frames.shape[1] / frames.shape[2]


def _backdrop(
    maps: AttentionMaps, panels: int, size: tuple[float, float], panel_step: float, sharp: float
) -> str:
    """The frames in grey under every cell of the figure, as a data URI.

    `size` is (across, down) and `panel_step` the way from one panel to the next, in cells; `sharp` is pixels
    a cell.
    """
    frames, aspect = _frames(maps)
    rows, columns = maps.layout.grid or (1, 1)
    tall = sharp * columns * aspect / rows  # pixels a cell, downwards
    picture = (max(1, round(columns * sharp)), max(1, round(rows * tall)))
    canvas = Image.new("RGB", (round(size[0] * sharp), round(size[1] * tall)), "white")
    for unit, frame in enumerate(_pictures(frames, picture)):
        for panel in range(panels):
            left = round((panel * panel_step + unit * (columns + _GAP)) * sharp)
            for line in range(len(maps.layers)):
                canvas.paste(frame, (left, round(line * (rows + _GAP) * tall)))
    return data_uri(canvas, "JPEG", quality=72)


def _pictures(frames: Sequence[np.ndarray] | np.ndarray, size: tuple[int, int]) -> list[Image.Image]:
    grey = [Image.fromarray(frame).convert("L").convert("RGB") for frame in frames]
    return [ImageEnhance.Brightness(frame).enhance(0.8).resize(size) for frame in grey]

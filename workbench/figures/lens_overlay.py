"""The logit lens on the clip: each cell's likeliest word written on its frame, with a slider over layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.keywords import list_styles
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.pictures import frame_uri
from workbench.figures.parts.template import INK, MUTED, TEMPLATE
from workbench.figures.parts.text import count_of, plain
from workbench.shapes import UInt8, shaped
from workbench.statistics.columns import require_columns

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_WIDTH = 976  # pixels of the panels together: a cell of JupyterLab
_STORED = 384  # pixels at which frames are stored, at most
_GAP = 0.06  # between frames, in frames
_TOP, _BOTTOM = 94, 112  # pixels above and below them
_LABEL = 0.46  # height of a label, in cells
_LETTER = 0.6  # width of a letter, in heights of it


class _Cell(NamedTuple):
    x: float
    y: float
    word: str
    size: float
    """Pixels of the letters."""
    p: str
    where: str
    keyword: str
    """For the hover text."""
    keyword_list: str


@shaped
def lens_overlay(
    frames: UInt8[np.ndarray, "t H W 3"],
    layout: TokenLayout,
    table: pd.DataFrame,
    *,
    layer: int | None = None,
    layers: Iterable[int] | None = None,
    show_frames: Iterable[int] | None = None,
    keyword_lists: Iterable[str] | None = None,
    columns: int = 4,
    title: str | None = None,
    lens: str = "logit lens",
) -> Figure:
    """Each cell's likeliest word on its frame; a slider chooses the layer.

    Args:
        frames: the pictures as the model sees them, RGB.
        layout: of the prompt; its grid says where cells lie.
        table: that of `logit_lens`, for one sample; words marked with a keyword list get its colour.
        layer: shown first, from 1; the middle one if not given.
        layers: layers on the slider, from 1; all of the table if not given.
        show_frames: temporal units to draw, from 0; all if not given.
        keyword_lists: names of the lists, in the order of their colours; as they come in the table if not
            given.
        columns: frames beside each other.
        lens: the name of what read the words.

    Raises RunError where the table holds no cell of the video, several samples, or not this layer or frame.
    """
    best = _cells_of(table, layout)
    known = sorted({int(value) for value in best["layer"]})
    shown = known if layers is None else sorted(set(layers))
    first = shown[len(shown) // 2] if layer is None and shown else layer
    if not shown or set(shown) - set(known) or first not in shown:
        raise RunError(
            f"The overlay was asked for layers {shown}, {first} first; the table has {known}. Name some of "
            "these, or read more layers with the lens."
        )
    units = sorted(set(range(layout.n_frames)) if show_frames is None else set(show_frames))
    if not units or units[0] < 0 or units[-1] >= layout.n_frames:
        raise RunError(f"The overlay was asked for frames {units}; this clip has 0 to {layout.n_frames - 1}.")
    columns = max(1, min(columns, len(units)))
    rows = -(-len(units) // columns)
    assert layout.grid is not None
    tall = frames.shape[1] / frames.shape[2]
    width = _WIDTH / columns / (1 + _GAP)  # pixels of a frame
    line = 20 / width / tall  # of the frame's label, in frames
    offsets = {
        unit: (number % columns * (1 + _GAP), number // columns * (1 + _GAP + line) + line)
        for number, unit in enumerate(units)
    }
    found = dict.fromkeys(name for name in best["keyword_list"] if name)
    names = list(found if keyword_lists is None else dict.fromkeys(keyword_lists))
    styles = list_styles(names)
    fig = Figure()
    each = 1 + len(names)  # traces a layer: other words, then a list each
    counts = {}
    for value in shown:
        cells = _placed(best, value, layout.grid, offsets, 0.96 * width / layout.grid[1])
        counts[value] = [sum(cell.keyword_list == name for cell in cells) for name in ["", *names]]
        for name in ["", *names]:
            mine = [cell for cell in cells if cell.keyword_list == name]
            color = styles[name].color if name else None
            cell = (1 / layout.grid[1], 1 / layout.grid[0])
            look = {"layer": value, "visible": value == first, "score": _score_of(best)}
            fig.add_trace(_words(mine, name, color, cell, **look))
    _add_pictures(fig, frames, layout, offsets, line)
    height = _TOP + round(rows * (1 + line + _GAP) * width * tall) + _BOTTOM
    headings = [_heading(title, lens, layout, value, counts[value], names) for value in shown]
    hidden = {"visible": False, "fixedrange": True}
    fig.update_layout(
        template=TEMPLATE,
        width=_WIDTH + 24,
        height=height,
        margin={"l": 12, "r": 12, "t": _TOP, "b": _BOTTOM},
        xaxis={"range": [0, columns * (1 + _GAP)], **hidden},
        yaxis={"range": [rows * (1 + _GAP + line), 0], **hidden},
        title={
            "text": headings[shown.index(first)],
            "pad": {"l": 14},
            "y": 1 - 24 / height,
            "yanchor": "top",
        },
        legend={"yref": "container", "y": 1 - 68 / height, "yanchor": "top"},
        barmode="overlay",
        bargap=0,
        sliders=[_slider(shown, shown.index(first), each, headings)],
    )
    return fig


def _heading(
    title: str | None,
    lens: str,
    layout: TokenLayout,
    layer: int,
    counts: Sequence[int],
    names: Sequence[str],
) -> str:
    cells = sum(len(unit) for unit in layout.frames)
    text = f"What {cells:,} rows of the video would say: the likeliest word of each cell"
    said = [
        f"{plain(name)} {count}" for name, count in zip(["other words", *names], counts, strict=True) if name
    ]
    of = f", of {count_of(sum(counts), 'cell')}: {', '.join(said)}" if names else ""
    about = f"{plain(lens[:1].upper() + lens[1:])} after layer {layer}{of}"
    return (
        f"<b>{plain(text if title is None else title)}</b><br>"
        f"<span style='font-size:13px;color:{MUTED}'>{about}</span>"
    )


def _cells_of(table: pd.DataFrame, layout: TokenLayout) -> pd.DataFrame:
    score = _score_of(table)
    needed = ["sample_id", "layer", "rank", "frame", "cell_row", "cell_column", "token", score, "row"]
    require_columns(table, *needed, remedy="Pass wb.logit_lens(..).table.")
    best = cast(pd.DataFrame, table[(table["rank"] == 1) & table["cell_row"].notna()])
    if best.empty or layout.grid is None:
        raise RunError(
            "The table holds no cell of the video. Read rows='video' or some frames, of a model with a grid."
        )
    if len(set(best["sample_id"])) > 1:
        raise RunError("The table holds several samples. Choose the rows of one, by sample_id.")
    return best if "keyword_list" in best else best.assign(keyword_list="", keyword="")


def _score_of(table: pd.DataFrame) -> str:
    """What the lens ranks words by: a probability, or how alike two states are."""
    return "cosine" if "cosine" in table else "p"


def _placed(
    best: pd.DataFrame,
    layer: int,
    grid: tuple[int, int],
    offsets: dict[int, tuple[float, float]],
    cell_width: float,
) -> list[_Cell]:
    """The words of one layer at the centres of their cells, in frames from the upper left corner."""
    cells, score = [], _score_of(best)
    rows: Iterable[Any] = best[best["layer"] == layer].itertuples(index=False)
    for row in rows:
        if int(row.frame) not in offsets:
            continue
        left, top = offsets[int(row.frame)]
        x = left + (int(row.cell_column) + 0.5) / grid[1]
        y = top + (int(row.cell_row) + 0.5) / grid[0]
        said = str(row.token).strip() or "␣"
        where = f"cell[{row.frame},{row.cell_row},{row.cell_column}], row {row.row}"
        keyword = f"<br>keyword: {plain(row.keyword)}" if row.keyword_list else ""
        cells.append(
            _Cell(
                *(x, y, plain(said), _text_size(said, cell_width)),
                *(f"{getattr(row, score):.3f}", where, keyword, str(row.keyword_list)),
            )
        )
    return cells


def _text_size(word: str, cell_width: float) -> float:
    """Pixels at which a word fits into its cell."""
    return round(float(np.clip(cell_width / (_LETTER * max(1, len(word))), 6, 10)), 1)


def _words(
    cells: Sequence[_Cell],
    name: str,
    color: str | None,
    cell: tuple[float, float],
    *,
    layer: int,
    visible: bool,
    score: str,
) -> go.Bar:
    """A label in the middle of each cell; above and below it the picture shows. `cell` (width, height)."""
    width, height = 0.96 * cell[0], _LABEL * cell[1]
    return go.Bar(
        # Rounded, since a figure holds thousands of these.
        x=[round(cell.x, 4) for cell in cells],
        y=[round(height, 4)] * len(cells),
        base=[round(cell.y - height / 2, 4) for cell in cells],
        width=width,
        marker={"color": color or "rgba(255,255,255,0.72)", "line": {"width": 0}, "opacity": 0.9},
        text=[cell.word for cell in cells],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        constraintext="none",
        textfont={"size": [cell.size for cell in cells], "color": "#ffffff" if color else INK},
        customdata=[[cell.p, cell.where, cell.keyword] for cell in cells],
        hovertemplate=f"<b>%{{text}}</b>, {score} = %{{customdata[0]}}<br>%{{customdata[1]}}, layer {layer}"
        "%{customdata[2]}<extra></extra>",
        name=plain(name) if name else "other words",
        showlegend=bool(name),
        visible=visible,
    )


def _add_pictures(
    fig: Figure,
    frames: np.ndarray,
    layout: TokenLayout,
    offsets: dict[int, tuple[float, float]],
    line: float,
) -> None:
    together = max(1, -(-len(frames) // layout.n_frames))  # frames that share a temporal unit
    for unit, (left, top) in offsets.items():
        fig.add_layout_image(
            source=frame_uri(frames[min(unit * together, len(frames) - 1)], _STORED),
            x=left,
            y=top,
            sizex=1,
            sizey=1,
            xref="x",
            yref="y",
            xanchor="left",
            yanchor="top",
            sizing="stretch",
            layer="below",
        )
        times = layout.frame_times[unit] if layout.frame_times else ()
        seconds = f"{times[0]:.2f} s" if times else ""
        fig.add_annotation(
            x=left,
            y=top,
            xref="x",
            yref="y",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
            text=f"<b>frame[{unit}]</b> <span style='color:{MUTED}'>{seconds}</span>",
            font={"size": 12, "color": INK},
        )


def _slider(layers: Sequence[int], active: int, each: int, headings: Sequence[str]) -> dict[str, Any]:
    steps = []
    for number, layer in enumerate(layers):
        visible = [number * each <= trace < (number + 1) * each for trace in range(len(layers) * each)]
        update = [{"visible": visible}, {"title.text": headings[number]}]
        steps.append({"method": "update", "args": update, "label": str(layer)})
    return {
        "active": active,
        "steps": steps,
        "currentvalue": {"prefix": "after layer ", "font": {"size": 14, "color": INK}, "xanchor": "left"},
        "pad": {"t": 4, "l": 10, "r": 10},
        "len": 1,
        "x": 0,
        "y": 0,
        "yanchor": "top",
    }

"""Lenses on cells whose truth is known: how many say the right word, by layer, a panel an attribute."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.lens.cell_words import ANY, RightShare, right_shares
from workbench.analyses.lens.roles import COMMONEST
from workbench.errors import RunError, near_matches
from workbench.figures.parts.banded import banded_line
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid, layer_axis
from workbench.figures.parts.template import (
    BLACK,
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    LineStyle,
)
from workbench.figures.parts.text import FEW_NOTE, count_of, few_mark, plain
from workbench.mini.cells import ATTRIBUTES

_NAMED = {
    "logit lens": LineStyle(BLUE, "solid", "circle"),
    "tuned lens": LineStyle(VERMILLION, "solid", "square"),
    "neighbour lens": LineStyle(GREEN, "solid", "diamond"),
    "probe": LineStyle(BLACK, "solid", "star"),
    "tuned lens, shuffled": LineStyle(VERMILLION, "dot", "square-open"),
    "probe, shuffled": LineStyle(BLACK, "dot", "star-open"),
    COMMONEST: LineStyle(PURPLE, "dash", "line-ew"),
}
_SPARE = (
    LineStyle(ORANGE, "dash", "triangle-up"),
    LineStyle(SKY, "dash", "x"),
    LineStyle(BLUE, "dash", "hexagon"),
)
_GUESSING = "a blind choice among the words"


def lens_comparison(
    table: pd.DataFrame,
    *,
    lenses: str | Iterable[str] | None = None,
    title: str | None = None,
    columns: int | None = None,
    seed: int = 0,
) -> Figure:
    """Share of cells whose word is right by layer, a line a lens, a panel an attribute.

    `table` is that of `compare_lenses`, or its summary (`LensComparison.curves`). Bands are 95% bootstrap
    intervals over clips, which `seed` draws where there is no summary yet. Raises RunError for an unknown
    lens, and where no cell is left.
    """
    chosen = _of_lenses(table, lenses)
    if not set(RightShare._fields) <= set(chosen.columns):
        chosen = right_shares(chosen, seed=seed)
    points = [RightShare(*row) for row in chosen[list(RightShare._fields)].itertuples(index=False)]
    there = {point.attribute for point in points}
    shown = [name for name in (*ATTRIBUTES, ANY) if name in there]
    styles = _styles(dict.fromkeys(point.lens for point in points))
    clips = {name: max(point.n for point in points if point.attribute == name) for name in shown}
    panels = grid(
        [_heading(name, clips[name]) for name in shown],
        columns=columns,
        title="Which lens says what the cells show" if title is None else title,
        subtitle="Share of the video's cells whose word is right after each layer; 0 is what enters the "
        "first. Mean over clips, with its 95% bootstrap interval.",
        legend=[*styles, _GUESSING],
        note=FEW_NOTE if any(map(few_mark, clips.values())) else "",
    )
    layers = sorted({point.layer for point in points})
    for index, name in enumerate(shown):
        mine = [point for point in points if point.attribute == name]
        if mine[0].guessing == mine[0].guessing:  # not NaN
            panels.add(index, _guessing(mine[0].guessing, layers, in_legend=index == 0))
        for rank, (lens, style) in reversed(list(enumerate(styles.items(), start=1))):
            curve = [point for point in mine if point.lens == lens]
            if curve:
                key = {"showlegend": index == 0, "legendrank": rank}
                faint = 0.55 if lens.endswith("shuffled") else None
                for trace in banded_line(
                    curve, style, plain(lens), _told(curve), in_legend=key, opacity=faint
                ):
                    panels.add(index, trace)
    panels.fig.update_xaxes(**layer_axis(layers[0], layers[-1]))
    panels.fig.update_yaxes(range=[-0.03, 1.03], tickformat=".0%")
    panels.name_axes(x="after layer", y="right cells")
    return panels.fig


def _of_lenses(table: pd.DataFrame, lenses: str | Iterable[str] | None) -> pd.DataFrame:
    if lenses is None or "lens" not in table:
        return table
    known = list(dict.fromkeys(table["lens"]))
    wanted = [lenses] if isinstance(lenses, str) else list(lenses)
    for name in wanted:
        if name not in known:
            raise RunError(
                f"The table has no lens {name!r}. It has {', '.join(known)}.{near_matches(name, known)}"
            )
    return cast(pd.DataFrame, table[table["lens"].isin(wanted)])


def _styles(names: Iterable[str]) -> dict[str, LineStyle]:
    """Known lenses have their own style, and stand first; the others share the rest."""
    listed = list(names)
    styles = {name: style for name, style in _NAMED.items() if name in listed}
    others = [name for name in listed if name not in styles]
    return styles | {name: _SPARE[place % len(_SPARE)] for place, name in enumerate(others)}


def _heading(name: str, clips: int) -> str:
    words = len(ATTRIBUTES.get(name, ()))
    among = f", one of {words}" if words else ", of all it knows"
    return f"<b>{plain(name[:1].upper() + name[1:])}</b>{among}; {count_of(clips, 'clip')}{few_mark(clips)}"


def _guessing(share: float, layers: Sequence[int], *, in_legend: bool) -> go.Scatter:
    return go.Scatter(
        x=[layers[0] - 0.6, layers[-1] + 0.6],
        y=[share, share],
        mode="lines",
        line={"color": MUTED, "width": 1.2, "dash": "longdash"},
        name=_GUESSING,
        legendgroup=_GUESSING,
        showlegend=in_legend,
        legendrank=1000,
        hovertemplate=f"{_GUESSING}: {share:.3f}<extra></extra>",
    )


def _told(curve: Sequence[RightShare]) -> list[str]:
    return [
        f"after layer {point.layer}<br>{100 * point.mean:.1f}% of cells, 95% interval "
        f"{100 * point.low:.1f} to {100 * point.high:.1f}%<br>{count_of(point.n, 'clip')}"
        for point in curve
    ]

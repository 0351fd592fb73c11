"""Keyword frequencies by layer: a curve a list, and a heat map of every keyword (Map the Flow, Fig. 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.template import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    TEMPLATE,
    VERMILLION,
    LineStyle,
)
from workbench.figures.parts.text import count_of, plain, wrap

LIST_STYLES = (
    LineStyle(BLUE, "solid", "circle"),
    LineStyle(VERMILLION, "dash", "square"),
    LineStyle(GREEN, "dashdot", "diamond"),
    LineStyle(ORANGE, "dot", "triangle-up"),
    LineStyle(PURPLE, "longdash", "x"),
    LineStyle(SKY, "longdashdot", "star"),
)
"""Styles of keyword lists, in order; the overlay uses the same colours."""

_WIDTH = 900
_ROW = 20  # pixels of a keyword
_LEFT = 130  # pixels for the keywords


def list_styles(names: Sequence[str]) -> dict[str, LineStyle]:
    """A style for each list of keywords, in the order given."""
    return {name: LIST_STYLES[place % len(LIST_STYLES)] for place, name in enumerate(dict.fromkeys(names))}


def keyword_frequencies(
    table: pd.DataFrame,
    lists: pd.DataFrame,
    *,
    samples: int | None = None,
    rows: int | None = None,
    title: str | None = None,
) -> Figure:
    """The mean of each list by bin of layers, above the row of each of its keywords.

    `table` and `lists` are those of `keyword_frequencies`; `samples` and `rows` say how many were read. Hits
    are in the hover text. Raises RunError where no keyword has enough hits.
    """
    every: list[Any] = list(table.itertuples(index=False))
    means: list[Any] = list(lists.itertuples(index=False))
    kept = [row for row in every if row.kept]
    if not kept:
        raise RunError(
            "No keyword has enough hits to be drawn. Count more samples, lower min_hits, or use lists whose "
            "words this model says."
        )
    styles = list_styles(list(lists["keyword_list"]))
    bins = list(dict.fromkeys((row.bin_first, row.bin_last) for row in every))
    labels = [f"{first}-{last}" if first < last else f"{first}" for first, last in bins]
    words = list(dict.fromkeys((row.keyword_list, row.keyword) for row in kept))
    dropped = sorted({row.keyword for row in every if not row.kept})

    lines = wrap(_subtitle(samples, rows, dropped), 122)
    top, curve, gap, bottom = 50 + 18 * len(lines) + 40, 240, 64, 60
    heat = _ROW * len(words)
    fig = subplots(
        rows=2,
        cols=1,
        row_heights=[curve, heat],
        vertical_spacing=gap / (curve + gap + heat),
    )
    for name, style in styles.items():
        mine = [row for row in means if row.keyword_list == name]
        if mine[0].keywords:
            fig.add_trace(_list_curve(name, style, mine, labels), row=1, col=1)
    fig.add_trace(_heat(kept, words, bins, labels, heat / (curve + gap + heat)), row=2, col=1)
    _name_rows(fig, words, styles)
    height = top + curve + gap + heat + bottom
    fig.update_layout(
        template=TEMPLATE,
        width=_WIDTH,
        height=height,
        margin={"t": top, "b": bottom, "l": _LEFT, "r": 96},
        legend={"yref": "container", "y": 1 - (44 + 18 * len(lines)) / height, "yanchor": "top"},
    )
    heading = "Which layers say which words" if title is None else title
    _write(fig, f"<b>{plain(heading)}</b>", size=18, color=INK, shift=top - 14)
    _write(fig, "<br>".join(map(plain, lines)), size=13, color=MUTED, shift=top - 40)
    # Bins look like dates ("11-12") to plotly.
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=labels)
    fig.update_xaxes(range=[-0.5, len(labels) - 0.5])
    fig.update_xaxes(title_text="layers", row=2, col=1)
    fig.update_yaxes(title_text="share of hits", rangemode="tozero", row=1, col=1)
    fig.update_yaxes(showgrid=False, ticks="", autorange="reversed", row=2, col=1)
    return fig


def _write(fig: Figure, text: str, *, size: int, color: str, shift: int) -> None:
    """Text at the left edge of the figure, `shift` pixels above its panels."""
    fig.add_annotation(
        text=text,
        x=0,
        xref="paper",
        xanchor="left",
        xshift=14 - _LEFT,
        y=1,
        yref="paper",
        yanchor="top",
        yshift=shift,
        align="left",
        showarrow=False,
        font={"size": size, "color": color},
    )


def _subtitle(samples: int | None, rows: int | None, dropped: Sequence[str]) -> str:
    read = "" if samples is None else f" n = {count_of(samples, 'sample')}"
    read += "" if rows is None or samples is None else f", {rows:,} rows a layer"
    text = (
        "The likeliest word of each row by the logit lens. Every keyword's hits sum to 1 over the layers; "
        f"curves are means over keywords.{read + '.' if read else ''}"
    )
    return text + (f" Too few hits: {', '.join(dropped)}." if dropped else "")


def _list_curve(name: str, style: LineStyle, mine: Sequence[Any], labels: Sequence[str]) -> go.Scatter:
    return go.Scatter(
        x=labels,
        y=[row.share for row in mine],
        mode="lines+markers",
        line={"color": style.color, "dash": style.dash, "width": 2.4},
        marker={"color": style.color, "symbol": style.symbol, "size": 9},
        name=f"{plain(name)} ({count_of(mine[0].keywords, 'keyword')})",
        customdata=[[row.keywords, row.hits] for row in mine],
        hovertemplate=f"<b>{plain(name)}</b>, layers %{{x}}<br>mean share %{{y:.3f}} over %{{customdata[0]}} "
        "keywords<br>%{customdata[1]:,} hits<extra></extra>",
    )


def _heat(
    kept: Sequence[Any],
    words: Sequence[tuple[str, str]],
    bins: Sequence[tuple[int, int]],
    labels: Sequence[str],
    share_of_height: float,
) -> go.Heatmap:
    by_place = {(row.keyword_list, row.keyword, row.bin_first, row.bin_last): row for row in kept}
    found = [[by_place[(*word, *span)] for span in bins] for word in words]
    return go.Heatmap(
        x=list(labels),
        y=list(range(len(words))),
        z=[[row.share for row in line] for line in found],
        zmin=0,
        colorscale=[[0, "#f3f5f7"], [1, "#08306b"]],
        xgap=2,
        ygap=2,
        colorbar={
            "title": {"text": "share", "font": {"size": 12}},
            "thickness": 12,
            "len": share_of_height,
            "y": 0,
            "yanchor": "bottom",
            "outlinewidth": 0,
        },
        customdata=[
            [
                [plain(row.keyword), plain(row.keyword_list), row.hits, row.total_hits, row.matched]
                for row in line
            ]
            for line in found
        ],
        hovertemplate="<b>%{customdata[0]}</b> (%{customdata[1]}), layers %{x}<br>share %{z:.3f}: "
        "%{customdata[2]:,} of %{customdata[3]:,} hits<br>counted by its %{customdata[4]}<extra></extra>",
    )


def _name_rows(fig: Figure, words: Sequence[tuple[str, str]], styles: dict[str, LineStyle]) -> None:
    """Every keyword in the colour of its list."""
    fig.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(words))),
        ticktext=[
            f"<span style='color:{styles[name].color}'><b>{plain(word)}</b></span> " for name, word in words
        ],
        tickfont={"size": 13, "color": INK},
        row=2,
        col=1,
    )

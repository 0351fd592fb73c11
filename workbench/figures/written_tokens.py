"""What each token of an answer loses under each cut: tokens by flows, or by layers, a panel a flow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.template import BLUE, INK, MUTED, TEMPLATE, VERMILLION
from workbench.figures.parts.text import arrows, count_of, flow_label, plain, wrap
from workbench.interventions import series_of
from workbench.statistics.columns import require_columns

_NEEDED = (
    "sample_id", "flow", "window", "layer", "first_layer", "last_layer", "step", "token", "p_base",
    "p_knockout", "change_percent",
)  # fmt: skip
_LINE = 24
"""Tokens of one line of text: more go on in a panel below, as in reading."""
_CELL, _ROW, _LAYER_ROW = 42, 26, 13  # pixels
_LEFT, _RIGHT, _BOTTOM = 190, 104, 26
_WRITTEN_FROM = 5.0
"""Percent: changes of less are not written into their cell."""
_HALF = -50.0


class _Panel(NamedTuple):
    """One heat map."""

    title: str
    rows: list[str]
    cells: list[list[dict[str, Any]]]
    """Rows of the table, by row of the panel and by token."""


def flows_while_writing(
    table: pd.DataFrame,
    sample_id: str | None = None,
    *,
    window: str | None = None,
    steps: tuple[int, int] | None = None,
    title: str | None = None,
    note: str = "",
) -> Figure:
    """Change of each written token's probability in percent, for one sample.

    Where a flow was cut in one range of layers, flows stand below one another and the text runs over lines of
    24 tokens, with the untouched model's probabilities above; else there is a panel a flow, its layers
    below one another. `window` chooses one where the table has several, `steps` the first and the last token
    to show. The colours end at a loss of 100% and at a rise of 100%. Raises RunError for columns that are
    missing, an unknown sample or window, and where one is to be chosen.
    """
    require_columns(table, *_NEEDED, remedy="Pass the table of wb.flows_while_writing.")
    mine = _chosen(table, "sample_id", sample_id, "sample")
    mine = _chosen(mine.assign(series=mine["window"].map(series_of)), "series", window, "window")
    if steps is not None:
        mine = mine.loc[mine["step"].between(*steps)]
    if mine.empty:
        raise RunError(
            "No token is left to be drawn. Write an answer of one token or more, or give other steps."
        )
    records = cast("list[dict[str, Any]]", mine.to_dict("records"))
    by_layer = mine[["layer", "first_layer", "last_layer"]].drop_duplicates().shape[0] > 1
    panels = _layers(records) if by_layer else _lines(records)
    lines = wrap(_headline(records, by_layer=by_layer), 96)
    reading = wrap(f"{_READING[by_layer]} {note}".strip(), 118)
    return _drawn(
        panels,
        "What each word needs while it is written" if title is None else title,
        [f"<b>{plain(line)}</b>" for line in lines],
        list(map(plain, reading)),
        by_layer=by_layer,
    )


_READING = {
    False: "Change of each token's probability in percent when a flow is cut, given the untouched text "
    "before it; changes under 5% are left blank. Above: its probability in the untouched model.",
    True: "Change of each token's probability in percent when a flow is cut around a layer, given the "
    "untouched text before it.",
}


def _chosen(table: pd.DataFrame, column: str, wanted: str | None, noun: str) -> pd.DataFrame:
    known = [str(name) for name in dict.fromkeys(table[column])]
    name = series_of(wanted) if wanted is not None and column == "series" else wanted
    if name is None and len(known) == 1:
        name = known[0]
    if name not in known:
        asked = f"Name one {noun}" if wanted is None else f"There is no {noun} {wanted!r}"
        raise RunError(f"{asked}: this table has {', '.join(map(repr, known[:8])) or 'none'}.")
    return table.loc[table[column] == name]


def _lines(records: Sequence[dict[str, Any]]) -> list[_Panel]:
    """The text in lines, flows below one another."""
    flows = list(dict.fromkeys(row["flow"] for row in records))
    by_flow = [[row for row in records if row["flow"] == flow] for flow in flows]
    count = len(by_flow[0])
    return [
        _Panel("", list(map(flow_label, flows)), [rows[start : start + _LINE] for rows in by_flow])
        for start in range(0, count, _LINE)
    ]


def _layers(records: Sequence[dict[str, Any]]) -> list[_Panel]:
    """A panel a flow, layers below one another."""
    panels: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for row in records:
        panels.setdefault(row["flow"], {}).setdefault(row["layer"], []).append(row)
    return [
        _Panel(f"<b>{flow_label(flow)}</b>", [str(layer) for layer in layers], list(layers.values()))
        for flow, layers in panels.items()
    ]


def _headline(records: Sequence[dict[str, Any]], *, by_layer: bool) -> str:
    """How many tokens each flow takes more than half of the probability from, those that take it first."""
    tokens = len({row["step"] for row in records})
    lost: dict[str, set[int]] = {}
    for row in records:
        found = lost.setdefault(row["flow"], set())
        if row["change_percent"] < _HALF:
            found.add(row["step"])
    counts = sorted(((len(found), flow) for flow, found in lost.items()), key=lambda one: -one[0])
    said = [f"{count} without {arrows(flow)}" for count, flow in counts if count]
    every = f"Of {count_of(tokens, 'token')},"
    if not said:
        return f"{every} none loses over half without any of these flows."
    spared = len(counts) - len(said)
    said += [f"none without {'the other' if spared == 1 else f'the other {spared}'}"] if spared else []
    number, rest = said[0].split(" ", 1)
    how = f"{'loses' if number == '1' else 'lose'} over half{' in some window' if by_layer else ''}"
    return f"{every} {', '.join([f'{number} {how} {rest}', *said[1:]])}."


def _drawn(
    panels: Sequence[_Panel], title: str, message: Sequence[str], reading: Sequence[str], *, by_layer: bool
) -> Figure:
    widest = max(len(panel.cells[0]) for panel in panels)
    words = [_word(row["token"]) for panel in panels for row in panel.cells[0]]
    above = round(16 + 5.2 * min(16, max(map(len, words)))) + 20 * by_layer  # words stand at an angle
    height_of = [(len(panel.rows) + (not by_layer)) * (_LAYER_ROW if by_layer else _ROW) for panel in panels]
    gap, inner = above + 16, sum(height_of)
    inner += gap * (len(panels) - 1)
    top = 56 + 20 * len(message) + 18 * len(reading) + above
    width = max(860, _LEFT + _RIGHT + _CELL * widest)
    fig = subplots(
        rows=len(panels), cols=1, row_heights=height_of, vertical_spacing=gap / inner if panels[1:] else 0
    )
    share = widest * _CELL / (width - _LEFT - _RIGHT)
    for number, panel in enumerate(panels):
        _add(fig, number, panel, by_layer=by_layer, first=number == 0)
        part = share * len(panel.cells[0]) / widest
        fig.update_xaxes(domain=[0, min(1.0, part)], row=number + 1, col=1)
    fig.update_layout(
        template=TEMPLATE,
        width=width,
        height=top + inner + _BOTTOM,
        margin={"t": top, "b": _BOTTOM, "l": _LEFT, "r": _RIGHT, "autoexpand": False},
        plot_bgcolor="#f7f7f7",
    )
    _write(fig, [f"<b>{plain(title)}</b>"], 18, INK, top - 14)
    _write(fig, message, 14, INK, top - 42)
    _write(fig, reading, 13, MUTED, top - 46 - 20 * len(message))
    return fig


def _add(fig: Figure, number: int, panel: _Panel, *, by_layer: bool, first: bool) -> None:
    tokens = panel.cells[0]
    change = np.array([[row["change_percent"] for row in line] for line in panel.cells], dtype=float)
    x, y = list(range(len(tokens))), list(range(len(panel.rows)))
    fig.add_trace(
        go.Heatmap(
            x=x,
            y=y,
            z=change,
            zmin=-100,
            zmax=100,
            colorscale=[[0, VERMILLION], [0.5, "#ffffff"], [1, BLUE]],
            xgap=1.5,
            ygap=1.5 if not by_layer else 0.5,
            showscale=first,
            colorbar={
                "thickness": 12,
                "lenmode": "pixels",
                "len": 150,
                "y": 1,
                "yanchor": "top",
                "ticksuffix": "%",
                "outlinewidth": 0,
            },
            text=[["" if by_layer else _number(value) for value in line] for line in change],
            texttemplate="%{text}",
            textfont={"size": 11},
            customdata=[[_told(row) for row in line] for line in panel.cells],
            hovertemplate="%{customdata}<extra></extra>",
        ),
        row=number + 1,
        col=1,
    )
    rows = [*panel.rows]
    if not by_layer:
        fig.add_trace(
            go.Scatter(
                x=x,
                y=[-1] * len(x),
                mode="text",
                text=[f"{100 * row['p_base']:.0f}%" for row in tokens],
                textfont={"size": 11, "color": MUTED},
                hoverinfo="skip",
                showlegend=False,
            ),
            row=number + 1,
            col=1,
        )
        y, rows = [-1, *y], ["<i>untouched p</i>", *rows]
    elif len(rows) > 16:
        kept = [place for place in y if place == 0 or (place + 1) % 4 == 0]
        y, rows = kept, [rows[place] for place in kept]
    fig.update_xaxes(
        side="top",
        tickmode="array",
        tickvals=x,
        ticktext=[plain(_word(row["token"])) for row in tokens],
        tickangle=-40,
        tickfont={"size": 13, "color": INK},
        ticks="",
        showline=False,
        range=[-0.5, len(x) - 0.5],
        row=number + 1,
        col=1,
    )
    fig.update_yaxes(
        tickmode="array",
        tickvals=y,
        ticktext=[f"{row} " for row in rows],
        tickfont={"size": 11 if by_layer else 13, "color": INK},
        ticks="",
        showgrid=False,
        showline=False,
        range=[len(panel.rows) - 0.5, -0.5 if by_layer else -1.5],
        title_text="layer" if by_layer else "",
        automargin=False,
        row=number + 1,
        col=1,
    )
    if panel.title:
        axis = number + 1 if number else ""
        fig.add_annotation(
            text=panel.title, x=0, xref="paper", xanchor="left", xshift=14 - _LEFT, showarrow=False,
            y=1, yref=f"y{axis} domain", yanchor="bottom", yshift=8, align="left", font={"size": 14},
        )  # fmt: skip


def _word(token: str) -> str:
    """A token as a word of a line: white space is shown as signs."""
    return token.strip() or {"": "∅"}.get(token, "⏎" if "\n" in token else "␣")


def _number(change: float) -> str:
    if not math.isfinite(change) or abs(change) < _WRITTEN_FROM:
        return ""
    return f"{change:+.0f}" if change < 1000 else ">999"


def _told(row: dict[str, Any]) -> str:
    return (
        f"<b>{plain(_word(row['token']))}</b>, step {row['step']}<br>{flow_label(row['flow'])} cut in layers "
        f"{row['first_layer']}-{row['last_layer']}<br>{row['change_percent']:+.1f}%: p from "
        f"{row['p_base']:.4f} to {row['p_knockout']:.4f}"
    )


def _write(fig: Figure, lines: Sequence[str], size: int, color: str, shift: int) -> None:
    """Text at the left edge of the figure, `shift` pixels above its panels."""
    fig.add_annotation(
        text="<br>".join(lines), x=0, xref="paper", xanchor="left", xshift=14 - _LEFT, y=1, yref="paper",
        yanchor="top", yshift=shift, align="left", showarrow=False, font={"size": size, "color": color},
    )  # fmt: skip

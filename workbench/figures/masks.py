"""Masks of attention as pictures: which rows may look at which, untouched and with each flow cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid
from workbench.figures.parts.segments import segments
from workbench.figures.parts.template import BLUE, INK, VERMILLION, translucent
from workbench.figures.parts.text import flow_label, plain
from workbench.interventions import Flow, keep_mask

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_HIDDEN, _CUT, _SEEN = 0, 1, 2
_COLORS = [[0, "#ffffff"], [0.5, translucent(VERMILLION, 0.55)], [1, translucent(BLUE, 0.6)]]
_TOLD = {_HIDDEN: "later: never seen", _CUT: "cut", _SEEN: "seen"}


def mask_gallery(
    layout: TokenLayout,
    flows: Sequence[str],
    *,
    title: str = "What each knockout cuts",
    columns: int | None = None,
) -> Figure:
    """A panel for the untouched model and each flow: a cell a pair of query (down) and key (across).

    Raises as `keep_mask` where a flow cannot be cut. `layout` should be small: every pair is a cell.
    """
    masks = {"untouched": np.ones((layout.length, layout.length), bool)}
    masks |= {str(Flow.parse(flow)): keep_mask([Flow.parse(flow)], layout, 1)[0] for flow in flows}
    causal = np.tril(np.ones((layout.length, layout.length), bool))
    panels = grid(
        [f"<b>{flow_label(name)}</b>" for name in masks],
        columns=columns,
        title=title,
        subtitle="Rows of a small prompt look at the keys at their left: blue is seen, red is cut.",
        panel_height=300,
        left=96,
    )
    parts = segments(layout)
    rows = np.array([part.span for part in parts for _ in range(part.last - part.first + 1)])
    for index, mask in enumerate(masks.values()):
        state = np.where(causal, np.where(mask, _SEEN, _CUT), _HIDDEN)
        told = [
            [f"row {q} ({plain(rows[q])}) and key {k} ({plain(rows[k])}): {_TOLD[int(state[q, k])]}"
             for k in range(layout.length)]
            for q in range(layout.length)
        ]  # fmt: skip
        panels.add(
            index,
            go.Heatmap(
                z=state,
                zmin=_HIDDEN,
                zmax=_SEEN,
                colorscale=[
                    [0, "#ffffff"],
                    [0.5, translucent(VERMILLION, 0.55)],
                    [1, translucent(BLUE, 0.6)],
                ],
                showscale=False,
                xgap=1,
                ygap=1,
                text=told,
                hovertemplate="%{text}<extra></extra>",
            ),
        )
    middles = [(part.first + part.last) / 2 for part in parts]
    names = [plain(part.span.replace("nonoption", "question")) for part in parts]
    ticks = {"tickmode": "array", "tickvals": middles, "showgrid": False, "ticks": ""}
    panels.fig.update_xaxes(**ticks, ticktext=names, tickangle=-50, range=[-0.5, layout.length - 0.5])
    panels.fig.update_yaxes(
        **ticks, ticktext=names, range=[layout.length - 0.5, -0.5], tickfont={"color": INK}, automargin=False
    )
    return panels.fig

"""Where a query's attention goes, summed by span: one stacked bar a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import pandas as pd
import plotly.graph_objects as go

from workbench.figures.attention_heat import heads_text, refuse_others, state_text
from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.segments import KINDS
from workbench.figures.parts.template import TEMPLATE, title_of, translucent
from workbench.figures.parts.text import plain

if TYPE_CHECKING:
    from workbench.analyses.attention.maps import AttentionMaps
    from workbench.prompts.layout import TokenLayout

_FIRST, _LAST = (0xC6, 0xE4, 0xF5), (0x08, 0x45, 0x79)
"""Colours of the first and the last frame; the others lie between."""


def attention_mass(
    maps: AttentionMaps, beside: AttentionMaps | None = None, *, title: str | None = None
) -> Figure:
    """Shares of the attention by span, one stacked bar a layer; with `beside`, other maps at the right.

    The shares of a layer sum to 1; spans that no layer looks at are left out. Raises RunError where the two
    are not of one query and its layers.
    """
    panels = [maps] if beside is None else [maps, beside]
    if beside is not None:
        refuse_others(maps, beside)
    colors = span_colors(maps.layout)
    names = [state_text(panel) for panel in panels]
    fig = subplots(
        rows=1,
        cols=len(panels),
        shared_yaxes=True,
        subplot_titles=names,
        horizontal_spacing=0.04,
    )
    masses = [panel.mass for panel in panels]
    seen = {span for mass in masses for span in mass.loc[mass["mass"] > 0, "span"]}
    for number, mass in enumerate(masses):
        for span in (span for span in dict.fromkeys(mass["span"]) if span in seen):
            part = cast(pd.DataFrame, mass[mass["span"] == span])
            fig.add_trace(
                _bars(str(span), part, maps.layout, colors, shown=number == 0), row=1, col=number + 1
            )
    name = f"Where the attention of {plain(maps.query)} goes" if title is None else plain(title)
    how = "mean over heads" if maps.heads == "max" else heads_text(maps)
    fig.update_layout(
        template=TEMPLATE,
        title=title_of(name, f"{how}; summed over the keys of each span", 520),
        width=1180,
        height=520,
        margin={"l": 64, "r": 16, "t": 112, "b": 104},
        barmode="stack",
        bargap=0.12,
        legend={"y": -0.17, "yanchor": "top", "traceorder": "normal", "itemsizing": "constant"},
        hovermode="closest",
    )
    fig.update_xaxes(title="layer", dtick=1 if len(maps.layers) <= 16 else None, ticks="")
    fig.update_yaxes(range=[0, 1], tickformat=".0%")
    fig.update_yaxes(title="share of the attention", col=1)
    fig.update_annotations(font={"size": 14}, y=1.01)
    for number, annotation in enumerate(fig.layout.annotations):  # pyright: ignore[reportAttributeAccessIssue]
        annotation.update(text=f"<b>{names[number]}</b>")
    return fig


def _bars(
    span: str, part: pd.DataFrame, layout: TokenLayout, colors: Mapping[str, str], *, shown: bool
) -> go.Bar:
    name = span_name(span, layout)
    return go.Bar(
        x=part["layer"],
        y=part["mass"],
        name=name,
        legendgroup=span,
        showlegend=shown,
        marker={"color": colors[span], "line": {"width": 0}},
        customdata=part["keys"],
        hovertemplate=(
            f"<b>{name}</b>, layer %{{x}}<br>%{{y:.1%}} of the attention<br>on %{{customdata}} keys"
            "<extra></extra>"
        ),
    )


def span_name(span: str, layout: TokenLayout) -> str:
    """A span for a legend, safe for plotly: "option[A], true"."""
    if span == "question" and "nonoption" in layout:
        return "question, the rest"
    if _is_true(span, layout):
        return plain(f"{span}, true")
    return plain(span)


def span_colors(layout: TokenLayout) -> dict[str, str]:
    """A css colour for every span that may hold keys; frames from light to dark."""
    colors = {name: translucent(color, alpha) for name, (color, alpha) in KINDS.items()}
    last = max(1, layout.n_frames - 1)
    for t in range(layout.n_frames):
        mixed = (round(a + (b - a) * t / last) for a, b in zip(_FIRST, _LAST, strict=True))
        colors[f"frame[{t}]"] = "#" + "".join(f"{part:02x}" for part in mixed)
    options = [name for name in layout.spans if name.startswith("option[")]
    false = 0
    for name in options:
        if _is_true(name, layout):
            colors[name] = translucent(KINDS["true_option"][0], 0.85)
        else:
            colors[name] = translucent(KINDS["false_options"][0], max(0.25, 0.8 - 0.2 * false))
            false += 1
    return colors


def _is_true(span: str, layout: TokenLayout) -> bool:
    if not span.startswith("option[") or "true_option" not in layout:
        return False
    return bool(set(layout[span].tolist()) <= set(layout["true_option"].tolist()))

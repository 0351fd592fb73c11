"""The look of every figure: one plotly template, and one line style a flow.

Colours: Okabe and Ito, "Color Universal Design" (2008), without their yellow, which white paper swallows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import plotly.graph_objects as go
import plotly.io as pio

from workbench.interventions import catalogue

TEMPLATE = "workbench"
"""Name under which the template is registered with plotly."""

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"
INK = "#1a1a1a"
MUTED = "#5c5c5c"
GRID = "#e8e8e8"
ZERO = "#8a8a8a"

BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILLION, PURPLE, BLACK = "#E69F00", "#D55E00", "#CC79A7", "#000000"


class LineStyle(NamedTuple):
    """How a flow is drawn. Marker and dash tell flows apart where colours cannot, as in grey print."""

    color: str
    dash: str
    symbol: str


FLOW_STYLES: dict[str, LineStyle] = {
    catalogue.CROSS_FRAME: LineStyle(BLUE, "solid", "circle"),
    catalogue.VIDEO_QUESTION: LineStyle(VERMILLION, "solid", "square"),
    catalogue.QUESTION_LAST: LineStyle(GREEN, "solid", "diamond"),
    catalogue.VIDEO_LAST: LineStyle(ORANGE, "dash", "triangle-up"),
    catalogue.LAST_LAST: LineStyle(PURPLE, "dot", "x"),
    catalogue.WITHIN_FRAMES: LineStyle(SKY, "dash", "triangle-down"),
    catalogue.VIDEO_TEXT: LineStyle(BLACK, "dashdot", "cross"),
    catalogue.NONOPTION_LAST: LineStyle(BLUE, "dash", "pentagon"),
    catalogue.TRUE_LAST: LineStyle(GREEN, "dash", "star"),
    catalogue.FALSE_LAST: LineStyle(PURPLE, "dashdot", "hexagon"),
    catalogue.VIDEO_NONOPTION: LineStyle(SKY, "solid", "triangle-down"),
    catalogue.NONOPTION_TRUE: LineStyle(BLACK, "solid", "triangle-up"),
    catalogue.VIDEO_TRUE: LineStyle(ORANGE, "solid", "hourglass"),
}
"""The fixed style of each named flow, the same in every figure."""

_SPARE = [
    LineStyle(color, dash, symbol)
    for color, dash, symbol in zip(
        (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK),
        ("longdashdot", "longdash", "dashdot", "solid", "dash", "dot", "solid"),
        ("star-diamond", "bowtie", "octagon", "star-square", "hexagram", "diamond-tall", "diamond-wide"),
        strict=True,
    )
]
"""Styles for flows without a name of their own."""


def line_styles(names: Iterable[str]) -> dict[str, LineStyle]:
    """A style for each of `names`: named flows have theirs, the others share the rest in order."""
    styles: dict[str, LineStyle] = {}
    others = 0
    for name in names:
        if name in styles:
            continue
        if name in FLOW_STYLES:
            styles[name] = FLOW_STYLES[name]
        else:
            turned = _SPARE[(others + others // len(_SPARE)) % len(_SPARE)]  # a new marker each round
            styles[name] = _SPARE[others % len(_SPARE)]._replace(symbol=turned.symbol)
            others += 1
    return styles


def translucent(color: str, alpha: float) -> str:
    """`color` ("#rrggbb") as a css rgba() of that opacity."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:.3g})"


def ink_on(color: str, alpha: float) -> str:
    """Black or white, whichever reads better on `color` of that opacity over white."""
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [(1 - alpha + alpha * part) ** 2.2 for part in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if luminance < 0.3 else INK


def title_of(title: str, reading: str, height: int) -> dict[str, Any]:
    """A figure's title with a line on how to read it below; both safe for plotly, `height` in pixels."""
    return {
        "text": f"<b>{title}</b><br><span style='font-size:13px;color:{MUTED}'>{reading}</span>",
        "pad": {"l": 14},
        "y": 1 - 36 / height,
        "yanchor": "middle",
    }


def _template() -> go.layout.Template:
    axis = {
        "showgrid": True,
        "gridcolor": GRID,
        "zeroline": False,
        "showline": True,
        "linecolor": "#b5b5b5",
        "linewidth": 1,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "#b5b5b5",
        "tickfont": {"size": 12, "color": MUTED},
        "title": {"font": {"size": 13, "color": INK}, "standoff": 8},
        "automargin": True,
    }
    layout = go.Layout(
        font={"family": FONT, "size": 13, "color": INK},
        title={"font": {"size": 18, "color": INK}, "x": 0, "xref": "container", "xanchor": "left"},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        colorway=[BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK],
        hovermode="closest",
        hoverlabel={
            "bgcolor": "#ffffff",
            "bordercolor": "#8a8a8a",
            "font": {"family": FONT, "size": 13, "color": INK},
            "align": "left",
            "namelength": -1,
        },
        legend={
            "orientation": "h",
            "font": {"size": 13},
            "itemsizing": "trace",
            "bgcolor": "rgba(255,255,255,0)",
            "x": 0,
            "xanchor": "left",
        },
        xaxis=axis | {"showgrid": False},
        yaxis=axis,
        margin={"l": 64, "r": 16, "t": 60, "b": 56},
        # Plotly's own set of buttons has one that sends the figure, and so the data, to another machine.
        modebar={"remove": ["sendChartToCloud"]},
    )
    return go.layout.Template(layout=layout)


pio.templates[TEMPLATE] = _template()

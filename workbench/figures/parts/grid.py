"""Small multiples: a grid of panels with shared axes, one legend, and room for the words around them."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.template import INK, MUTED, TEMPLATE, ZERO
from workbench.figures.parts.text import plain, wrap

PANEL_WIDTH = 330
PANEL_HEIGHT = 200
LEFT = 70
"""Pixels between the figure's left edge and its panels, unless row names need more."""
_GAP = 66  # pixels between two rows of panels: tick labels and a panel title


class Grid(NamedTuple):
    """A figure with empty panels. Panels are counted from 0, row by row."""

    fig: Figure
    size: int
    columns: int

    def add(self, index: int, trace: Any) -> None:
        """Draw a trace in panel `index`."""
        self.fig.add_trace(trace, row=index // self.columns + 1, col=index % self.columns + 1)

    def add_zero_line(self, index: int, *, vertical: bool = False) -> None:
        """A thin line at 0 behind the curves of panel `index`."""
        number = index + 1 if index else ""
        along, across = ("y", "x") if vertical else ("x", "y")
        self.fig.add_shape(
            type="line",
            layer="below",
            line={"color": ZERO, "width": 1},
            **{f"{along}ref": f"{along}{number} domain", f"{along}0": 0, f"{along}1": 1},
            **{f"{across}ref": f"{across}{number}", f"{across}0": 0, f"{across}1": 0},
        )

    def name_axes(self, *, x: str, y: str = "") -> None:
        """Axis titles, safe for plotly: x under the lowest panel of each column, y at the first column."""
        for index in range(self.size):
            number = index + 1 if index else ""
            if index + self.columns >= self.size:
                self.fig.update_layout({f"xaxis{number}": {"title": {"text": x}}})
            if y and index % self.columns == 0:
                self.fig.update_layout({f"yaxis{number}": {"title": {"text": y}}})


def grid(
    titles: Sequence[str],
    *,
    columns: int | None,
    title: str,
    subtitle: str = "",
    legend: Sequence[str] = (),
    note: str = "",
    caption: str = "",
    panel_height: int | None = None,
    left: int = LEFT,
) -> Grid:
    """Panels with `titles` (already safe for plotly), `columns` beside each other, 3 at most by default.

    `columns=1` asks for a figure as narrow as a phone. `legend` are the labels that the legend will show, so
    that it gets its room. `caption` is the message, above the panels, its first sentence bold; `note` has
    remarks to stand under them, one a line. Both are plain text. `left` is the room in pixels for what
    stands left of the panels.
    """
    size = len(titles)
    width = 370 if columns == 1 else max(800, min(columns or 3, size) * PANEL_WIDTH)
    columns = max(1, min(columns or (2 if size == 4 else 3), size))
    rows = math.ceil(size / columns)
    panel_height = panel_height or (PANEL_HEIGHT if size > 1 else 320)
    letters = round((width - 20) / 6.8)
    heading = wrap(title, max(20, width // 11))
    small = wrap(subtitle, letters)
    remark = [line for part in note.splitlines() for line in wrap(part, letters)]
    words = _bold_start(caption, round(letters * 0.93))  # its letters are larger
    legend_rows = _legend_rows(legend, width)

    message = 20 * len(words) + 8 if words else 0
    above_legend = 14 + 25 * len(heading) + message + 18 * len(small)
    room = (width - left - 14) / columns - 0.03 * (columns > 1) * width
    titles = [_fitted(text, room) for text in titles]
    second = 18 if any("<br>" in text for text in titles) else 0  # pixels of a second line
    gap = _GAP + second
    top = above_legend + 26 * legend_rows + (40 + second if any(titles) else 14)
    bottom = 62 + 20 * len(remark)
    inner = rows * panel_height + (rows - 1) * gap
    height = top + inner + bottom
    fig = subplots(
        rows=rows,
        cols=columns,
        shared_xaxes="all",  # pyright: ignore[reportArgumentType]
        shared_yaxes="all",  # pyright: ignore[reportArgumentType]
        subplot_titles=list(titles),
        vertical_spacing=gap / inner if rows > 1 else 0,
        horizontal_spacing=0.03 if columns > 1 else 0,
    )
    named = [index for index, text in enumerate(titles) if text]  # plotly writes no empty title
    for index, above in zip(named, cast(Any, fig).select_annotations(), strict=True):
        domain = fig.layout[f"xaxis{index + 1 if index else ''}"]["domain"]
        above.update(x=domain[0], xanchor="left", align="left", yshift=4, font={"size": 14, "color": INK})
    fig.update_layout(template=TEMPLATE, height=height, margin={"t": top, "b": bottom, "l": left, "r": 14})
    edge = 14 - left
    _write(fig, [f"<b>{plain(line)}</b>" for line in heading], 18, y=1, xshift=edge, yshift=top - 14)
    below = top - 14 - 25 * len(heading)
    _write(fig, words, 14, y=1, xshift=edge, yshift=below)
    _write(fig, [plain(line) for line in small], 13, y=1, xshift=edge, yshift=below - message, color=MUTED)
    _write(fig, [plain(line) for line in remark], 13, y=0, xshift=edge, yshift=-58, color=MUTED)
    if legend_rows:
        at = 1 - (above_legend + 2) / height
        fig.update_layout(legend={"yref": "container", "y": at, "yanchor": "top"})
    return Grid(fig, size, columns)


def _fitted(title: str, room: float) -> str:
    """A panel's title, its name on a line of its own where both do not fit in `room` pixels."""
    shown = html.unescape(re.sub("<[^>]*>", "", title))
    name, end, rest = title.partition("</b>")
    if len(shown) * 6.6 <= room or not rest:
        return title
    return f"{name}{end}<br>{rest.lstrip(',: ')}"


def layer_axis(first: int, last: int) -> dict[str, Any]:
    """Range and ticks of an axis of layers `first`..`last`: every layer up to 16, then every few."""
    if last - first < 16:
        ticks = list(range(first, last + 1))
    else:
        step = 4 if last <= 40 else 8
        ticks = [first, *(layer for layer in range(step, last + 1, step) if layer > first + 1)]
    return {
        "range": [first - 0.6, last + 0.6],
        "tickmode": "array",
        "tickvals": ticks,
        "showticklabels": True,
    }


def _write(
    fig: Figure, lines: Sequence[str], size: int, *, y: int, xshift: int, yshift: int, color: str = INK
) -> None:
    """Text in pixels from the upper (y=1) or the lower (y=0) left corner of the panels."""
    if lines:
        at = {"x": 0, "xref": "paper", "xanchor": "left", "xshift": xshift, "align": "left"}
        height = {"y": y, "yref": "paper", "yanchor": "top", "yshift": yshift}
        font = {"size": size, "color": color}
        fig.add_annotation(text="<br>".join(lines), **at, **height, showarrow=False, font=font)


def _bold_start(caption: str, letters: int) -> list[str]:
    """The caption in lines, safe for plotly, its first sentence bold."""
    lines = wrap(caption, letters)
    bold = len(caption.split(". ", 1)[0].split())  # words of the first sentence
    shown = []
    for line in lines:
        words = [plain(word) for word in line.split()]
        head, rest = words[:bold], words[bold:]
        bold -= len(head)
        shown.append(" ".join(([f"<b>{' '.join(head)}</b>"] if head else []) + rest))
    return shown


def _legend_rows(labels: Sequence[str], width: int) -> int:
    rows, used = min(1, len(labels)), 0
    for label in labels:
        need = 52 + round(7.2 * len(label))
        if used and used + need > width - 90:
            rows, used = rows + 1, 0
        used += need
    return rows

"""A prompt as a picture: the frames of the clip, and which rows of the prompt belong to which span."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import plotly.graph_objects as go

from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.pictures import frame_uri
from workbench.figures.parts.segments import KINDS, Segment, segments
from workbench.figures.parts.template import INK, MUTED, TEMPLATE, ink_on, translucent
from workbench.figures.parts.text import count_of, plain

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout
    from workbench.video import Clip

_LINE_WIDTH = 1130  # pixels of a line of tokens
_MOST_TOKENS = 400  # a longer prompt is cut in the middle: nobody reads it here
_FRAME_WIDTH = 256  # pixels at which frames are stored in the figure


def clip_strip(clip: Clip, layout: TokenLayout, *, title: str | None = None) -> Figure:
    """The frames of a clip with their times, a bar of the whole prompt, and its text coloured by span.

    Rows of the prompt are counted from 0, as in `layout[...]`. Where the layout knows no token texts, the
    coloured text is left out.
    """
    parts = segments(layout)
    lines = _token_lines(layout, parts)
    columns = min(8, max(1, len(clip.frames)))
    rows = -(-len(clip.frames) // columns)
    tall = clip.frames.shape[1] / clip.frames.shape[2]
    cell_width = 1150 / columns
    frame_height = min(0.94 * cell_width * tall, 260) + 22
    pixels = [rows * frame_height, 34, max(1, len(lines)) * 30]
    gap, top, bottom = 50, 76, 20
    inner = sum(pixels) + 2 * gap
    height = round(inner + top + bottom)
    fig = subplots(rows=3, cols=1, row_heights=pixels, vertical_spacing=gap / inner)
    _add_frames(fig, clip, layout, columns, rows, 22 / frame_height)
    _add_bar(fig, layout, parts)
    _add_text(fig, lines)
    heading = f"{count_of(len(clip.frames), 'frame')} and {count_of(layout.length, 'row')} of the prompt"
    fig.update_layout(
        template=TEMPLATE,
        title={
            "text": f"<b>{plain(heading if title is None else title)}</b>",
            "pad": {"l": 14},
            "y": 1 - 22 / height,
            "yanchor": "middle",
        },
        height=height,
        margin={"l": 20, "r": 20, "t": top, "b": bottom},
        barmode="overlay",
        bargap=0,
        legend={"yref": "container", "y": 1 - 40 / height, "yanchor": "top"},
    )
    return fig


def _add_frames(
    fig: Figure, clip: Clip, layout: TokenLayout, columns: int, rows: int, label_share: float
) -> None:
    units = max(1, layout.n_frames)
    together = max(1, round(len(clip.frames) / units))  # frames that share their rows of the prompt
    centres, told = [], []
    for index, frame in enumerate(clip.frames):
        row, column = divmod(index, columns)
        unit = min(index // together, units - 1)
        fig.add_layout_image(
            source=frame_uri(frame, _FRAME_WIDTH),
            x=column + 0.03,
            y=row + label_share,
            sizex=0.94,
            sizey=1 - label_share,
            xref="x",
            yref="y",
            xanchor="left",
            yanchor="top",
            sizing="contain",
        )
        seconds = f"{float(clip.timestamps[index]):.2f} s" if index < len(clip.timestamps) else ""
        fig.add_annotation(
            x=column + 0.5,
            y=row + label_share,
            xref="x",
            yref="y",
            yanchor="bottom",
            showarrow=False,
            text=f"<b>frame[{unit}]</b> <span style='color:{MUTED}'>{seconds}</span>",
            font={"size": 12, "color": INK},
        )
        centres.append((column + 0.5, row + label_share + (1 - label_share) / 2))
        held = layout.frames[unit] if layout.n_frames else ()
        told.append(f"frame[{unit}], {seconds}<br>{_rows_text(held)}")
    fig.add_trace(
        go.Scatter(
            x=[x for x, _ in centres],
            y=[y for _, y in centres],
            mode="markers",
            marker={"size": 40, "opacity": 0},
            hovertemplate="%{customdata[0]}<extra></extra>",
            customdata=[[text] for text in told],
            showlegend=False,
        ),
        row=1,
        col=1,
    )
    hidden = {"visible": False, "fixedrange": True}
    fig.update_layout(xaxis={"range": [0, columns], **hidden}, yaxis={"range": [rows, 0], **hidden})


def _add_bar(fig: Figure, layout: TokenLayout, parts: Sequence[Segment]) -> None:
    for kind, (color, alpha) in KINDS.items():
        mine = [part for part in parts if part.kind == kind]
        if not mine:
            continue
        fig.add_trace(
            go.Bar(
                orientation="h",
                y=[0] * len(mine),
                base=[part.first for part in mine],
                x=[part.last - part.first + 1 for part in mine],
                width=1,
                marker={"color": translucent(color, alpha), "line": {"color": "#ffffff", "width": 1}},
                customdata=[
                    [plain(part.span), _rows_text(range(part.first, part.last + 1))] for part in mine
                ],
                hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<extra></extra>",
                name="question, the rest" if kind == "question" and "nonoption" in layout else kind,
                showlegend=True,
            ),
            row=2,
            col=1,
        )
    axis = {"range": [0, layout.length], "showgrid": False, "title": {"text": "row of the prompt"}}
    fig.update_layout(xaxis2=axis, yaxis2={"visible": False, "range": [-0.5, 0.5], "fixedrange": True})


class _Token(NamedTuple):
    text: str
    left: float
    width: float
    color: str
    ink: str
    told: str


def _token_lines(layout: TokenLayout, parts: Sequence[Segment]) -> list[list[_Token]]:
    """The prompt's tokens in lines of equal width; a run of video rows is one block."""
    lines: list[list[_Token]] = [[]]
    left = 0.0
    for text, part, told in _token_texts(layout, parts):
        width = 8.0 + 7.3 * len(text)
        if left and left + width > _LINE_WIDTH:
            lines.append([])
            left = 0.0
        color, alpha = KINDS[part.kind]
        lines[-1].append(_Token(text, left, width, translucent(color, alpha), ink_on(color, alpha), told))
        left += width + 2
    return lines if lines[0] else []


def _token_texts(layout: TokenLayout, parts: Sequence[Segment]) -> Iterator[tuple[str, Segment, str]]:
    if not layout.tokens:
        return
    shown = 0
    video: list[Segment] = []
    for part in parts:
        if part.kind in ("video", "separator"):
            video.append(part)
            continue
        if video:
            yield _block(video)
            video = []
        for row in range(part.first, part.last + 1):
            shown += 1
            if shown == _MOST_TOKENS:
                yield "…", part, "more tokens than fit here"
            if shown < _MOST_TOKENS or row == layout.length - 1:
                text = layout.tokens[row].replace("\n", "⏎").strip() or "␣"
                yield text, part, f"row {row}: {part.span}"
    if video:
        yield _block(video)


def _block(video: Sequence[Segment]) -> tuple[str, Segment, str]:
    count = sum(part.last - part.first + 1 for part in video)
    told = f"rows {video[0].first} to {video[-1].last}: video"
    first = next((part for part in video if part.kind == "video"), video[0])
    return f"   {count} video rows   ", first, told


def _add_text(fig: Figure, lines: Sequence[Sequence[_Token]]) -> None:
    tokens = [(row, token) for row, line in enumerate(lines) for token in line]
    fig.add_trace(
        go.Bar(
            orientation="h",
            y=[row for row, _ in tokens],
            base=[token.left for _, token in tokens],
            x=[token.width for _, token in tokens],
            width=0.8,
            marker={"color": [token.color for _, token in tokens]},
            text=[plain(token.text) for _, token in tokens],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            constraintext="none",
            textfont={"size": 12, "color": [token.ink for _, token in tokens]},
            customdata=[[plain(token.told)] for _, token in tokens],
            hovertemplate="%{customdata[0]}<extra></extra>",
            showlegend=False,
        ),
        row=3,
        col=1,
    )
    hidden = {"visible": False, "fixedrange": True}
    fig.update_layout(
        xaxis3={"range": [0, _LINE_WIDTH + 20], **hidden},
        yaxis3={"range": [max(1, len(lines)) - 0.5, -0.5], **hidden},
    )


def _rows_text(rows: Sequence[int] | np.ndarray | range) -> str:
    if not len(rows):
        return "no row"
    first, last = int(rows[0]), int(rows[-1])
    return f"row {first}" if first == last else f"rows {first} to {last} ({len(rows)})"

"""What a viewer shows of one sample before anything is asked: frames, prompt, spans and curves, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd
from PIL import Image

from workbench.errors import RunError, near_matches
from workbench.figures.attention_heat import FLOOR, HEAT
from workbench.figures.attention_mass import span_colors, span_name
from workbench.figures.parts.groups import flow_groups
from workbench.figures.parts.pictures import data_uri
from workbench.figures.parts.segments import KINDS, segments
from workbench.figures.parts.template import ink_on, line_styles, translucent
from workbench.figures.parts.text import arrows
from workbench.prompts.partition import disjoint_spans

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout
    from workbench.prompts.prompt import Prompt
    from workbench.runs import Run

DASHES = {
    "solid": "",
    "dash": "7 4",
    "dot": "2 3",
    "dashdot": "7 3 2 3",
    "longdash": "12 4",
    "longdashdot": "12 3 2 3",
}
"""Plotly's names of dashes as SVG has them."""
_FRAME_WIDTH = 320  # pixels at which frames are stored


def document(
    prompt: Prompt,
    *,
    model_name: str,
    layers: tuple[int, ...],
    n_layers: int,
    n_heads: int,
    run: Run | None,
    words: dict[str, Any] | None,
    answer: list[dict[str, Any]],
) -> dict[str, Any]:
    """All that does not change while a sample is looked at. Raises RunError where `run` lacks the sample."""
    layout, sample = prompt.layout, prompt.sample
    cells = layout.cells
    return {
        "title": "free question" if sample is None else sample.id,
        "model": model_name,
        "layers": list(layers),
        "depth": n_layers,
        "heads": n_heads,
        "rows": layout.length,
        "frames": _frames(prompt),
        "units": layout.n_frames,
        "grid": None if cells is None else list(cells.shape[1:]),
        "cells": [] if cells is None else cells.flatten().tolist(),
        "tokens": _tokens(layout),
        "kinds": _kinds(layout),
        "spans": _spans(layout),
        "floor": FLOOR,
        "heat": [[place, *_rgba(color)] for place, color in HEAT],
        "curves": None if run is None else _curves(run, prompt),
        "words": words,
        "answer": answer,
    }


def _frames(prompt: Prompt) -> list[dict[str, Any]]:
    """Every frame as the model saw it: a data URI, its time, and the temporal unit that it belongs to."""
    from workbench.prompts.pixels import seen_frames  # needs torch, which other figures do not

    clip, layout = prompt.clip, prompt.layout
    together = max(1, -(-len(clip) // max(1, layout.n_frames)))
    frames = []
    for index, frame in enumerate(seen_frames(clip.frames, prompt.pixels)):
        image = Image.fromarray(frame)
        image.thumbnail((_FRAME_WIDTH, 4 * _FRAME_WIDTH))
        source = data_uri(image, "JPEG", quality=85)
        unit = min(index // together, max(0, layout.n_frames - 1))
        frames.append(
            {
                "source": source,
                "width": image.width,
                "height": image.height,
                "unit": unit,
                "label": f"frame[{unit}]",
                "seconds": round(float(clip.timestamps[index]), 2),
            }
        )
    return frames


def _tokens(layout: TokenLayout) -> list[dict[str, Any]]:
    """The prompt in reading order; a run of rows of the video is one entry."""
    found: list[dict[str, Any]] = []
    for part in segments(layout):
        if part.kind in ("video", "separator"):
            if not found or found[-1]["kind"] != "video":
                found.append({"kind": "video", "first": part.first, "last": part.last})
            found[-1]["last"] = part.last
            count = found[-1]["last"] - found[-1]["first"] + 1
            found[-1]["text"] = f"{count} rows of video"
            continue
        for row in range(part.first, part.last + 1):
            raw = layout.tokens[row] if layout.tokens else f"row {row}"
            shown = raw.replace("\n", "⏎").strip() or "␣"
            found.append({"kind": part.kind, "row": row, "text": shown, "span": part.span})
    return found


def _kinds(layout: TokenLayout) -> list[dict[str, str]]:
    """The colours of the prompt: those kinds of span that it has."""
    present = {"video" if part.kind == "separator" else part.kind for part in segments(layout)}
    return [
        {
            "name": kind,
            "text": kind.replace("_", " "),
            "color": translucent(color, alpha),
            "ink": ink_on(color, alpha),
        }
        for kind, (color, alpha) in KINDS.items()
        if kind in present
    ]


def _spans(layout: TokenLayout) -> list[dict[str, Any]]:
    colors = span_colors(layout)
    return [
        {"name": span_name(span, layout), "color": colors[span], "rows": rows.tolist()}
        for span, rows in disjoint_spans(layout).items()
    ]


def _curves(run: Run, prompt: Prompt) -> dict[str, Any]:
    """The sample's change_percent by layer, a line a flow and window; each group of flows is drawn alone."""
    table = run.table
    known = [str(name) for name in dict.fromkeys(table["sample_id"])]
    if prompt.sample is None:
        raise RunError("run= shows the curves of a sample, and this prompt is a free question. Leave it out.")
    name = prompt.sample.id
    if name not in known:
        raise RunError(
            f"The run has no effects of the sample {name!r}.{near_matches(name, known)} It has "
            f"{len(known)} samples, such as {', '.join(known[:3])}. Leave run= out, or view one of these."
        )
    # Windows without a place on the layer axis make no curve.
    mine = cast(pd.DataFrame, table[(table["sample_id"] == name) & (table["layer"] > 0)])
    rows = mine.to_dict("records")
    if not rows:
        raise RunError(
            f"The run holds no curve of {name!r}: its windows have no place on the layer axis. Sweep with "
            "centred(k) or trailing(k), or leave run= out."
        )
    windows = list(dict.fromkeys(row["window"] for row in rows))
    styles = line_styles(row["flow"] for row in rows)
    groups = {flow: group.title for group in flow_groups(styles) for flow in group.flows}
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        flow, window = str(row["flow"]), str(row["window"])
        label = arrows(flow) + (f", {window}" if len(windows) > 1 else "")
        style = {"color": styles[flow].color, "dash": DASHES[styles[flow].dash], "group": groups[flow]}
        line = lines.setdefault((flow, window), {"label": label, **style, "points": []})
        # A point without a value, where nothing was there to cut: the line has a gap.
        value = None if row.get("edges_percent") == 0 else round(float(row["change_percent"]), 2)
        line["points"].append([int(row["layer"]), value])
    return {"windows": ", ".join(map(str, windows)), "lines": list(lines.values())}


def _rgba(color: str) -> list[float]:
    return [float(part) for part in color.removeprefix("rgba(").removesuffix(")").split(",")]

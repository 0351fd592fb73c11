"""What the page shows, gathered from a run's tables: figures, sentences and the rows of its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from markupsafe import Markup

from workbench.analyses.pathways.bins import LayerBin, bins_text
from workbench.figures import by_task, flow_groups, headline, information_flow, staged_flow
from workbench.interventions import FlowGroup, axis_of, series_of
from workbench.pages.html import figure_data
from workbench.pages.report import explain
from workbench.pages.report.stages import Stages
from workbench.statistics.bootstrap import Interval
from workbench.statistics.curves import Point, curve_points, curves_of
from workbench.statistics.peaks import peaks
from workbench.statistics.proportions import wilson


class Figure(NamedTuple):
    """A figure in its two shapes: for a screen and for a phone."""

    name: str
    alt: str
    wide: Markup
    narrow: Markup
    wide_height: int
    narrow_height: int


class Part(NamedTuple):
    """The curves of a group of flows, and what they say."""

    title: str
    """Empty where the group is all flows."""
    figure: Figure
    headline: str
    by_task: list[tuple[str, str]]


class Section(NamedTuple):
    """The curves of one window, and what they say."""

    window: str
    meaning: str
    parts: list[Part]
    peaks: list[Point]
    numbers: list[NumberTable]


class NumberTable(NamedTuple):
    """All means of one task: a row a flow, a cell a layer."""

    task: str
    layers: list[int]
    rows: list[tuple[str, list[Point | None]]]


class Answers(NamedTuple):
    """How the untouched model did on one task."""

    task: str
    share: Interval
    used: int
    """Samples that the curves are made of."""
    p_base: float
    tokens: str
    seconds: float


def sections(table: pd.DataFrame, seed: int) -> list[Section]:
    """One section a window; windows without a place on the layer axis share one.

    `table` is a sweep's; all sections, figures and sentences are of one summary of it.
    """
    curves = curves_of(table, seed=seed)
    named = [series_of(window) if axis_of(window) else "" for window in curves["window"]]
    sections = []
    for number, window in enumerate(dict.fromkeys(named)):
        part = cast(pd.DataFrame, curves[[name == window for name in named]])
        points = curve_points(part)
        if not points:
            continue
        names = list(dict.fromkeys(part["window"])) if not window else [window]
        meanings = [explain.window_meaning(name) for name in names]
        sections.append(
            Section(
                window=", ".join(names),
                meaning="; ".join(filter(None, meanings)),
                parts=_parts(part, points, f"curves-{number}", names),
                peaks=peaks(points),
                numbers=_numbers(points) if window else [],
            )
        )
    return sections


def _parts(curves: pd.DataFrame, points: Sequence[Point], name: str, windows: Sequence[str]) -> list[Part]:
    """A part a group of flows; bars have room for all flows."""
    flows = dict.fromkeys(point.flow for point in points)
    groups = flow_groups(flows) if axis_of(windows[0]) else [FlowGroup("all", "", tuple(flows))]
    parts = []
    for number, group in enumerate(groups):
        mine = [point for point in points if point.flow in group.flows]
        shapes = [
            information_flow(curves, flows=group.flows, title="", caption=False, columns=columns)
            for columns in (None, 1)
        ]
        alt = f"Change of the answer's probability, window {', '.join(windows)}. {headline(mine)}"
        figure = _figure(f"{name}-{group.name}" if number else name, alt, shapes)
        parts.append(Part(group.title, figure, headline(mine), list(by_task(mine).items())))
    return parts


def _numbers(points: Sequence[Point]) -> list[NumberTable]:
    layers = sorted({point.layer for point in points})
    at = {(point.task, point.flow, point.layer): point for point in points}
    flows = list(dict.fromkeys(point.flow for point in points))
    return [
        NumberTable(
            task, layers, [(flow, [at.get((task, flow, layer)) for layer in layers]) for flow in flows]
        )
        for task in dict.fromkeys(point.task for point in points)
    ]


def _figure(name: str, alt: str, shapes: Sequence[go.Figure]) -> Figure:
    wide, narrow = shapes
    heights = [int(cast(Any, shape).layout.height) for shape in shapes]
    return Figure(name, alt, figure_data(wide), figure_data(narrow), *heights)


def stage_figure(stages: Stages | None) -> Figure | None:
    if stages is None:
        return None
    table = stages.by_task if len(stages.by_task) else stages.overall
    shapes = [staged_flow(table, title="", columns=columns) for columns in (None, 1)]
    return _figure("stages", "In which layers each flow matters, task by task.", shapes)


class StageRow(NamedTuple):
    """A flow of the pathways table: its bins, those that count, and its range, in words."""

    flow: str
    bins: list[dict[str, Any]]
    counting: str
    span: str


def stage_rows(stages: Stages | None) -> list[StageRow]:
    """A row a flow of all tasks together."""
    if stages is None:
        return []
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in stages.overall.to_dict("records"):
        rows.setdefault(str(row["flow"]), []).append({str(key): value for key, value in row.items()})
    named = []
    for flow, bins in rows.items():
        first, last = bins[0]["first_layer"], bins[0]["last_layer"]
        span = "none" if pd.isna(first) or pd.isna(last) else f"{int(first)}-{int(last)}"
        counting = [LayerBin(int(row["bin_first"]), int(row["bin_last"])) for row in bins if row["counts"]]
        named.append(StageRow(flow, bins, bins_text(counting) or "none", span))
    return named


def answers(samples: pd.DataFrame, table: pd.DataFrame) -> list[Answers]:
    used = table.groupby("task")["sample_id"].nunique().to_dict() if len(table) else {}
    found = []
    for task, part in samples.groupby("task", sort=False):
        correct, tokens, p_base, seconds = (
            np.asarray(part[name]) for name in ("correct", "n_tokens", "p_base", "seconds")
        )
        least, most = int(tokens.min()), int(tokens.max())
        found.append(
            Answers(
                task=str(task),
                share=wilson(int(correct.sum()), len(part)),
                used=int(used.get(task, 0)),
                p_base=float(p_base.mean()),
                tokens=str(least) if least == most else f"{least}-{most}",
                seconds=float(seconds.mean()),
            )
        )
    return found


def reasons(skipped: pd.DataFrame) -> list[tuple[str, int]]:
    return [(str(reason), int(count)) for reason, count in skipped["reason"].value_counts().items()]

"""Results of the lens as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analyses.lens.roles import COMMONEST, FALSE, TRUE
from workbench.analyses.pathways.bins import LayerBin, bin_name
from workbench.markup import as_text

if TYPE_CHECKING:
    from rich.table import Table


def curves_shown(curves: pd.DataFrame) -> Table:
    """The true option's mean of `answer_curves`: a row a task, a column a layer.

    Bold is where its interval lies above that of the false options.
    """
    from rich import box
    from rich.table import Table

    shown = Table(
        title="Probability of the true option after each layer (mean over samples)",
        caption="Bold: its 95% interval lies above that of the false options.",
        box=box.SIMPLE_HEAD,
    )
    shown.add_column("task", no_wrap=True)
    shown.add_column("n", justify="right")
    points: list[Any] = list(curves.itertuples(index=False))
    for layer in dict.fromkeys(point.layer for point in points):
        shown.add_column(str(layer), justify="right", no_wrap=True)
    for task in dict.fromkeys(point.task for point in points):
        true = [point for point in points if point.task == task and point.role == TRUE]
        ceilings = {point.layer: point.high for point in points if point.task == task and point.role == FALSE}
        cells = [
            f"[bold]{point.mean:.2f}[/bold]"
            if point.low > ceilings.get(point.layer, 1)
            else f"{point.mean:.2f}"
            for point in true
        ]
        shown.add_row(as_text(task), str(true[0].n), *cells)
    return shown


def lenses_shown(curves: pd.DataFrame) -> Table:
    """The means of `right_shares`: a row an attribute and lens, a column a layer, in percent.

    Bold is where the interval lies above a blind choice among the attribute's words, and above always saying
    the commonest one, where that was measured.
    """
    from rich import box
    from rich.table import Table

    shown = Table(
        title="Cells whose word is right after each layer, in percent (mean over clips)",
        caption="Bold: the 95% interval lies above a blind choice among the words, and above the commonest "
        "word. Layer 0 is what enters the first.",
        box=box.SIMPLE_HEAD,
    )
    shown.add_column("attribute", no_wrap=True)
    shown.add_column("lens", no_wrap=True)
    shown.add_column("clips", justify="right")
    points: list[Any] = list(curves.itertuples(index=False))
    layers = sorted({point.layer for point in points})
    for layer in layers:
        shown.add_column(str(layer), justify="right", no_wrap=True)
    lines: dict[tuple[str, str], dict[int, Any]] = {}
    floors = {point.attribute: point.guessing for point in points}
    for point in points:
        if point.lens == COMMONEST:
            floors[point.attribute] = float(np.fmax(point.mean, floors[point.attribute]))
    for point in points:
        lines.setdefault((point.attribute, point.lens), {})[point.layer] = point
    for (attribute, lens), by_layer in lines.items():
        found = [by_layer.get(layer) for layer in layers]
        cells = ["" if point is None else _percent(point, floors[attribute]) for point in found]
        shown.add_row(as_text(attribute), as_text(lens), str(max(p.n for p in found if p)), *cells)
    return shown


def _percent(point: Any, floor: float) -> str:
    text = f"{100 * point.mean:.0f}"
    return f"[bold]{text}[/bold]" if point.low > floor else text


def lists_shown(lists: pd.DataFrame, samples: int, rows: int) -> Table:
    """Keyword lists by bins of layers: a row a list, the mean share of each bin, the largest in bold."""
    from rich import box
    from rich.table import Table

    shown = Table(
        title=f"Share of keyword hits by layers; {samples} samples, {rows:,} rows a layer",
        caption="Every keyword's shares sum to 1; rows are means over the keywords of a list.",
        box=box.SIMPLE_HEAD,
    )
    shown.add_column("list", no_wrap=True)
    shown.add_column("keywords", justify="right")
    shares: list[Any] = list(lists.itertuples(index=False))
    for span in dict.fromkeys((row.bin_first, row.bin_last) for row in shares):
        shown.add_column(bin_name(LayerBin(*span)), justify="right", no_wrap=True)
    for name in dict.fromkeys(row.keyword_list for row in shares):
        part = [row for row in shares if row.keyword_list == name]
        most = max(row.share for row in part)
        cells = [f"[bold]{row.share:.3f}[/bold]" if row.share == most else f"{row.share:.3f}" for row in part]
        shown.add_row(as_text(name), str(part[0].keywords), *(cells if part[0].keywords else "-" * len(part)))
    return shown

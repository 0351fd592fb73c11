"""Results of the lens as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analyses.lens.roles import FALSE, TRUE
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

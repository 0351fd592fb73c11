"""Effective pathways: the range of layers in which a flow carries the answer (Map the Flow, section 3.5)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from markupsafe import Markup

from workbench.analyses.pathways.bins import (
    THRESHOLD,
    LayerBin,
    bin_mean,
    bin_name,
    bins_text,
    effective_range,
    layer_bins,
    range_text,
)
from workbench.checksums import write_listed
from workbench.errors import RunError, near_matches
from workbench.interventions.depth import PAPER_BIN
from workbench.markup import as_text, table_html
from workbench.statistics.bootstrap import bootstrap_table
from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.curves import CHANGES
from workbench.statistics.structural import NO_EDGE, structural_zeros

if TYPE_CHECKING:
    from rich.table import Table

    from workbench.runs import Run

NO_EDGES = "no edge"
"""What a table to read says of a bin in which the model has none of a flow's edges."""


class Pathways(dict[str, tuple[int, int]]):
    """For each flow that has effective layers: its first and its last one, from 1, both included.

    That is the paper's range: from the first to the last bin that counts. Bins between them need not count;
    `bins_that_count` tells those that do. Flows without any are not keys; `flows` names all that were looked
    at.
    """

    table: pd.DataFrame
    """One row a flow and bin: flow, bin_first, bin_last, mean_change_percent, counts, first_layer, last_layer
    (the flow's range; missing where it has none), bins_that_count (those of the flow, "1-2, 10-12"), low and
    high, the ends of the mean's 95% interval over samples, in percent, and no_edges (True where the model has
    none of the flow's edges in the bin's layers, so that nothing was cut: no mean, and never counted)."""
    settings: dict[str, Any]
    """bin, threshold, window, tasks, samples."""

    def __init__(self, ranges: Mapping[str, tuple[int, int]], table: pd.DataFrame, settings: dict[str, Any]):
        super().__init__(ranges)
        self.table = table
        self.settings = settings

    def __missing__(self, flow: str) -> tuple[int, int]:
        if flow in self.flows:
            raise KeyError(
                f"{flow!r} has no effective layers: no bin has a mean change below "
                f"{self.settings['threshold']:g}%"
            )
        raise KeyError(f"{flow!r} is not among the flows of this run: {', '.join(self.flows)}")

    @property
    def flows(self) -> tuple[str, ...]:
        """Every flow of the run, those without a range included."""
        return tuple(dict.fromkeys(self.table["flow"]))

    @property
    def bins_that_count(self) -> dict[str, str]:
        """For each flow with a range its bins that count, with the gaps between them: "1-2, 10-12"."""
        each = self.table.drop_duplicates("flow")
        told = dict(zip(each["flow"], each["bins_that_count"], strict=True))
        return {flow: told[flow] for flow in self}

    def __repr__(self) -> str:
        counting = self.bins_that_count
        told = [f"{flow}: {range_text(LayerBin(*self[flow]), counting[flow])}" for flow in self]
        return f"Pathways({'; '.join(told)})"

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file, with what made it in each row: window, bin (layers) and threshold
        (percent)."""
        made_by = {name: self.settings[name] for name in ("window", "bin", "threshold")}
        return write_listed(path, self.table.assign(**made_by).to_csv(index=False, float_format="%.4f"))

    def wide(self) -> pd.DataFrame:
        """A table to read: one row a flow, one column a bin (mean change in percent), the bins that count,
        and the range from the first to the last of them."""
        rows: dict[str, dict[str, Any]] = {flow: {"flow": flow} for flow in self.flows}
        for row in self.table.to_dict("records"):
            name = bin_name(LayerBin(int(row["bin_first"]), int(row["bin_last"])))
            mean = float(row["mean_change_percent"])
            rows[row["flow"]][name] = NO_EDGES if row["no_edges"] else mean
        for flow, row in rows.items():
            row["bins that count"] = self.bins_that_count.get(flow, "-")
            row["effective"] = bin_name(LayerBin(*self[flow])) if flow in self else "-"
        return pd.DataFrame(list(rows.values()))

    def _caption(self) -> str:
        tasks = ", ".join(self.settings["tasks"])
        return (
            f"Mean change of the answer's probability in percent, {self.settings['window']}, "
            f"{self.settings['samples']} samples ({tasks}). "
            f"Bold: below {self.settings['threshold']:g}%. "
            "The effective layers run from the first to the last such bin, gaps included."
            + (f" {NO_EDGES}: {NO_EDGE}." if bool(self.table["no_edges"].to_numpy().any()) else "")
        )

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        wide = self.wide()
        table = Table(
            title="Effective pathways, by layer",
            caption=as_text(self._caption()),
            caption_justify="left",
            box=box.SIMPLE_HEAD,
        )
        for name in wide.columns:
            table.add_column(name, justify="left" if name == "flow" else "right", no_wrap=name != "flow")
        for row in wide.itertuples(index=False):
            cells = [f"[bold]{_number(v)}[/bold]" if self._counts(v) else _number(v) for v in row[1:-2]]
            table.add_row(as_text(row[0]), *cells, str(row[-2]), f"[bold green]{row[-1]}[/bold green]")
        return table

    def _counts(self, mean: float | str) -> bool:
        return not isinstance(mean, str) and mean < self.settings["threshold"]

    def _repr_html_(self) -> str:
        def cell(value: Any) -> Any:
            if not isinstance(value, float):
                return value
            return Markup("<b>{}</b>").format(_number(value)) if self._counts(value) else _number(value)

        return table_html(self.wide(), self._caption(), cell=cell)


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{round(value, 1) + 0.0:.1f}"  # + 0.0 turns -0.0 into 0.0


def pathways(
    run: Run | pd.DataFrame,
    bin: int = PAPER_BIN,
    threshold: float = THRESHOLD,
    task: str | Iterable[str] | None = None,
    *,
    window: str | None = None,
) -> Pathways:
    """The effective layers of each flow of a sweep.

    Args:
        run: a sweep, or its table.
        bin: layers a bin. The paper's 5 are for models of 28 to 40 layers.
        threshold: percent; a bin counts if its mean change is strictly below it.
        task: one task, or several; all of them by default. The paper uses one, Action Antonym.
        window: which window, where the sweep has several; by default its only centred one.

    Raises RunError for a table of other columns or without rows, an unknown task or window, or a bin below 1.
    """
    table = run if isinstance(run, pd.DataFrame) else run.table
    if isinstance(bin, bool) or int(bin) != bin or bin < 1:
        raise RunError(f"bin={bin!r}: a bin holds a whole number of layers, 1 or more.")
    if threshold != threshold:
        raise RunError("threshold=nan: give a number in percent, for example -5.0.")
    needed = ("sample_id", "task", "flow", "window", "layer", "change_percent")
    require_columns(table, *needed, remedy=SWEEP)
    if table.empty:
        raise RunError(
            "The table has no rows, so there are no pathways in it. Run a sweep with more samples."
        )
    table = _of_tasks(table, task)
    window = _choose_window(table, window)
    table = cast(pd.DataFrame, table[table["window"] == window])
    settings = {
        "bin": int(bin),
        "threshold": float(threshold),
        "window": window,
        "tasks": tuple(table["task"].unique()),
        "samples": table["sample_id"].nunique(),
    }
    return _select(table, settings)


def _of_tasks(table: pd.DataFrame, task: str | Iterable[str] | None) -> pd.DataFrame:
    if task is None:
        return table
    wanted = [task] if isinstance(task, str) else list(task)
    known = table["task"].unique().tolist()
    for name in wanted:
        if name not in known:
            raise RunError(
                f"task {name!r} is not in this run: {', '.join(known)}.{near_matches(name, known)}"
            )
    if not wanted:
        raise RunError(
            f"task=[] leaves nothing to look at. Name some of {', '.join(known)}, or give task=None."
        )
    return cast(pd.DataFrame, table[table["task"].isin(wanted)])


def _choose_window(table: pd.DataFrame, window: str | None) -> str:
    with_layers = cast(pd.Series, table["window"][table["layer"] > 0]).unique().tolist()
    if window is not None:
        if str(window) in with_layers:
            return str(window)
        raise RunError(
            f"window={str(window)!r} is not a window of this run with one value a layer; "
            f"it has {', '.join(with_layers) or 'none'}."
        )
    centred = [name for name in with_layers if name.startswith("centred(")]
    if len(centred) == 1:
        return centred[0]
    if not centred:
        raise RunError(
            "Pathways need a centred window, for example windows=centred(9); this run has "
            f"{', '.join(dict.fromkeys(table['window']))}."
        )
    raise RunError(
        f"This run has {len(centred)} centred windows. Choose one: window={centred[0]!r}, for example."
    )


def _select(table: pd.DataFrame, settings: dict[str, Any]) -> Pathways:
    bins = layer_bins(int(table["layer"].to_numpy().max()), settings["bin"])
    zeros = structural_zeros(table)
    there = cast(pd.DataFrame, table[~zeros])  # a change of 0 where nothing was cut is no finding
    intervals = _intervals(there, settings["bin"])
    ranges: dict[str, tuple[int, int]] = {}
    rows = []
    for flow in table["flow"].unique():
        part = (there["flow"] == flow).to_numpy()
        layers = np.asarray(there["layer"], np.int64)[part]
        changes = np.asarray(there["change_percent"], np.float64)[part]
        swept = {int(layer) for layer in table["layer"][(table["flow"] == flow).to_numpy()]}
        by_layer = {layer: changes[layers == layer].mean() for layer in sorted(set(layers.tolist()))}
        # A mean of layer means: each centre layer weighs the same.
        means = [bin_mean(by_layer, span) for span in bins]
        found = effective_range(bins, means, settings["threshold"])
        if found is not None:
            ranges[str(flow)] = (found.first, found.last)
        counts = [mean < settings["threshold"] for mean in means]
        counting = bins_text([span for span, counted in zip(bins, counts, strict=True) if counted])
        for number, (span, mean) in enumerate(zip(bins, means, strict=True)):
            low, high = intervals.get((flow, number), (float("nan"), float("nan")))
            rows.append(
                {
                    "flow": str(flow),
                    "bin_first": span.first,
                    "bin_last": span.last,
                    "mean_change_percent": mean,
                    "counts": counts[number],
                    "first_layer": found.first if found else None,
                    "last_layer": found.last if found else None,
                    "bins_that_count": counting,
                    "low": low,
                    "high": high,
                    "no_edges": _none_of(span, by_layer) and not _none_of(span, swept),
                }
            )
    columns = pd.DataFrame(rows).astype({"first_layer": "Int64", "last_layer": "Int64"})
    return Pathways(ranges, columns, settings)


def _none_of(span: LayerBin, layers: Container[int]) -> bool:
    return not any(layer in layers for layer in range(span.first, span.last + 1))


def _intervals(table: pd.DataFrame, size: int) -> dict[tuple[str, int], tuple[float, float]]:
    """The 95% interval over samples of each flow's mean in each bin, by flow and the bin's number."""
    if table.empty:
        return {}
    by = ["flow", "bin"]
    each: Any = (
        table.assign(bin=(table["layer"] - 1) // size)
        .groupby([*by, "sample_id"], sort=False, as_index=False)["change_percent"]
        .mean()
    )
    found = bootstrap_table(each, by, "change_percent", within=CHANGES)
    return {(row["flow"], int(row["bin"])): (row["low"], row["high"]) for row in found.to_dict("records")}

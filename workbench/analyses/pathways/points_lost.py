"""What the pathways' test gives back: accuracy, points lost and edges, a row a setting, and how they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import pandas as pd

from workbench.attached import attached
from workbench.checksums import write_listed
from workbench.data.sample import ALL_TASKS
from workbench.markup import as_text, table_html
from workbench.statistics.bootstrap import Interval, bootstrap_mean
from workbench.statistics.cautions import reliability
from workbench.statistics.columns import require_columns
from workbench.statistics.proportions import difference_of_shares, wilson

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from rich.table import Table
    from rich.text import Text

FULL, EFFECTIVE, RANDOM = "full", "effective", "random"
"""Settings."""
CONTROL = "random edges ({})"
"""How a mode's control that was left out is listed among what was skipped."""
ALL_SEEDS = -1
"""The seed of a row that is of no single seed."""
COLUMNS = (
    "task",
    "setting",
    "mode",
    "seed",
    "samples",
    "accuracy_percent",
    "low_percent",
    "high_percent",
    "lost_points",
    "lost_low",
    "lost_high",
    "change_percent",
    "edges",
    "edges_by_masks",
    "edges_percent",
    "note",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sufficiency:
    """Accuracy of the full model, of its effective pathways, and of random edges."""

    table: pd.DataFrame
    """A row a task (and all together) and setting: `suffice_table`."""
    outcomes: pd.DataFrame
    """A row a sample and setting. Columns: `workbench.analyses.pathways.sufficiency.SufficeRow`."""
    skipped: pd.DataFrame
    """What could not be used, with the reason: samples, and random controls of samples."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None
    """Where the run is stored; None for one in memory."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file."""
        return write_listed(path, self.table.to_csv(index=False, float_format="%.4f"))

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    @property
    def note(self) -> str:
        """Which random controls are left out, and of how many samples; empty where none is."""
        samples = self.outcomes["sample_id"].nunique()
        modes = dict.fromkeys(mode for mode in self.outcomes["mode"] if mode)
        named = list(self.skipped["flow"])
        counts = {mode: named.count(CONTROL.format(mode)) for mode in modes}
        missing = [f"{mode} (in {count} of {samples} samples)" for mode, count in counts.items() if count]
        if not missing:
            return ""
        return (
            f"Random edges are left out for {', '.join(missing)}: "
            "more are to be closed than there are to draw from."
        )

    def headline(self) -> str:
        """What the table says of all tasks together, a sentence a mode."""
        return "\n".join(filter(None, (headline(self.table), self.note)))

    def __rich__(self) -> Table:
        from rich import box
        from rich.table import Table

        shown = Table(
            title=as_text(f"Are the effective pathways enough? {self.manifest['settings']['model']}"),
            caption="Correct answers; points lost against the full model, paired by sample; 95% intervals."
            + (f"\n{self.note}" if self.note else ""),
            box=box.SIMPLE_HEAD,
        )
        for name in ("task", "setting", "mode"):
            shown.add_column(name, no_wrap=True)
        for name in ("n", "correct", "95% interval", "points lost", "95% interval", "edges", "of full"):
            shown.add_column(name, justify="right", no_wrap=True)
        for row in self.table.to_dict("records"):
            if row["setting"] != RANDOM or row["seed"] == ALL_SEEDS:
                shown.add_row(*_cells(row))
        return shown

    def _repr_html_(self) -> str:
        return table_html(self.table.round(1), self.note)


def suffice_table(
    outcomes: pd.DataFrame, skipped: pd.DataFrame | None = None, *, seed: int = 0
) -> pd.DataFrame:
    """One row a task and setting, from rows of `SufficeRow`; with several tasks also all together ("all").

    Random controls have a row a seed and one over all seeds (seed -1). `accuracy_percent` has its 95% Wilson
    interval; over all seeds, where a sample counts several times, the bootstrap interval over samples.
    `lost_points` is the accuracy of the full model minus that of the setting on the same samples, with its
    paired 95% interval (Zou and Donner 2008; where seeds differ, the bootstrap interval over samples).
    `change_percent` is the mean change of the probability of the full model's answer. `edges` and
    `edges_by_masks` are mean (query, key) pairs left in all layers of one head, by the two counts;
    `edges_percent` is their share of the full model's. `note` says where there are few samples and where a
    control is left out; of one that all samples lack, only `skipped`, which the run lists, can tell. Raises
    RunError for other columns.
    """
    needed = ("sample_id", "task", "setting", "mode", "seed", "correct")
    require_columns(outcomes, *needed, remedy="Pass the outcomes of suffice(..).")
    tasks = list(dict.fromkeys(outcomes["task"]))
    groups = [(task, outcomes[outcomes["task"] == task]) for task in tasks]
    if len(tasks) > 1:
        groups.append((ALL_TASKS, outcomes))
    without = set() if skipped is None else set(zip(skipped["sample_id"], skipped["flow"], strict=True))
    rows = []
    for task, group in groups:
        of_task = cast(pd.DataFrame, group)
        full = _by_sample(cast(pd.DataFrame, of_task[of_task["setting"] == FULL]))
        kinds = dict.fromkeys(zip(of_task["setting"], of_task["mode"], strict=True))
        for setting, mode in kinds:
            chosen = (of_task["setting"] == setting) & (of_task["mode"] == mode)
            part = cast(pd.DataFrame, of_task[chosen])
            if setting == RANDOM:
                rows.append(_row(task, str(setting), str(mode), ALL_SEEDS, part, full, seed))
            for number in sorted(set(part["seed"])):
                of_seed = cast(pd.DataFrame, part[part["seed"] == number])
                rows.append(_row(task, str(setting), str(mode), int(number), of_seed, full, seed))
            uncontrolled = {(name, CONTROL.format(mode)) for name in part["sample_id"]}
            if setting == EFFECTIVE and uncontrolled <= without:
                rows[-1]["note"] = "; ".join(filter(None, (rows[-1]["note"], _UNCONTROLLED)))
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def headline(table: pd.DataFrame) -> str:
    """What the table says of all tasks together, a sentence a mode: the pathways next to random edges."""
    tasks = list(dict.fromkeys(table["task"]))
    task = ALL_TASKS if ALL_TASKS in tasks else tasks[0]
    rows = [row for row in table.to_dict("records") if row["task"] == task and row["seed"] == ALL_SEEDS]
    random = {row["mode"]: row for row in rows if row["setting"] == RANDOM}
    said = []
    for row in rows:
        if row["setting"] != EFFECTIVE:
            continue
        text = (
            f"Pathways ({row['mode']}): {row['accuracy_percent']:.1f}% correct with "
            f"{row['edges_percent']:.0f}% of the edges, {_points(row)}"
        )
        control = random.get(row["mode"])
        if control is not None:
            text += f"; as many random edges closed: {control['accuracy_percent']:.1f}%, {_points(control)}"
        said.append(f"{text}.")
    return "\n".join(said)


def _points(row: Mapping[Any, Any]) -> str:
    lost, low, high = (row[name] + 0.0 for name in ("lost_points", "lost_low", "lost_high"))
    return f"{lost:.1f} points lost ({low:.1f} to {high:.1f})"


def _by_sample(part: pd.DataFrame) -> pd.Series:
    """Share of correct answers of each sample: 0 or 1, or between where several seeds count."""
    return cast(pd.Series, part["correct"].astype(float).groupby(part["sample_id"], sort=False).mean())


def _row(
    task: str, setting: str, mode: str, number: int, part: pd.DataFrame, full: pd.Series, seed: int
) -> dict[str, Any]:
    shares = _by_sample(part)
    # Several controls count as one answer a sample where they agree on every sample.
    whole = bool(np.isin(shares.to_numpy(np.float64), (0.0, 1.0)).all())
    change = np.asarray(full.reindex(shares.index) - shares, np.float64)
    if whole:
        share, lost = wilson(int(shares.sum()), len(shares)), difference_of_shares(change)
    else:
        share = bootstrap_mean(shares.to_numpy(), seed=seed, within=(0.0, 1.0))
        lost = bootstrap_mean(change, seed=seed, within=(-1.0, 1.0))
    if setting == FULL:
        lost = Interval(0.0, 0.0, 0.0, len(shares))
    edges, by_masks, all_edges = (
        float(part[name].to_numpy(np.float64).mean())
        for name in ("edges_kept", "edges_kept_by_masks", "edges_full")
    )
    few = reliability(len(shares), float(part["p_base"].to_numpy(np.float64).min()))
    return {
        "task": task,
        "setting": setting,
        "mode": mode,
        "seed": number,
        "samples": len(shares),
        "accuracy_percent": 100 * share.mean,
        "low_percent": 100 * share.low,
        "high_percent": 100 * share.high,
        "lost_points": 100 * lost.mean,
        "lost_low": 100 * lost.low,
        "lost_high": 100 * lost.high,
        "change_percent": float(part["change_percent"].to_numpy(np.float64).mean()),
        "edges": edges,
        "edges_by_masks": by_masks,
        "edges_percent": 100 * edges / all_edges,
        "note": "; ".join(filter(None, (few, _left_out(len(full) - len(shares))))),
    }


def _left_out(samples: int) -> str:
    return f"{samples} more had too few edges to draw from" if samples else ""


_UNCONTROLLED = "no random control: too few edges to draw from"


def _cells(row: Mapping[Any, Any]) -> list[str | Text]:
    return [
        as_text(row["task"]),
        as_text(row["setting"]),
        as_text(row["mode"]),
        str(row["samples"]),
        f"[bold]{row['accuracy_percent']:.1f}%[/bold]",
        f"{row['low_percent']:.1f} - {row['high_percent']:.1f}",
        f"{row['lost_points'] + 0.0:.1f}",
        f"{row['lost_low'] + 0.0:.1f} - {row['lost_high'] + 0.0:.1f}",
        f"{row['edges']:,.0f}",
        f"{row['edges_percent']:.1f}%",
    ]

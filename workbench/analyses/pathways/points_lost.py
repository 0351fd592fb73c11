"""The table of "are the pathways enough": accuracy, points lost, and edges, a row a setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from workbench.errors import RunError
from workbench.statistics.curves import Interval, bootstrap_mean, reliability, wilson

ALL_TASKS = "all"
ALL_SEEDS = -1
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


def suffice_table(outcomes: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """One row a task and setting, from rows of `SufficeRow`; with several tasks also all together ("all").

    Random controls have a row a seed and one over all seeds (seed -1). `accuracy_percent` has its 95% Wilson
    interval; over all seeds, where a sample counts several times, the bootstrap interval over samples.
    `lost_points` is the accuracy of the full model minus that of the setting on the same samples, with its
    paired 95% interval (Agresti and Min 2005; where seeds differ, the bootstrap interval over samples).
    `change_percent` is the mean change of the probability of the full model's answer. `edges` and
    `edges_by_masks` are mean (query, key) pairs left in all layers of one head, by the two counts;
    `edges_percent` is their share of the full model's. Raises RunError for other columns.
    """
    missing = [
        name for name in ("sample_id", "task", "setting", "mode", "seed", "correct") if name not in outcomes
    ]
    if missing:
        raise RunError(f"The table lacks {', '.join(missing)}. Pass the outcomes of suffice(..).")
    tasks = list(dict.fromkeys(outcomes["task"]))
    groups = [(task, outcomes[outcomes["task"] == task]) for task in tasks]
    if len(tasks) > 1:
        groups.append((ALL_TASKS, outcomes))
    rows = []
    for task, group in groups:
        of_task = cast(pd.DataFrame, group)
        full = _by_sample(cast(pd.DataFrame, of_task[of_task["setting"] == "full"]))
        kinds = dict.fromkeys(zip(of_task["setting"], of_task["mode"], strict=True))
        for setting, mode in kinds:
            chosen = (of_task["setting"] == setting) & (of_task["mode"] == mode)
            part = cast(pd.DataFrame, of_task[chosen])
            several = setting == "random"
            if several:
                rows.append(_row(task, str(setting), str(mode), ALL_SEEDS, part, full, seed))
            for number in sorted(set(part["seed"])):
                of_seed = cast(pd.DataFrame, part[part["seed"] == number])
                rows.append(_row(task, str(setting), str(mode), int(number), of_seed, full, seed))
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def headline(table: pd.DataFrame) -> str:
    """What the table says of all tasks together, a sentence a mode: the pathways next to random edges."""
    tasks = list(dict.fromkeys(table["task"]))
    task = ALL_TASKS if ALL_TASKS in tasks else tasks[0]
    rows = [row for row in table.to_dict("records") if row["task"] == task and row["seed"] == ALL_SEEDS]
    random = {row["mode"]: row for row in rows if row["setting"] == "random"}
    said = []
    for row in rows:
        if row["setting"] != "effective":
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
    pooled = setting == "random" and number == ALL_SEEDS
    if pooled and not _whole(shares):
        share = bootstrap_mean(shares.to_numpy(), seed=seed)
    else:
        share = wilson(int(shares.sum()), len(shares))
    if setting == "full":
        lost = Interval(0.0, 0.0, 0.0, len(shares))
    elif pooled and not _whole(shares):
        lost = _lost(full, shares, seed)
    else:
        lost = _lost_answers(full, shares)
    edges, by_masks, all_edges = (
        float(part[name].to_numpy(np.float64).mean())
        for name in ("edges_kept", "edges_kept_by_masks", "edges_full")
    )
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
        "note": "; ".join(
            filter(
                None,
                (
                    reliability(len(shares), float(part["p_base"].to_numpy(np.float64).min())),
                    _left_out(len(full) - len(shares)),
                ),
            )
        ),
    }


def _lost_answers(full: pd.Series, right: pd.Series) -> Interval:
    """The same for one answer a sample, by Agresti and Min, "Simple improved confidence intervals for
    comparing matched proportions" (2005): half a sample more of each kind of change. Where no answer changes,
    a bootstrap would give an interval of width 0 for any number of samples.
    """
    change = np.asarray(full.reindex(right.index) - right, np.float64)
    n, lost, won = len(change), int((change > 0).sum()), int((change < 0).sum())
    centre = (lost - won) / (n + 2)
    spread = 1.96 * np.sqrt(lost + won + 1 - (lost - won) ** 2 / (n + 2)) / (n + 2)
    low, high = max(-1.0, centre - spread), min(1.0, centre + spread)
    return Interval(float(change.mean()), float(low), float(high), n)


def _left_out(samples: int) -> str:
    return f"{samples} more had too few edges to draw from" if samples else ""


def _whole(shares: pd.Series) -> bool:
    """Whether all controls agree on every sample: then several count as one answer a sample."""
    return bool(np.isin(shares.to_numpy(np.float64), (0.0, 1.0)).all())


def _lost(full: pd.Series, shares: pd.Series, seed: int) -> Interval:
    """The full model's share minus the setting's, paired by sample."""
    paired = full.reindex(shares.index)
    return bootstrap_mean(np.asarray(paired - shares, np.float64), seed=seed)

"""Several models under the same cuts: Map the Flow's Fig. 2, A, F and L.

With only_correct every model keeps the samples that it answers itself, so two models are seldom seen on the
same ones. A model that guesses keeps its lucky guesses. Both are counted here, task by task, and said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from workbench.analyses.sweep.effects import NothingCorrect, sweep
from workbench.attached import attached
from workbench.checksums import write_listed
from workbench.errors import RunError
from workbench.markup import table_html
from workbench.runs import Run
from workbench.statistics.curves import CURVE_COLUMNS, curve_table
from workbench.statistics.proportions import share_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.data import Samples
    from workbench.models import VideoLLM


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Comparison:
    """Sweeps of several models over the same samples."""

    table: pd.DataFrame
    """The rows of the sweeps' tables, with the model's name in a first column `model`."""
    samples: pd.DataFrame
    """What each untouched model answered, with a first column `model`."""
    chance: Mapping[str, float | None]
    """Share of right answers by guessing, by task; None, or no entry, where it is not known."""
    shared: bool = False
    """Whether the table is limited to samples that every model answers correctly."""
    seed: int = 0
    """Draws the bootstrap intervals."""

    @property
    def models(self) -> tuple[str, ...]:
        """Names, in the order given."""
        return tuple(dict.fromkeys(self.samples["model"]))

    def common(self) -> Comparison:
        """The same, on samples that every model answers correctly: one set of samples for all curves."""
        right = _rows(self.samples, correct=True)
        kept = set.intersection(*(set(_rows(right, model=model)["sample_id"]) for model in self.models))
        here = np.array([sample in kept for sample in self.table["sample_id"]], dtype=bool)
        return replace(self, table=self.table.loc[here].reset_index(drop=True), shared=True)

    @cached_property
    def counts(self) -> pd.DataFrame:
        """One row a task and model: model, task, samples, correct, accuracy_percent with its 95% Wilson
        interval, chance_percent, above_chance (False where that interval reaches down to chance), `used`
        (samples in the curves) and a `note` on what to be careful with."""
        rows = []
        for task in dict.fromkeys(self.samples["task"]):
            for model in self.models:
                row = _answers(_rows(self.samples, model=model, task=task), self.chance.get(str(task)))
                effects = _rows(self.table, model=model, task=task)
                usable = np.isfinite(np.asarray(effects["change_percent"], np.float64))
                row["used"] = len(set(effects["sample_id"][usable]))
                row["note"] = _note(row, shared=self.shared)
                rows.append({"model": model, "task": task, **row})
        return pd.DataFrame(rows)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """One row a model and point of a curve: model, and the columns of `curve_table`. A task without a
        usable sample has no rows here, and says so in `counts`."""
        parts = {model: curve_table(_rows(self.table, model=model), seed=self.seed) for model in self.models}
        return _joined(parts, columns=CURVE_COLUMNS)

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `curves`, each row with its model's answers in the task, as a csv file. A task without a
        usable sample keeps one row."""
        columns = ["model", "task", "samples", "correct", "used", "chance_percent", "above_chance", "note"]
        answers = self.counts[columns].assign(task_note=self.counts["note"]).drop(columns="note")
        rows = answers.merge(self.curves, on=["model", "task"], how="left", sort=False)
        # Whole numbers, though some rows have none.
        rows = rows.astype(dict.fromkeys(("layer", "first_layer", "last_layer", "n"), "Int64"))
        return write_listed(path, rows.to_csv(index=False, float_format="%.4f"))

    def __repr__(self) -> str:
        columns = ["task", "model", "samples", "correct", "used", "note"]
        return self.counts[columns].to_string(index=False)

    def _repr_html_(self) -> str:
        shown = [
            {
                "task": row["task"],
                "model": row["model"],
                "correct": f"{row['correct']} of {row['samples']}",
                "95% interval": f"{row['low_percent']:.0f}-{row['high_percent']:.0f}%",
                "chance": f"{row['chance_percent']:.0f}%",
                "in the curves": row["used"],
                "note": row["note"],
            }
            for row in self.counts.to_dict("records")
        ]
        return table_html(pd.DataFrame(shown).replace(["nan%", "nan-nan%"], "-"))


def compare_runs(
    runs: Mapping[str, Run], samples: Samples | None = None, *, common: bool = False, seed: int = 0
) -> Comparison:
    """Several sweeps of the same samples, by the name that each model is to have.

    Without `samples` nothing is known about guessing. `common` keeps to samples that every model answers
    correctly. Raises RunError for fewer than two runs, and for runs that share no sample.
    """
    if len(runs) < 2:
        raise RunError(f"{len(runs)} run cannot be compared. Give two or more, by the model's name.")
    first, *others = runs
    for name in others:
        if set(runs[first].samples["sample_id"]).isdisjoint(runs[name].samples["sample_id"]):
            raise RunError(f"The runs of {first} and {name} have no sample in common. Use the same data.")
    found = Comparison(
        table=_joined({name: run.table for name, run in runs.items()}),
        samples=_joined({name: run.samples for name, run in runs.items()}),
        chance={} if samples is None else _chances(samples),
        seed=seed,
    )
    return found.common() if common else found


def sweep_even_if_wrong(
    model: VideoLLM, samples: Samples, flows: Any, windows: Any, *, out: Path | str, **settings: Any
) -> Run:
    """`sweep`, but a model that answers nothing correctly gives a run with an empty table, and no error:
    beside another model, that is a result."""
    try:
        return sweep(model, samples, flows, windows, out=out, **settings)
    except NothingCorrect as error:
        return error.run


def _rows(table: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    """The rows that have these values."""
    kept = np.ones(len(table), dtype=bool)
    for column, value in wanted.items():
        kept &= np.asarray(table[column] == value, dtype=bool)
    return table.loc[kept]


def _joined(tables: Mapping[str, pd.DataFrame], columns: list[str] | None = None) -> pd.DataFrame:
    """The rows of all tables, with the name of each row's table in a first column `model`."""
    filled = {name: table for name, table in tables.items() if len(table)}
    # An empty table has columns without a type, which would make those of the others vague.
    parts = [table.assign(model=name) for name, table in (filled or tables).items()]
    found = pd.concat(parts, ignore_index=True)
    names = columns or [str(name) for name in found.columns if name != "model"]
    return found.reindex(columns=["model", *names])


def _answers(asked: pd.DataFrame, chance: float | None) -> dict[str, Any]:
    """A model's accuracy on one task; zeros where it could use none of the samples."""
    share = share_of(asked["correct"].astype(bool))
    by_chance = math.nan if chance is None else 100 * chance
    return {
        **share._asdict(),
        "chance_percent": by_chance,
        # Without a chance to compare with, nothing is doubted (NaN compares as False).
        "above_chance": not share.low_percent <= by_chance,
    }


def _chances(samples: Samples) -> dict[str, float | None]:
    """The share of right answers that guessing gives, by task; None where a sample has no options."""
    found: dict[str, float | None] = {}
    for task, part in samples.by_task().items():
        counts = [len(sample.options) for sample in part]
        found[task] = sum(1 / n for n in counts) / len(counts) if all(counts) else None
    return found


def _note(row: Mapping[str, Any], *, shared: bool) -> str:
    """What to be careful with in one task of one model; empty where nothing is."""
    right = f"{row['correct']} of {row['samples']} right"
    if not row["samples"]:
        return "no sample could be used"
    if not row["correct"]:
        return right
    notes = []
    if not row["above_chance"]:
        notes.append(
            f"{right}, not clearly above chance ({row['chance_percent']:.0f}%): perhaps lucky guesses"
        )
    if not row["used"]:
        notes.append("no sample that every model answers" if shared else "no usable sample")
    return "; ".join(notes)

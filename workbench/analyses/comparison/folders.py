"""Two run folders of one analysis: what they were asked, and how their numbers differ on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.checksums import write_listed
from workbench.errors import RunError, near_matches, shown
from workbench.markup import as_text, table_html
from workbench.runs.opened import open_run
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values
from workbench.statistics.proportions import difference_of_shares

if TYPE_CHECKING:
    from rich.console import RenderableType

_RESULTS = ("token", "answer", "predicted", "text", "letter", "letter_written", "says", "right", "problem")
"""Text columns that are measured: rows are paired by the others."""
_MAIN = ("change_percent", "correct", "correct_written", "right", "p_base", "p")
"""Measured columns by which rows are compared first, if a table has them."""
_COST = ("seconds", "peak_gb", "noise_percent")
"""What differs between two runs of the same, and is no result."""
_SHOWN = 12


class Point(NamedTuple):
    """One row of a comparison, after the columns that name it."""

    n: int
    """Samples that both have there."""
    first_mean: float
    second_mean: float
    difference: float
    """second_mean - first_mean, in the measure's unit."""
    low: float
    high: float
    """Ends of its 95% interval over samples: bootstrap-t, or of shares for right and wrong."""
    p_value: float
    """Two-sided, by sign flips; NaN with fewer than 2 samples."""
    p_corrected: float
    """Holm's correction over all rows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunComparison:
    """Two runs of one analysis."""

    first: Path
    second: Path
    kind: str
    """The analysis."""
    settings: pd.DataFrame
    """What differs: setting, first, second."""
    samples: pd.DataFrame
    """One row a sample: sample_id, and in which of the two it is (both, first, second)."""
    measure: str
    """The column that is compared."""
    table: pd.DataFrame
    """One row a task and whatever else names a row (flow, window, layer, ..), then `Point`."""
    equal: bool
    """Whether all numbers of the samples that both have are the same in every bit."""

    def to_csv(self, path: Path | str) -> Path:
        """Write `table` as a csv file."""
        return write_listed(path, self.table.to_csv(index=False, float_format="%.6g"))

    def _said(self) -> str:
        places = self.samples["where"].tolist()
        both, first, second = (places.count(where) for where in ("both", "first", "second"))
        text = f"{both} samples in both, {first} only in the first, {second} only in the second."
        if self.equal:
            return f"{text} All numbers of these {both} are equal in every bit."
        certain = int((self.table["p_corrected"].to_numpy() < 0.05).sum())
        return (
            f"{text} {certain} of {len(self.table)} rows differ in {self.measure} with p < 0.05, corrected "
            "for all rows."
        )

    def largest(self, rows: int = _SHOWN) -> pd.DataFrame:
        """The rows that differ most, the most certain first."""
        order = self.table.assign(size=-self.table["difference"].abs())
        order = order.sort_values(["p_corrected", "size"], kind="stable", na_position="last")
        return order.drop(columns="size").head(rows).reset_index(drop=True)

    def __rich__(self) -> RenderableType:
        from rich import box
        from rich.console import Group
        from rich.table import Table

        settings = Table(title="Settings that differ", box=box.SIMPLE_HEAD, title_justify="left")
        for name in ("setting", "first", "second"):
            settings.add_column(name, overflow="fold")
        for row in self.settings.itertuples(index=False):
            settings.add_row(*map(as_text, row))
        parts: list[RenderableType] = [
            as_text(f"{self.kind}: {self.first} (first) and {self.second} (second)"),
            settings if len(self.settings) else "Their settings are the same.",
            as_text(self._said()),
        ]
        if not self.equal:
            title = f"Largest differences of {self.measure}, second - first"
            found = Table(title=as_text(title), box=box.SIMPLE_HEAD, title_justify="left")
            names = [name for name in self.table.columns if name not in Point._fields]
            for name in names:
                found.add_column(name, overflow="fold")
            for name in ("n", "first", "second", "difference", "95% interval", "p corrected"):
                found.add_column(name, justify="right", no_wrap=True)
            for row in self.largest().to_dict("records"):
                found.add_row(
                    *(as_text(row[name]) for name in names),
                    str(row["n"]),
                    *(f"{row[name]:.4g}" for name in ("first_mean", "second_mean", "difference")),
                    f"{row['low']:.4g} to {row['high']:.4g}",
                    "-" if np.isnan(row["p_corrected"]) else f"{row['p_corrected']:.3g}",
                )
            parts.append(found)
        return Group(*parts)

    def _repr_html_(self) -> str:
        return table_html(self.settings, self._said()) + table_html(self.largest().round(4))


def compare_runs(
    first: Path | str, second: Path | str, *, measure: str | None = None, seed: int = 0
) -> RunComparison:
    """Two run folders of one analysis: settings that differ, samples, and paired differences of a measure.

    Args:
        measure: the column that is compared; change_percent, or whether answers are right, if not given.
        seed: draws the intervals and the random sign patterns.

    Every sample is its own control: rows are paired by sample and by whatever else names them, and p-values
    are corrected (Holm) for all rows. Raises RunError where a folder holds no run, the analyses differ, the
    runs share no sample, rows cannot be paired, or the measure is none of theirs.
    """
    runs = [open_run(first), open_run(second)]
    one, two = runs
    if one.kind != two.kind:
        raise RunError(
            f"{one.folder} holds the results of {one.kind}, and {two.folder} those of {two.kind}: only runs "
            "of one analysis can be compared."
        )
    tables = [run.rows() for run in runs]
    values = [name for name in _measured(tables[0]) if name in _measured(tables[1])]
    chosen = _chosen(measure, values)
    names = [name for name in tables[0] if name in tables[1] and name not in (*values, *_RESULTS, *_COST)]
    for table, run in zip(tables, runs, strict=True):
        if "sample_id" not in names or table.duplicated(names).any():
            raise RunError(
                f"The rows of {run.table}.parquet in {run.folder} do not name one sample and place each, so "
                "those of two runs cannot be paired."
            )
    pairs = tables[0].merge(tables[1], on=names, suffixes=("_1", "_2"), validate="one_to_one")
    if pairs.empty:
        raise RunError(
            f"{one.folder} and {two.folder} share no sample in the same place ({', '.join(names)}), so "
            "nothing can be paired. Compare runs of the same samples and cuts."
        )
    return RunComparison(
        first=one.folder,
        second=two.folder,
        kind=one.kind,
        settings=_differing(one.settings, two.settings),
        samples=_where(*(set(map(str, table["sample_id"])) for table in tables)),
        measure=chosen,
        table=_points(pairs, [name for name in names if name != "sample_id"], chosen, seed),
        equal=all(_same(pairs, name) for name in values),
    )


def _measured(table: pd.DataFrame) -> list[str]:
    """Columns of measured numbers."""
    kinds = table.dtypes
    return [
        str(name)
        for name in table
        if str(name) not in _COST and (kinds[name].kind in "fb" or str(name) in ("right",))
    ]


def _chosen(measure: str | None, values: Sequence[str]) -> str:
    if not values:
        raise RunError("The two tables have no measured numbers in common.")
    if measure is None:
        return next((name for name in _MAIN if name in values), values[0])
    if measure not in values:
        raise RunError(
            f"measure={shown(measure)} is no number that both runs measured.{near_matches(measure, values)} "
            f"They have {', '.join(values)}."
        )
    return measure


def _differing(before: dict[str, Any], after: dict[str, Any]) -> pd.DataFrame:
    rows = [
        (
            key,
            *(_told(found.get(key))[: 12 if key.endswith("_sha256") else None] for found in (before, after)),
        )
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    return pd.DataFrame(rows, columns=pd.Index(["setting", "first", "second"]))


def _told(value: Any, most: int = 60) -> str:
    text = "-" if value is None else value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."


def _where(first: set[str], second: set[str]) -> pd.DataFrame:
    rows = [
        (id, "both" if id in first and id in second else "first" if id in first else "second")
        for id in sorted(first | second)
    ]
    return pd.DataFrame(rows, columns=pd.Index(["sample_id", "where"]))


def _same(pairs: pd.DataFrame, name: str) -> bool:
    """Whether two columns hold the same numbers; what is missing in both is the same."""
    one, two = (pairs[f"{name}_{which}"].to_numpy(np.float64) for which in (1, 2))
    return np.array_equal(one, two, equal_nan=True)


def _points(pairs: pd.DataFrame, names: list[str], measure: str, seed: int) -> pd.DataFrame:
    """One row a combination of `names`, in the order in which they come."""
    rows = []
    shares = pairs[f"{measure}_1"].dtype.kind == "b"
    groups = pairs.groupby(names, sort=False, dropna=False) if names else [((), pairs)]
    for place, part in groups:
        one, two = (part[f"{measure}_{which}"].to_numpy(np.float64) for which in (1, 2))
        kept = np.isfinite(one) & np.isfinite(two)
        one, two = one[kept], two[kept]
        if not len(one):
            continue
        changes = two - one
        interval = difference_of_shares(changes) if shares else bootstrap_mean(changes, seed=seed)
        p = float(paired_p_values(changes, seed=seed)[0])
        point = Point(len(one), one.mean(), two.mean(), interval.mean, interval.low, interval.high, p, np.nan)
        rows.append((*(place if isinstance(place, tuple) else (place,)), *point))
    table = pd.DataFrame(rows, columns=pd.Index([*names, *Point._fields]))
    return table.assign(p_corrected=holm(table["p_value"].to_numpy(np.float64)))

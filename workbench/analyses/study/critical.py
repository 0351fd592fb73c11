"""Few critical layers: windows whose cut costs more than that of the others (An Empirical Study, Fig. 6).

A window is compared, sample by sample, with the mean of the windows of the same flow that share no layer with
it. The p-values are corrected (Holm) for all windows of all flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.analyses.study.cases import NO_VIDEO, UNTOUCHED
from workbench.analyses.study.shares import ALL, Groups, parts_of, rights
from workbench.errors import RunError
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values, too_few_pairs

ALPHA = 0.05


class WindowTest(NamedTuple):
    """One window of one flow in one group of tasks: a row."""

    group: str
    case: str
    """The flow."""
    layer: int
    """The window's last layer."""
    first_layer: int
    last_layer: int
    samples: int
    change_points: float
    """Accuracy with the window cut, minus that of the untouched model."""
    others_points: float
    """Mean of the same over the windows it is compared with."""
    difference: float
    """change_points - others_points."""
    low: float
    high: float
    """Ends of its 95% bootstrap interval over samples."""
    p_value: float
    p_corrected: float
    critical: bool
    """Whether it costs more than the others, at 5% after correction."""
    note: str


WINDOW_COLUMNS = list(WindowTest._fields)


class CriticalLayers(NamedTuple):
    """Layers of one flow that matter more than others."""

    group: str
    case: str
    first_layer: int
    last_layer: int
    change_points: float
    """Of the window that costs most."""


def window_tests(table: pd.DataFrame, groups: Groups | None = None, *, seed: int = 0) -> pd.DataFrame:
    """Every window of every flow against the others, a row each. Columns: `WindowTest`.

    `table` is that of a study whose cases are windows (`in_window`). Raises RunError where no flow has two.
    """
    made = []
    for name, part in parts_of(table, groups).items():
        rows = _tests(name, part, seed)
        corrected = holm([row.p_value for row in rows])
        note = too_few_pairs(rows[0].samples, len(rows))
        made += [
            row._replace(p_corrected=float(p), critical=bool(p < ALPHA and row.difference < 0), note=note)
            for row, p in zip(rows, corrected, strict=True)
        ]
    return pd.DataFrame(made, columns=pd.Index(WINDOW_COLUMNS))


def critical_layers(tests: pd.DataFrame, group: str = ALL) -> list[CriticalLayers]:
    """The layers that the critical windows of a flow point at, from the first.

    Neighbouring critical windows that share layers point at these. Where a row of them is longer than a
    window, no layer is in all: then it points at those between the first one's end and the last one's start.
    """
    made = []
    ours = cast(pd.DataFrame, tests[tests["group"] == group])
    for flow in dict.fromkeys(ours["case"]):
        rows = cast(pd.DataFrame, ours[ours["case"] == flow]).sort_values("layer")
        for run in _runs(rows.to_dict("records")):
            first, last = sorted((int(run[0]["last_layer"]), int(run[-1]["first_layer"])))
            worst = min(float(row["change_points"]) for row in run)
            made.append(CriticalLayers(group, str(flow), first, last, worst))
    return made


def _runs(rows: Sequence[dict]) -> list[list[dict]]:
    """Critical windows that follow one another."""
    runs, before = [], False
    for row in rows:
        if row["critical"]:
            if before:
                runs[-1].append(row)
            else:
                runs.append([row])
        before = bool(row["critical"])
    return runs


def _tests(group: str, table: pd.DataFrame, seed: int) -> list[WindowTest]:
    cut = table.loc[~table["case"].isin([UNTOUCHED, NO_VIDEO]).to_numpy(bool)]
    spans = cut.drop_duplicates(["case", "layer"]).sort_values("layer")
    wide = rights(table)
    made = []
    for flow in dict.fromkeys(spans["case"]):
        places = [
            (int(row["layer"]), int(row["first_layer"]), int(row["last_layer"]))
            for row in spans.to_dict("records")
            if row["case"] == flow
        ]
        if len(places) < 2:
            continue
        # (n, w): the change of each sample under each window, in points
        changes = 100.0 * (
            wide[[(flow, layer) for layer, _, _ in places]].to_numpy(np.int64)
            - wide[[(UNTOUCHED, 0)]].to_numpy(np.int64)
        )
        for at, (layer, first, last) in enumerate(places):
            apart = [n for n, (_, start, end) in enumerate(places) if start > last or end < first]
            compared = changes[:, apart or [n for n in range(len(places)) if n != at]].mean(axis=1)
            difference = changes[:, at] - compared
            interval = bootstrap_mean(difference, seed=seed)
            p = float(paired_p_values(difference, seed=seed)[0])
            test = WindowTest(
                group=group,
                case=str(flow),
                layer=layer,
                first_layer=first,
                last_layer=last,
                samples=len(wide),
                change_points=float(changes[:, at].mean()),
                others_points=float(compared.mean()),
                difference=interval.mean,
                low=interval.low,
                high=interval.high,
                p_value=p,
                p_corrected=float("nan"),
                critical=False,
                note="",
            )
            made.append(test)
    if not made:
        raise RunError("The study has no flow that is cut in several windows, so none can stand out.")
    return made

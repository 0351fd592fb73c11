"""The table of a study as shares of right answers: by case and layer, of all samples and of groups of tasks.

Every share stands beside three others of the same samples: that of the untouched model, that without any
video, and that of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.analyses.study.cases import NO_VIDEO, UNTOUCHED
from workbench.analyses.study.measurement import CaseRow
from workbench.errors import RunError
from workbench.statistics.columns import require_columns
from workbench.statistics.proportions import difference_of_shares, share_of

ALL = "all"
"""The group of all samples."""
REMEDY = "Pass the table of study(..)."
Groups = Mapping[str, Sequence[str]]
"""Tasks by the name of their group."""


class CaseShare(NamedTuple):
    """One case of one group of tasks: a row."""

    group: str
    case: str
    layer: int
    first_layer: int
    last_layer: int
    samples: int
    """Those in which the case could act."""
    correct: int
    accuracy_percent: float
    low_percent: float
    high_percent: float
    """Ends of its 95% Wilson interval."""
    lost_points: float
    """Accuracy of the untouched model on the same samples, minus this."""
    lost_low: float
    lost_high: float
    """Ends of its 95% interval (Zou and Donner, paired)."""
    ratio: float
    """Performance ratio: accuracy over that of the untouched model."""
    ratio_low: float
    ratio_high: float
    """1 - lost over the untouched accuracy, which is taken as it is."""
    untouched_percent: float
    no_video_percent: float
    chance_percent: float
    written_percent: float
    """Accuracy of the written answers; missing where none were written."""
    written_differs: float
    """Percent of samples in which the written letter is not the likeliest one; missing likewise."""


SHARE_COLUMNS = list(CaseShare._fields)


def case_shares(table: pd.DataFrame, groups: Groups | None = None) -> pd.DataFrame:
    """One row a group, case and layer. Columns: `CaseShare`. The group "all" comes first.

    `groups` are by task where not given, or none where there is one task. Raises RunError for other columns,
    no rows, and a group without a sample.
    """
    require_columns(table, *CaseRow._fields, remedy=REMEDY)
    if table.empty:
        raise RunError("The table of the study has no rows. Use samples with options and known answers.")
    rows = [row for name, part in parts_of(table, groups).items() for row in _rows(name, part)]
    return pd.DataFrame(rows, columns=pd.Index(SHARE_COLUMNS))


def parts_of(table: pd.DataFrame, groups: Groups | None = None) -> dict[str, pd.DataFrame]:
    """The rows of all samples, and of each group. Raises RunError for a group without a sample."""
    tasks = list(dict.fromkeys(table["task"]))
    named = groups if groups is not None else {task: [task] for task in tasks} if len(tasks) > 1 else {}
    found = {ALL: table}
    for name, of_group in named.items():
        part = cast(pd.DataFrame, table[table["task"].isin(list(of_group))])
        if part.empty:
            raise RunError(
                f"The group {name!r} has no sample: its tasks are {', '.join(of_group)}, and there are "
                f"{', '.join(tasks)}."
            )
        found[name] = part
    return found


def rights(table: pd.DataFrame, column: str = "correct") -> pd.DataFrame:
    """Whether each sample is right: a row a sample, a column a case and layer. Samples that lack a case are
    left out."""
    wide = table.pivot(index="sample_id", columns=["case", "layer"], values=column)
    return wide.dropna().astype(bool)


def _rows(group: str, table: pd.DataFrame) -> list[CaseShare]:
    base, blind = (_of_case(table, name) for name in (UNTOUCHED, NO_VIDEO))
    made = []
    for place, part in table.groupby(["case", "layer", "first_layer", "last_layer"], sort=False):
        part = part.set_index("sample_id")
        untouched = base["correct"].reindex(part.index).to_numpy(bool)
        share, before = share_of(part["correct"]), float(untouched.mean())
        lost = difference_of_shares(untouched.astype(np.int64) - part["correct"].to_numpy(np.int64))
        wrote = cast(pd.DataFrame, part[np.isfinite(part["correct_written"].to_numpy(np.float64))])
        differs = wrote["letter_written"].to_numpy(str) != wrote["letter"].to_numpy(str)
        scale = before if before else float("nan")
        made.append(
            CaseShare(
                group,
                *cast(tuple[str, int, int, int], place),
                *share,
                lost_points=100 * lost.mean,
                lost_low=100 * lost.low,
                lost_high=100 * lost.high,
                ratio=share.accuracy_percent / 100 / scale,
                ratio_low=1 - lost.high / scale,
                ratio_high=1 - lost.low / scale,
                untouched_percent=100 * before,
                no_video_percent=_percent(blind["correct"].reindex(part.index).dropna()),
                chance_percent=_percent(1 / part["options"]),
                written_percent=_percent(wrote["correct_written"]),
                written_differs=_percent(differs),
            )
        )
    return made


def _of_case(table: pd.DataFrame, name: str) -> pd.DataFrame:
    found = cast(pd.DataFrame, table[table["case"] == name]).drop_duplicates("sample_id")
    if found.empty:
        raise RunError(f"The table of the study has no case {name!r}. {REMEDY}")
    return found.set_index("sample_id")


def _percent(values: Any) -> float:
    given = np.asarray(values, np.float64)
    return 100 * float(given.mean()) if given.size else float("nan")

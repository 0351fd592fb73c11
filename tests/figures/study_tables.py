"""Tables of a study of a model of four layers: two tasks, numbers made up, as the analyses write them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.analyses.study.critical import WINDOW_COLUMNS
from workbench.analyses.study.shares import SHARE_COLUMNS
from workbench.analyses.study.stages import KNEE_COLUMNS

N_LAYERS = 4


def share(group: str, case: str, layer: int, accuracy: float, n: int = 20) -> dict[str, Any]:
    row = dict.fromkeys(SHARE_COLUMNS, 0.0)
    return row | {
        "group": group, "case": case, "layer": layer, "first_layer": layer, "last_layer": layer, "samples": n,
        "correct": round(accuracy * n / 100), "accuracy_percent": accuracy, "low_percent": accuracy - 9,
        "high_percent": accuracy + 5, "lost_points": 80 - accuracy, "lost_low": 70 - accuracy,
        "lost_high": 90 - accuracy, "ratio": accuracy / 80, "ratio_low": accuracy / 80 - 0.1,
        "ratio_high": accuracy / 80 + 0.1, "untouched_percent": 80.0, "no_video_percent": 30.0,
        "chance_percent": 25.0,
    }  # fmt: skip


def shares(case: str = "video -> text", groups: tuple[str, ...] = ("all", "one")) -> pd.DataFrame:
    rows = []
    for group in groups:
        rows += [share(group, "untouched", 0, 80.0), share(group, "no video", 0, 30.0)]
        rows += [share(group, case, layer, 30.0 + 12.5 * layer) for layer in range(N_LAYERS + 1)]
    return pd.DataFrame(rows)


def knees(groups: tuple[str, ...] = ("all", "one")) -> pd.DataFrame:
    rows = [(group, 20, 3.0, 2.0, 4.0, 0.75, 0.5, 1.0, 50.0, 30.0, 60.0) for group in groups]
    return pd.DataFrame(rows, columns=pd.Index(KNEE_COLUMNS))


def window_rows(case: str = "video -> text", marked: int = 2) -> pd.DataFrame:
    rows = [
        ("all", case, layer, layer, layer, 20, -50.0, 0.0, -50.0, -60.0, -40.0, 0.1, 0.1, layer == marked, "")
        for layer in range(1, N_LAYERS + 1)
    ]
    return pd.DataFrame(rows, columns=pd.Index(WINDOW_COLUMNS))

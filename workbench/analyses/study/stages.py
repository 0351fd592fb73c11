"""Two stages: until which layer text reads the video (An Empirical Study, Global 1, Fig. 3 and 4).

The video is cut in all layers after i. Accuracy rises with i, from that without video to that of the
untouched model; the knee says where it is done.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from workbench.analyses.study.cases import UNTOUCHED
from workbench.analyses.study.shares import Groups, parts_of, rights
from workbench.errors import RunError
from workbench.interventions.catalogue import VIDEO_TEXT
from workbench.statistics.knee import knee
from workbench.statistics.proportions import difference_of_shares


class Knee(NamedTuple):
    """One group of tasks: a row."""

    group: str
    samples: int
    layer: float
    """With video in so many layers or more, 90% of what it adds is kept; missing where it adds nothing."""
    low: float
    high: float
    """Ends of its 95% bootstrap interval over samples."""
    layer_ratio: float
    ratio_low: float
    ratio_high: float
    """The same, in shares of the model's layers."""
    added_points: float
    """Accuracy of the untouched model minus that without video."""
    added_low: float
    added_high: float
    """Ends of its 95% interval (Zou and Donner, paired)."""


KNEE_COLUMNS = list(Knee._fields)


def knees_of(
    table: pd.DataFrame, n_layers: int, groups: Groups | None = None, *, flow: str = VIDEO_TEXT, seed: int = 0
) -> pd.DataFrame:
    """The knee of all samples and of every group, a row each. Columns: `Knee`.

    `table` is that of a study whose cases are `by_depth(flow, depths(n_layers), n_layers)`. Raises RunError
    where it lacks them, and for a group without a sample.
    """
    made = []
    for name, part in parts_of(table, groups).items():
        wide = rights(part.loc[part["case"].isin([flow, UNTOUCHED])])
        layers = sorted(layer for case, layer in wide.columns if case == flow)
        if len(layers) < 2 or (UNTOUCHED, 0) not in wide.columns:
            raise RunError(f"The study did not cut {flow!r} after several layers, so it has no knee.")
        curve = wide[[(flow, layer) for layer in layers]].to_numpy(bool)
        found = knee(curve, layers, seed=seed)
        added = difference_of_shares(curve[:, -1].astype(int) - curve[:, 0].astype(int))
        made.append(
            Knee(
                name,
                len(wide),
                *found,
                *(value / n_layers for value in found),
                *(100 * value for value in added[:3]),
            )
        )
    return pd.DataFrame(made, columns=pd.Index(KNEE_COLUMNS))

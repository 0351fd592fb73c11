from __future__ import annotations

import numpy as np
import pandas as pd

from tests.figures.tables import sweep_table
from tests.statistics.noisy import CROSS, noisy
from workbench.statistics.cautions import curve_warnings, reliability


def test_reliability_names_few_samples_and_tiny_probabilities() -> None:
    assert reliability(20, 0.9) == ""
    assert reliability(19, 0.9) == "under 20 samples: if they are skewed, the interval is too narrow"
    assert reliability(5, 0.9) == reliability(19, 0.9)
    assert reliability(4, 0.9) == "only 4 samples"
    assert reliability(1, 0.9) == "only 1 sample"
    assert "0.001" in reliability(20, 0.001)


def one_tiny(change: float) -> pd.DataFrame:
    """Twenty samples that lose nothing, one of them with a p_base of 0.01 and this change."""
    table = noisy({CROSS: [0.0, 0.0]}, samples=20).assign(change_percent=0.0, p_base=0.9)
    tiny = (table["sample_id"] == "s0").to_numpy()
    table.loc[tiny, ["p_base", "change_percent"]] = 0.01, change
    return table.assign(p_knockout=table["p_base"] * (1 + table["change_percent"] / 100))


def test_warnings_say_where_a_curve_means_little() -> None:
    assert curve_warnings(sweep_table(samples=20)) == []
    assert curve_warnings(noisy({CROSS: [0]}, samples=19)) == [
        "t: 19 samples: where their changes are skewed, the intervals are too narrow."
    ]
    assert curve_warnings(noisy({CROSS: [0]}, samples=3)) == [
        "t: only 3 samples: the curves show these samples, not the task."
    ]
    small, apart = curve_warnings(one_tiny(1800.0))
    assert small.startswith("t: p_base is below 0.05 in 1 of 20 samples (lowest 0.01)")
    assert "mean of ratios (+90%) and the ratio of means (+1%) disagree" in apart
    assert len(curve_warnings(one_tiny(5.0))) == 1, "a small p_base that changes nothing is named once"
    none = noisy({CROSS: [0]}).assign(change_percent=np.nan)
    assert curve_warnings(none) == ["t: no sample could be used, so there is no curve."]

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.controlled import controlled_table
from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values


def test_means_differences_and_corrected_p_values() -> None:
    values = {"a": np.array([-4.0, -5, -6, -5, -4, -6, -5]), "b": np.array([-1.0, 0, 1, -1, 0, 1, 0])}
    control = np.array([-1.0, 0, -1, 0, -1, 0, -1])
    table = pd.DataFrame(
        [
            {"task": "t", "unit": unit, "x": x, "c": c if unit == "a" or i else np.nan}
            for unit, xs in values.items()
            for i, (x, c) in enumerate(zip(xs, control, strict=True))
        ]
    )
    found = controlled_table(table, ["task", "unit"], "x", "c", family=["task"])
    a, b = found.to_dict("records")
    expected = bootstrap_mean(values["a"])
    assert (a["mean"], a["low"], a["high"], a["n"]) == (expected.mean, expected.low, expected.high, 7)
    assert a["control_mean"] == control.mean()
    assert a["difference"] == bootstrap_mean(values["a"] - control).mean
    assert b["n"] == 7, "a sample without a control counts"
    raw = [paired_p_values(values["a"] - control)[0], paired_p_values((values["b"] - control)[1:])[0]]
    np.testing.assert_allclose(found["p_value"], holm(raw))
    alone = controlled_table(table.assign(c=np.nan), ["task", "unit"], "x", "c", family=["task"])
    assert np.isnan(alone[["p_value", "control_mean"]].to_numpy(np.float64)).all()

"""The heat map of models and methods."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from workbench.errors import RunError
from workbench.figures import method_scores

NAN = float("nan")


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two methods on two models, in one of which no edge matters."""
    summary = pd.DataFrame(
        {
            "method": ["knockout", "attention"],
            "average_precision": [1.0, 0.25],
            "precision_by_layer": [1.0, 0.5],
            "needed_percent": [100.0, 50.0],
            "sufficient_percent": [NAN, NAN],
            "backup_percent": [0.0, 0.0],
            "negative_percent": [NAN, NAN],
            "false_alarm": [0.25, 2.0],
        }
    )
    rows = [(method, model) for method in summary["method"] for model in ("direct", "memory")]
    table = pd.DataFrame(rows, columns=["method", "model"])
    return summary, table.assign(average_precision=[1.0, NAN, 0.25, NAN], true_edges=[1, 0, 1, 0])


def test_means_stand_above_models_with_edges() -> None:
    fig: Any = method_scores(*tables())
    means, models = fig.data
    assert [list(row) for row in means.z] == [[1.0, 0.25], [1.0, 0.5], [1.0, 0.5], [0.0, 0.0], [0.75, 0.0]]
    assert [list(row) for row in models.z] == [[1.0, 0.25]]
    assert fig.layout.yaxis.ticktext == (
        *("mean of all models", "the same, heads of a layer as one", "needed edges found"),
        *("backup edges found", "silent where no edge matters"),
    )
    assert fig.layout.yaxis2.ticktext == ("direct",)


def test_tables_of_others_are_refused() -> None:
    summary, table = tables()
    with pytest.raises(RunError, match="lacks the column"):
        method_scores(summary.drop(columns="false_alarm"), table)
    with pytest.raises(RunError, match="No model here has an edge"):
        method_scores(summary, table.query("true_edges == 0"))

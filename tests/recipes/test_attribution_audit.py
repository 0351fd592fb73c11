"""The audit on a planted model: gradients are right, files are there."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.recipes.planted_folder import CROSS, RUN, TO_LAST, TO_QUESTION, names, settings
from workbench.recipe import find_recipe


def test_the_audit_leaves_marks_costs_and_figures(planted, tmp_path, quick, capsys) -> None:
    flows = (CROSS, TO_QUESTION, TO_LAST)
    recipe = find_recipe("attribution_audit")
    asked = settings(planted, tmp_path, flows=flows, methods=("local", "attention"), timed=1, top=3)
    found: Any = recipe(**asked).run()
    assert found.attribution.status == "verified"
    assert names(tmp_path) >= RUN | {
        "attribution.parquet",
        "attribution.csv",
        "agreement.csv",
        "costs.csv",
        "attribution_audit.html",
        "attribution_audit.png",
        "agreement_by_layer.html",
    }
    marks = pd.read_csv(tmp_path / "agreement.csv")
    whole = marks[(marks["level"] == "head") & (marks["layer"] == 0) & (marks["flow"] == "all")]
    by: Any = whole.set_index("method")["confirmed"]
    assert by["local"] == 1
    assert set(found.costs["method"]) == {"forward", "local", "attention", "exact"}
    assert "exact knockouts" in capsys.readouterr().out

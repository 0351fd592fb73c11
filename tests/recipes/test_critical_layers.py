from __future__ import annotations

from typing import Any

from tests.recipes.planted_folder import FLOW, READ, RUN, names, settings
from workbench.recipe import find_recipe


def test_the_window_that_costs_most_is_the_planted_layer(four, tmp_path, quick) -> None:
    recipe: Any = find_recipe("critical_layers")
    found = recipe(**settings(four, tmp_path, device="cpu")).run()
    fallen = found[found["change_points"] < -40]
    assert dict(zip(fallen["case"], fallen["layer"], strict=True)) == {
        "video -> text": READ,
        "frames -> later frames": FLOW,
    }
    assert not found["critical"].any(), "four samples cannot tell"
    assert found["note"].str.contains("pairs").all()
    tables = {
        "shares.csv",
        "windows.csv",
        "critical_layers.csv",
        "critical_layers.html",
        "critical_layers.png",
    }
    assert names(tmp_path) == {*RUN, "study.parquet", *tables}

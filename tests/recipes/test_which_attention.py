from __future__ import annotations

from typing import Any

from tests.recipes.planted_folder import RUN, names, settings
from workbench.recipe import find_recipe


def test_flows_that_carry_the_answer_lose_it(four, tmp_path, quick) -> None:
    recipe: Any = find_recipe("which_attention")
    found = recipe(**settings(four, tmp_path, device="cpu")).run().set_index("case")["accuracy_percent"]
    whole, half = ("untouched", "within frames"), ("no video", "video -> text", "frames -> later frames")
    assert found.to_dict() == {**dict.fromkeys(whole, 100), **dict.fromkeys(half, 50)}
    files = {"which_attention.csv", "which_attention.html", "which_attention.png"}
    assert names(tmp_path) == {*RUN, "study.parquet", *files}

"""The settings that experiments share."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_model
from workbench.interventions import MTF_FLOWS
from workbench.recipe import find_recipe


@pytest.mark.parametrize(
    ("n_layers", "window", "size"),
    [
        (4, "centred(1)", 1),
        (12, "centred(3)", 2),
        (16, "centred(5)", 2),
        (24, "centred(9)", 5),
        (32, "centred(9)", 5),
    ],
)
def test_the_papers_window_is_scaled_to_shallow_models(n_layers, window, size) -> None:
    recipe: Any = find_recipe("information_flow")(model="m", out=Path("o"))
    assert str(recipe.window_in(n_layers)) == window
    assert recipe.binning(n_layers) == {"bin": size, "threshold": -5.0}


def test_the_papers_flows_are_those_that_a_model_can_lose(capsys: pytest.CaptureFixture[str]) -> None:
    recipe: Any = find_recipe("information_flow")(model="m", out=Path("o"))
    assert recipe.bearable(tiny_model(), MTF_FLOWS) == MTF_FLOWS
    assert capsys.readouterr().out == ""
    kept = recipe.bearable(tiny_model("qwen3_5"), MTF_FLOWS)
    assert set(MTF_FLOWS) - set(kept) == {"last -> last"}
    assert "last -> last is left out" in capsys.readouterr().out
    chosen = ("last -> last", "gap -> last")
    assert recipe.bearable(tiny_model("qwen3_5"), chosen) == chosen, "what the user chose is refused by name"


def test_the_papers_tasks_are_the_default_of_its_data_sets_only() -> None:
    recipe = find_recipe("information_flow")
    of: dict[str, Any] = {
        data: recipe(model="m", out=Path("o"), data=data).preferred_tasks()  # pyright: ignore[reportAttributeAccessIssue]
        for data in ("mini", "tvbench:/x", "/y")
    }
    assert len(of["mini"]) == len(of["tvbench:/x"]) == 5
    assert of["/y"] == ()


def test_open_ended_samples_have_no_other_style() -> None:
    recipe: Any = find_recipe("open_ended")
    assert "style" not in {field.name for field in dataclasses.fields(recipe)}
    assert recipe(model="m", out=Path("o")).prompting == {"style": None, "separators": None, "frames": None}


def test_a_recipe_takes_from_another_what_both_have(tmp_path) -> None:
    recipe: Any = find_recipe("findings")
    other = recipe(model="m", out=tmp_path, limit=3, controls=7, frames="uniform(4)")
    made: Any = find_recipe("pathways_suffice").like(other, out=tmp_path / "pathways", modes=("strict",))
    assert (made.model, made.limit, made.controls, made.frames) == ("m", 3, 7, "uniform(4)")
    assert (made.out, made.modes) == (tmp_path / "pathways", ("strict",))

"""Settings that cannot work are refused before a model is loaded: every recipe, every kind of setting."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.errors import RunError, WorkbenchError
from workbench.recipe import Count, Recipe, find_recipe, recipe_names
from workbench.recipe.checks import one_range

WRONG: dict[str, tuple[Any, str]] = {
    "answers": (Path("nowhere"), "nowhere"),
    "also": (("tvbnch:/nowhere",), "Did you mean 'tvbench'"),
    "answers_window": ("centred(3)", "12 ranges of layers"),
    "ask": ("likelyhood", "Did you mean 'likelihood'"),
    "from_logs": ((Path("nowhere.jsonl"),), "nowhere.jsonl"),
    "scores": (Path("nowhere.csv"), "nowhere.csv"),
    "scoring": ("lmms_tvbench", 'give ask="generation"'),
    "bank": ("nearby", "bank='nearby': input should be 'all' or 'same'"),
    "by": ("prefil_percent", "Did you mean 'prefill_percent'"),
    "cache": (Path(__file__) / "below", "cache="),
    "cache_gb": (2.0, "none without --cache"),
    "critical_layers": (Path("nowhere"), "nowhere"),
    "cut_layers": ("layers(3, 80)", "80"),
    "data": ("minni", "mini"),
    "each": ("fram", "Did you mean 'frame'"),
    "engine": ("incremantal", "Did you mean 'incremental'"),
    "exit_and_window": (Path("nowhere"), "nowhere"),
    "flow": ("frames -> lost", "lost"),
    "flows": (("vidio -> last",), "Did you mean 'video'"),
    "frames": ("midpiont(4)", "midpiont"),
    "directions": (("denoisin",), "Did you mean 'denoising'"),
    "device_map": ("nearby", "device_map='nearby': input should be 'auto'"),
    "load_in": ("3bit", "load_in='3bit': input should be '4bit' or '8bit'"),
    "setting": ("papers", "setting='papers': input should be 'paper'"),
    "gpus_per_worker": (2, "none without --workers"),
    "groups": (("spatial",), "NAME=TASK"),
    "heads": ("first", "heads='first'"),
    "image_model": ("nowhere/at/all", "no checkpoint folder"),
    "image_sweep": (Path("nowhere"), "nowhere"),
    "keywords": ("mft", "Did you mean 'mtf'"),
    "layers": ((3, 13), "layers 1 to 12"),
    "limit": (0, "limit is 0"),
    "measures": (("klx",), "Did you mean 'kl'"),
    "methods": (("locl",), "Did you mean 'local'"),
    "mode": ("fathful", "Did you mean 'faithful'"),
    "model": ("nowhere/at/all", "no checkpoint folder"),
    "models": (("nowhere/at/all",), "no checkpoint folder"),
    "modes": (("strict", "strict"), "each once"),
    "out": (Path(__file__) / "below", "is no folder"),
    "pathways": (Path("nowhere"), "nowhere"),
    "ray_address": ("auto", "none without --workers"),
    "workers": (0, "workers=0: input should be greater than or equal to 1"),
    "remote": ("ndif", "leave --remote out"),
    "ranges": ("moving", "no task 'moving' to read ranges off"),
    "rows": ("vidio", "Did you mean 'video'"),
    "runs": ((Path("nowhere"),), "nowhere"),
    "separators": ("frames", "write 'video' or 'frame'"),
    "sites": (("resid_pst",), "Did you mean 'resid_post'"),
    "spans": (("vidio",), "Did you mean 'video'"),
    "spread": ("evn", "Did you mean 'even'"),
    "steps": ("ech", "write each, all"),
    "style": ("mvbnch", "Did you mean 'mvbench'"),
    "sweep": (Path("nowhere"), "nowhere"),
    "tasks": (("moving_direktion",), "moving_direction"),
    "to": ("lst", "Did you mean 'last'"),
    "two_stages": (Path("nowhere"), "nowhere"),
    "which_attention": (Path("nowhere"), "nowhere"),
    "window": ("trailing(13)", "which has 12 layers"),
}
"""For each setting by name, a value that cannot work, and what is said."""
FREE = {"adapter", "device", "dtype", "question", "stem", "word"}
"""Settings that only the model can refuse: `wb.load` looks at two of them first, a word is in a prompt; and
what is asked, which may be anything."""
ALONE = {
    "model",
    "remote",
    "data",
    "tasks",
    "limit",
    "from_logs",
    "ray_address",
    "gpus_per_worker",
    "cache",
    "cache_gb",
}
"""Settings that mask_gallery refuses, whatever they say: it needs neither a model nor samples."""
CASES = [
    (name, field.name)
    for name in recipe_names()
    for field in dataclasses.fields(find_recipe(name))
    if field.name in WRONG and not (name == "mask_gallery" and field.name in ALONE)
]


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(*names: object, **settings: object) -> None:
        raise AssertionError(f"{names} was loaded before its settings were checked")

    monkeypatch.setattr(wb, "load", loaded)


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_a_setting_that_cannot_work_is_refused_before_a_model_is_loaded(
    name: str, setting: str, tmp_path: Path
) -> None:
    value, message = WRONG[setting]
    settings: dict[str, Any] = {"model": "mini/video-ft", "out": tmp_path / "out", "limit": 2}
    if name == "mask_gallery":
        settings = {"out": tmp_path / "out"}
    with pytest.raises(WorkbenchError, match=message.replace("(", r"\(")):
        find_recipe(name)(**settings | {setting: value}).run()
    assert not (tmp_path / "out").exists()


def test_every_setting_of_every_recipe_is_checked_or_of_a_type_that_says_it_all() -> None:
    whole = (int, float, bool, Count)
    for name in recipe_names():
        recipe = find_recipe(name)
        for field in dataclasses.fields(recipe):
            simple = any(kind.__name__ in str(field.type) for kind in whole[:3])
            simple |= str(field.type) in ("Count", "Whole", "Count | None", "tuple[Count, ...]")
            assert simple or field.name in WRONG or field.name in FREE, f"{name}: {field.name}"


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("evaluate", {"limit": "many"}, "limit='many': input should be a valid integer"),
        ("evaluate", {"seed": -1}, "seed=-1: input should be greater than or equal to 0"),
        ("evaluate", {"seed": "abc"}, "seed='abc'"),
        ("evaluate", {"model": 5}, "model=5: input should be a valid string"),
        ("evaluate", {"out": None}, "out=None"),
        ("evaluate", {"batch": 0}, "batch=0: input should be greater than or equal to 1"),
        (
            "evaluate",
            {"tasks": "object_count"},
            "tasks='object_count': input should be a valid tuple",
        ),
        ("information_flow", {"flows": "video -> last"}, "flows='video -> last'"),
        ("information_flow", {"flows": (5,)}, "flows=.*string"),
        ("information_flow", {"bin": 0}, "bin=0"),
        ("information_flow", {"threshold": "low"}, "threshold='low'"),
        ("window_size", {"sizes": (3, 0)}, "sizes=.*greater than or equal to 1"),
        ("attention_maps", {"pictures": 0}, "pictures=0"),
        ("pathways_suffice", {"controls": -1}, "controls=-1"),
        ("pathways_suffice", {"sweep": 5}, "sweep=5: input is not a valid path"),
    ],
)
def test_settings_of_another_type_or_out_of_range_cannot_be_made(name, wrong, message) -> None:
    with pytest.raises(RunError, match=message):
        find_recipe(name)(**{"model": "m", "out": Path("o"), **wrong})


def test_settings_become_what_their_types_say() -> None:
    recipe: Any = find_recipe("information_flow")
    made: Any = recipe(model="m", out="runs/1", flows=["video -> last"], threshold=-3)
    assert made.out == Path("runs/1")
    assert made.flows == ("video -> last",)
    assert isinstance(made.threshold, float)


def test_a_recipe_of_ones_own_is_checked_by_the_same_names(tmp_path: Path) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mine(Recipe):
        flow: str

        def run(self) -> None:
            self.load_model()

    with pytest.raises(WorkbenchError, match="lost"):
        Mine(model="mini/video-ft", out=tmp_path, flow="frames -> lost").run()
    with pytest.raises(AssertionError, match="was loaded before"):
        Mine(model="mini/video-ft", out=tmp_path, flow="video -> last").run()


def test_layers_are_known_without_weights() -> None:
    recipe = find_recipe("evaluate")(model="mini/video-ft", out=Path("o"))
    assert recipe.depth() == 12
    assert recipe.checkpoint("mini/image").name == "mini/image"


def test_one_range() -> None:
    assert one_range("layers(3, 8)", 12, option="cut-layers")[1:] == (3, 8)
    with pytest.raises(RunError, match=r"--cut-layers centred\(3\) is 12 ranges"):
        one_range("centred(3)", 12, option="cut-layers")

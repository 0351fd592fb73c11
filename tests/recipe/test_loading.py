"""How a model is held is a setting of every experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import workbench as wb
from workbench.recipe import find_recipe


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What `load` is asked for."""
    found: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(wb, "load", lambda name, **told: found.append((name, told)))
    return found


def test_every_setting_reaches_the_model(asked: list[Any]) -> None:
    told: dict[str, Any] = {
        "device": None,
        "device_map": "auto",
        "dtype": "float32",
        "load_in": None,
        "adapter": "lora",
        "setting": "paper",
        "remote": None,
        "cache": Path("kept"),
        "cache_gb": 2.5,
    }
    recipe: Any = find_recipe("information_flow")(model="m", out=Path("o"), **told)
    recipe.loaded()
    recipe.loaded("m")
    recipe.loaded("other")
    assert asked == [("m", told), ("m", told), ("other", told | {"adapter": None})], (
        "an adapter is of one model"
    )


def test_bits_reach_the_model(asked: list[Any]) -> None:
    recipe: Any = find_recipe("evaluate")(model="m", out=Path("o"), load_in="4bit", device="cuda:1")
    recipe.loaded()
    assert (asked[0][1]["load_in"], asked[0][1]["device"]) == ("4bit", "cuda:1")


@pytest.mark.parametrize(
    ("told", "dtype", "device"),
    [({}, None, None), ({"gpus_per_worker": 1}, "bfloat16", "cuda"), ({"device": "cpu"}, None, "cpu")],
)
def test_where_workers_measure_no_weights_are_read_here(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], dtype: str | None, device: str | None
) -> None:
    pytest.importorskip("ray")
    from workbench.runs.executors import current
    from workbench.runs.workers import RayWorkers

    asked: dict[str, Any] = {}

    class Model:
        pass

    monkeypatch.setattr(wb, "load", lambda name, **more: asked.update(more) or Model())
    model: Any = find_recipe("evaluate")(model="m", out=Path("o"), workers=2, **told).loaded()
    workers = current(model)
    assert isinstance(workers, RayWorkers)
    assert (asked["weights"], asked["dtype"]) == ("later", dtype)
    if device is not None:
        assert workers.device_of(model) == device

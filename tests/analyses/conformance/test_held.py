"""Models that are wrong only where they are held otherwise are found."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch

from tests.tiny import tiny_model
from workbench.analyses.conformance import CHECKS, held
from workbench.analyses.conformance.asking import Broken
from workbench.errors import ModelError
from workbench.models import VideoLLM
from workbench.models.families.lfm3_vl import Lfm3VL

BY_NAME = {one.name: one for one in CHECKS}
FOR = {"in half precision": None, "in 4 and 8 bits": "bitsandbytes", "on the disk": "accelerate"}


@pytest.mark.parametrize("name", FOR)
def test_an_engine_that_is_off_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if (package := FOR[name]) is not None:
        pytest.importorskip(package, reason=f"{package} is not installed")
    whole, outcomes = tiny_model(), held._outcomes

    def off(model: VideoLLM, engine: str) -> Any:
        found = outcomes(model, engine)
        if engine == "reference" or model is whole:
            return found
        return found._replace(changed=[one._replace(p=1.3 * one.p) for one in found.changed])

    assert BY_NAME[name].run(whole) == ""
    monkeypatch.setattr(held, "_outcomes", off)
    with pytest.raises(Broken, match=r"in memory|by the reference engine"):
        BY_NAME[name].run(whole)


def test_a_package_that_is_missing_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match="pip install bitsandbytes"):
        BY_NAME["in 4 and 8 bits"].run(tiny_model())


def test_parts_of_a_model_are_named_once() -> None:
    hf = tiny_model().hf
    layers = {id(layer) for layer in tiny_model().family.decoder_layers(hf)}
    places = held._places(hf, "", layers)
    names = [name for name, _ in places]
    weights = [name for name, _ in hf.named_parameters()]
    for weight in weights:
        assert sum(weight == name or weight.startswith(f"{name}.") for name in names) == 1, weight
    assert sum(place == "disk" for _, place in places) == len(layers)


def test_pixels_take_the_weights_type_where_a_tower_asks_for_it() -> None:
    given = {"pixel_values": torch.ones(2), "ids": torch.ones(2, dtype=torch.long), "more": torch.ones(1)}
    told: Any = (given, {"pixel_values", "ids"}, torch.device("cpu"), torch.bfloat16)
    assert {name: value.dtype for name, value in Lfm3VL().placed(*told).items()} == {
        "pixel_values": torch.bfloat16,
        "ids": torch.long,
    }
    assert tiny_model().family.placed(*told)["pixel_values"].dtype == torch.float32

"""A model whose weights lie on the disk gives the numbers of one in memory, everywhere that reads weights."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.analyses.lens.logit_lens import logit_lens
from workbench.engine import get_engine
from workbench.errors import ModelError
from workbench.interventions import Flow, centred, knockouts
from workbench.models import VideoLLM, load
from workbench.models.placement import main_device

PARTS = ("model.vision_tower", "model.multi_modal_projector", "model.image_newline", "model.vision_resampler")
DECODER = ("embed_tokens", "norm", "rotary_emb", "layers.0", "layers.1", "layers.2", "layers.3")


def on_disk() -> VideoLLM:
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    places = dict.fromkeys([*PARTS, *(f"model.language_model.{part}" for part in DECODER), "lm_head"], "disk")
    return load(tiny_folder(), device_map=places)


def test_weights_on_the_disk_give_the_same_numbers() -> None:
    model, whole = on_disk(), tiny_model()
    assert {str(weight.device) for weight in model.hf.parameters()} >= {"meta"}
    prompt = tiny_prompt(whole)
    assert torch.equal(tiny_prompt(model).input_ids, prompt.input_ids)
    asked = knockouts([Flow.parse("video -> question")], [centred(1)], model.n_layers)
    for engine in ("reference", "incremental", "incremental-float32"):
        found = get_engine(engine).outcomes(model, prompt, asked)
        wanted = get_engine(engine).outcomes(whole, prompt, asked)
        assert [one.p for one in found.changed] == pytest.approx([one.p for one in wanted.changed], rel=1e-5)
    assert model.hook_names() == whole.hook_names()
    kept: Any = model.run_with_cache(prompt, lambda name: True).cache
    for name, value in whole.run_with_cache(prompt, lambda name: True).cache.items():
        torch.testing.assert_close(kept[name], value, msg=name)
    edited = [
        one.run_with_hooks(prompt, [("blocks.1.ln1.hook_scale", lambda value, hook: value * 2)])
        for one in (model, whole)
    ]
    torch.testing.assert_close(*edited)
    tables = [logit_lens(one, prompt, top_k=2, progress=False) for one in (model, whole)]
    assert tables[0].table["token_id"].tolist() == tables[1].table["token_id"].tolist()
    assert model.generate(prompt, 4) == whole.generate(prompt, 4)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"device_map": "nearby"}, "use 'auto', or a dict"),
        ({"device_map": {"nothing": "cpu"}}, "does not fit LlavaNextVideo"),
        ({"device_map": "auto", "device": "cpu"}, "exclude each other"),
    ],
)
@pytest.mark.filterwarnings("ignore:The following device_map keys")
def test_maps_that_do_not_fit_are_refused(asked: dict[str, Any], says: str) -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    with pytest.raises(ModelError, match=says):
        load(tiny_folder(), **asked)


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ModelError, match="pip install accelerate"):
        load(tiny_folder(), device_map="auto")


def test_inputs_go_where_the_map_says_and_lone_parameters_with_them() -> None:
    model = on_disk()
    assert str(model.device) == "cpu"
    newline = model.hf.get_parameter("model.image_newline")
    assert newline.device == model.device, "no module's hook moves it"
    assert str(tiny_model().device) == "cpu"


def test_what_is_to_stay_in_memory_stays_there() -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    parts = {f"model.language_model.{part}": "cpu" for part in DECODER if part != "layers.2"}
    places = {**dict.fromkeys([*PARTS, "lm_head"], "cpu"), **parts, "model.language_model.layers.2": "disk"}
    model = load(tiny_folder(), device_map=places)
    away = {name for name, weight in model.hf.named_parameters() if weight.device.type == "meta"}
    assert away == {
        name for name, _ in model.hf.named_parameters() if ".layers.2." in name and "language" in name
    }


def test_the_first_gpu_of_a_map_takes_the_inputs() -> None:
    hf: Any = SimpleNamespace(hf_device_map={"embed": "disk", "layers.0": 1, "layers.1": 0}, device="meta")
    assert main_device(hf) == torch.device("cuda", 1)
    hf.hf_device_map = {"embed": "disk", "layers": "cpu"}
    assert main_device(hf) == torch.device("cpu")

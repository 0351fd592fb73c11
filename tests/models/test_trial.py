"""A model that cannot be run is refused when it is loaded; what a prompt refuses is left to the prompt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.broken_folders import change_json
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.trial import try_out


@pytest.mark.parametrize(
    ("where", "changes"),
    [
        ("config.json", {"vision_feature_layer": 99}),
        ("config.json", {"spatial_pool_stride": 0}),
        ("config.json", {"spatial_pool_mode": "nowhere"}),
        ("text_config", {"rope_parameters": {"rope_type": "yarn", "factor": "4", "rope_theta": 1e4}}),
        ("vision_config", {"hidden_act": "nothing"}),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_each_other_are_refused(
    folder: Path, where: str, changes: dict[str, Any]
) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (config if where == "config.json" else config[where]).update(changes)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"config\.json"):
        load(folder, device="cpu")


def test_what_a_prompt_refuses_is_left_to_the_prompt(folder: Path) -> None:
    side = {"height": 14, "width": 14}
    change_json(folder / "video_preprocessor_config.json", size=side, crop_size=side)
    model = load(folder, device="cpu")
    with pytest.raises(ModelError, match="frames of 14 x 14 pixels"):
        tiny_prompt(model)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_trial_leaves_nothing_behind_and_ends_early(
    family: FamilyName, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(tiny_folder(family), device="cpu")
    layers = list(model.family.decoder_layers(model.hf))
    calls: list[int] = []
    counted: list[Callable[..., Any]] = [
        lambda module, args, kwargs, at=at: calls.append(at) for at in range(len(layers))
    ]
    handles = [
        layer.register_forward_pre_hook(count, with_kwargs=True)
        for layer, count in zip(layers, counted, strict=True)
    ]
    try_out(model)
    assert calls == [0]
    for handle in handles:
        handle.remove()
    prompt = tiny_prompt(model)
    assert torch.equal(model.logits(prompt), tiny_model(family).logits(prompt))


def test_every_kind_of_layer_is_tried(tmp_path: Path, folder: Path) -> None:
    model = load(folder, device="cpu")
    layers = list(model.family.decoder_layers(model.hf))
    layers[2].attention_type = "another"  # type: ignore[assignment]
    monkey = layers[2].mlp.register_forward_pre_hook(lambda module, args: 1 / 0)
    with pytest.raises(ModelError, match=r"cannot be run \(ZeroDivisionError"):
        try_out(model)
    monkey.remove()


def test_a_layer_that_calls_attention_never_or_twice_is_refused() -> None:
    """Edges can be cut only where a layer's attention is computed by one call of ours."""
    for times in (0, 2):
        model = load(tiny_folder(), device="cpu")
        attention: Any = model.family.decoder_layers(model.hf)[0].self_attn
        forward = attention.forward

        def other(times: int = times, forward: Any = forward, **given: Any) -> Any:
            outputs = [forward(**given) for _ in range(times)]
            return outputs[0] if outputs else (given["hidden_states"], None)

        attention.forward = other
        with pytest.raises(ModelError, match=f"Layer 1 of .*LlamaAttention.* calls attention {times} times"):
            try_out(model)

"""Features out of the cache are those of the tower, to the bit, and are not used where they would not be."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import pytest
import torch

import workbench as wb
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_clip, tiny_folder, tiny_model, tiny_sample
from workbench.cache import Cache
from workbench.interventions import centred
from workbench.models import Prompt, VideoLLM, features, load
from workbench.models.features import kept_features, look_up, watch


def model_of(family: FamilyName, folder: Path, **how: Any) -> VideoLLM:
    return load(tiny_folder(family), device="cpu", cache=folder, **how)


def logits(model: VideoLLM, prompt: Prompt) -> torch.Tensor:
    with torch.no_grad(), kept_features(model):
        found = model.hf(**prompt.inputs, use_cache=False).logits[0]
    assert model.cache is not None
    model.cache.flush()
    return found


def prompts(model: VideoLLM) -> list[Prompt]:
    found = [model.encode(tiny_sample(), clip=tiny_clip(4, seed=seed)) for seed in (1, 2)]
    for prompt in found:
        look_up(model, prompt)
    return found


def counts(model: VideoLLM) -> dict[str, int]:
    assert model.cache is not None
    return model.cache.counts()["features"]


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_features_come_back_to_the_bit_and_the_tower_does_not_run(family: FamilyName, tmp_path: Path) -> None:
    plain = tiny_model(family)
    wanted = [plain.logits(prompt) for prompt in prompts(plain)]
    first = model_of(family, tmp_path)
    assert all(torch.equal(logits(first, one), two) for one, two in zip(prompts(first), wanted, strict=True))
    assert counts(first) == {"made": 2}, "nothing of this family's is kept"
    second = model_of(family, tmp_path)
    ready = prompts(second)

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("the tower ran")

    block = second.family.vision_blocks(second.hf)[0]
    block.forward = never
    assert all(torch.equal(logits(second, one), two) for one, two in zip(ready, wanted, strict=True))
    assert counts(second) == {"found": 2}


@pytest.fixture
def model(tmp_path: Path) -> VideoLLM:
    """With the features of the first prompt in its cache."""
    found = model_of("llava_next_video", tmp_path / "cache")
    logits(found, prompts(found)[0])
    return found


def test_pixels_that_nobody_looked_up_are_found_by_their_content(model: VideoLLM) -> None:
    prompt = prompts(model)[0]
    copied = dataclasses.replace(prompt, inputs={name: it.clone() for name, it in prompt.inputs.items()})
    assert torch.equal(logits(model, copied), logits(model, prompt))
    assert counts(model)["made"] == 1


def test_a_hook_in_the_tower_sees_its_pass(model: VideoLLM) -> None:
    runs = []
    block = model.family.vision_blocks(model.hf)[0]
    handle = block.register_forward_hook(lambda *_: runs.append(1))
    logits(model, prompts(model)[0])
    assert runs
    handle.remove()
    logits(model, prompts(model)[0])
    assert len(runs) == 1


def test_weights_that_were_changed_in_place_are_used(model: VideoLLM) -> None:
    prompt = prompts(model)[0]
    before = logits(model, prompt)
    with torch.no_grad():
        next(iter(model.family.vision_blocks(model.hf)[0].parameters())).mul_(3)
    changed = logits(model, prompt)
    assert not torch.equal(before, changed)
    assert torch.equal(changed, model.logits(prompt))
    assert counts(model)["made"] == 1, "and not kept as those of the checkpoint"


def test_gradients_go_through_the_tower(model: VideoLLM) -> None:
    prompt = prompts(model)[0]
    pixels = prompt.inputs["pixel_values_videos"].requires_grad_()
    with kept_features(model):
        model.hf(**prompt.inputs, use_cache=False).logits[0, -1].max().backward()
    assert pixels.grad is not None
    assert bool(pixels.grad.any())


@pytest.mark.parametrize("how", [{"dtype": "bfloat16"}, {"attention": "eager"}])
def test_how_a_model_is_held_makes_other_features(model: VideoLLM, how: dict[str, Any]) -> None:
    assert model.cache is not None
    other = model_of("llava_next_video", model.cache.folder, **how)
    logits(other, prompts(other)[0])
    assert counts(other) == {"made": 1}


def test_other_weights_make_other_features(model: VideoLLM) -> None:
    assert model.cache is not None
    other = load(tiny_folder("llava_next_video", n_layers=3), device="cpu", cache=model.cache.folder)
    logits(other, prompts(other)[0])
    assert counts(other) == {"made": 1}


def test_threads_that_compute_make_other_features(model: VideoLLM) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        logits(model, prompts(model)[0])
    finally:
        torch.set_num_threads(before)
    assert counts(model)["made"] == 2


def test_another_call_of_the_same_pixels_is_another(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = prompts(model)[0]
    inner = model.hf.model
    compute = inner.get_video_features
    other = functools.partial(compute, vision_feature_layer=-1)
    pixels = prompt.inputs["pixel_values_videos"]
    with torch.no_grad():
        wanted = other(pixels).pooler_output
        with kept_features(model):
            found = inner.get_video_features(pixels, vision_feature_layer=-1).pooler_output
    assert all(map(torch.equal, wanted, found))
    assert not all(map(torch.equal, wanted, compute(pixels).pooler_output))


def test_what_cannot_be_told_by_its_content_is_computed(model: VideoLLM) -> None:
    made = []

    def compute(pixels: torch.Tensor, odd: object = None) -> object:
        made.append(1)
        return pixels + 1 if odd is not None else object()

    pixels = torch.zeros(2, 3)
    with torch.no_grad():
        around = features._Keeping(model).around("get_video_features", compute)
        for _ in range(2):
            around(pixels, odd=object())
            around(pixels)
    assert len(made) == 4


def test_without_a_cache_nothing_is_looked_at() -> None:
    model = tiny_model()
    prompts(model)
    with kept_features(model):
        assert not {"get_video_features", "get_image_features"} & set(vars(model.hf.model))


def test_a_model_on_several_devices_keeps_none(model: VideoLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.hf, "hf_device_map", {"": "cpu"}, raising=False)
    assert watch(model) is None


def test_a_sweep_gives_the_same_table_and_counts_in_its_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = wb.samples("mini/moving_direction")[:3]
    sweep = functools.partial(wb.sweep, samples=samples, flows=["video -> question"], windows=centred(3))
    wanted = sweep(wb.load("mini/video-ft"), out=tmp_path / "plain", progress=False)
    assert "cache" not in wanted.manifest
    for turn, name in enumerate(("cold", "warm")):
        model = wb.load("mini/video-ft", cache=tmp_path / "cache")
        found = sweep(model, out=tmp_path / name)
        for file in ("effects.parquet", "samples.parquet"):
            plain = (tmp_path / "plain" / file).read_bytes()
            if file == "effects.parquet":
                assert (tmp_path / name / file).read_bytes() == plain
        told = {"found": 3} if turn else {"made": 3}
        expected = {"folder": str(tmp_path / "cache"), "frames": told, "features": told}
        assert found.manifest["cache"] == expected
        assert "frames 3" in capsys.readouterr().err
    damaged = sorted((tmp_path / "cache" / "features").rglob("*.safetensors"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\1")
    model = wb.load("mini/video-ft", cache=Cache(tmp_path / "cache").folder)
    found = sweep(model, out=tmp_path / "damaged", progress=False)
    assert found.manifest["cache"]["features"] == {"found": 2, "damaged": 1, "made": 1}
    assert (tmp_path / "damaged" / "effects.parquet").read_bytes() == (
        tmp_path / "plain" / "effects.parquet"
    ).read_bytes()

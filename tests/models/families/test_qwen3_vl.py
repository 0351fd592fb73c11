"""Qwen3-VL: sizes that depend on the number of frames, time stamps, marks that the template writes too."""

from __future__ import annotations

import dataclasses

import pytest

from tests.models.families.recorded import check_pixels, noise_clip
from tests.models.families.test_base import decoder_call
from tests.tiny import tiny_clip, tiny_family, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models.families.qwen3_vl import Qwen3VL, smart_resize
from workbench.prompts.pixels import PixelSettings, settings_of


def test_patches_are_those_of_the_video_processor() -> None:
    check_pixels("qwen3_vl", 3, (48, 294), [0.090196, 0.270588, -0.388235, -0.239216], -5.2, 2013.007)
    check_pixels("qwen3_vl", 5, (24, 294), [0.380392, -0.207843, 0.019608, -0.121569], 5.553, 342.302)


def test_units_stand_behind_the_mean_time_of_their_frames() -> None:
    """As transformers' processor writes them: 3 frames at 0, 0.5 and 1 s, the last one shown twice."""
    model = tiny_model("qwen3_vl")
    prompt = model.encode(noise_clip(3), "Where?")
    words = prompt.input_ids[0, prompt.layout["between"]].tolist()
    assert model.tokenizer.decode(words) == "<0.2 seconds><1.0 seconds>"
    text = str(model.tokenizer.decode(prompt.input_ids[0].tolist()))
    shown = "<|vision_start|>" + "<|video_pad|>" * 6 + "<|vision_end|>"
    assert text.startswith(f"<|im_start|>user\n<0.2 seconds>{shown}<1.0 seconds>{shown}Where?")


@pytest.mark.parametrize("size", [(240, 320), (90, 131), (12, 30), (1080, 1920), (20, 900)])
@pytest.mark.parametrize("frames", [2, 3, 5, 8, 64])
def test_smart_resize_equals_transformers(frames: int, size: tuple[int, int]) -> None:
    from transformers.models.glm4v.image_processing_pil_glm4v import smart_resize as theirs

    settings = PixelSettings(size={"shortest_edge": 8 * 56 * 56, "longest_edge": 600 * 600 * 8})
    found = smart_resize(frames, *size, settings)
    assert found == theirs(frames, *size, 2, 28, 8 * 56 * 56, 600 * 600 * 8)


@pytest.mark.parametrize(
    ("clip", "free", "capped"),
    [  # as Qwen3VLVideoProcessor of transformers 5.23 makes them without and with its cap
        ((2, 480, 640), (336, 448), (112, 140)),
        ((4, 480, 640), (224, 308), (112, 140)),
        ((8, 240, 320), (168, 224), (112, 140)),
        ((3, 90, 130), (84, 140), (84, 140)),
    ],
)
def test_a_checkpoint_may_cap_each_frame(
    clip: tuple[int, int, int], free: tuple[int, int], capped: tuple[int, int]
) -> None:
    said = {"size": {"shortest_edge": 4 * 28**2, "longest_edge": 400 * 28**2}, "patch_size": 14}
    defaults = Qwen3VL.default_pixels
    assert smart_resize(*clip, settings_of(said, defaults, source="a")) == free
    said |= {"cap_pixels_per_frame": True, "max_video_tokens": 24}
    assert smart_resize(*clip, settings_of(said, defaults, source="a")) == capped


def test_the_templates_marks_are_not_kept_around_the_units() -> None:
    """The model's own processor (transformers 4.57) put the units in their place; since 5.0 they stay."""
    model = tiny_model("qwen3_vl")
    prompt = tiny_prompt(model)
    units = tiny_family("qwen3_vl").expanded(prompt.inputs)
    ids = model.tokenizer(prompt.text.replace("<|video_pad|>", units))["input_ids"]
    assert prompt.input_ids[0].tolist() == ids
    kept = model.tokenizer(prompt.text.replace("<|video_pad|>", f"<|vision_start|>{units}<|vision_end|>"))[
        "input_ids"
    ]
    marks = model.tokenizer("<|vision_start|><|vision_end|>")["input_ids"]
    first, last = (prompt.layout[span][0] for span in ("between", "question"))
    assert kept == [*ids[:first], marks[0], *ids[first:last], marks[1], *ids[last:]]


def test_a_single_frame_is_shown_twice() -> None:
    model = tiny_model("qwen3_vl")
    prompt = tiny_prompt(model, n_frames=1)
    assert prompt.inputs["video_grid_thw"].tolist()[0][0] == 1
    assert "<0.2 seconds>" in model.tokenizer.decode(prompt.input_ids[0].tolist())


def test_shapes_that_cannot_be_resized_are_refused() -> None:
    settings = tiny_model("qwen3_vl").pixels
    with pytest.raises(ModelError, match="too narrow"):
        smart_resize(4, 14, 14 * 300, settings)
    with pytest.raises(ModelError, match="least and most pixels of a video"):
        smart_resize(4, 28, 28, dataclasses.replace(settings, size={"height": 28, "width": 28}))


def test_every_unit_starts_positions_anew_behind_its_time() -> None:
    model = tiny_model("qwen3_vl")
    prompt = model.encode(tiny_clip(4), "Where?")
    positions = decoder_call(model.hf, prompt)["position_ids"][-3:, 0]
    for unit in range(2):
        first, *_, last = prompt.layout[f"frame[{unit}]"].tolist()
        time, row, column = positions[:, first : last + 1]
        assert time.unique().numel() == 1
        assert row.unique().numel() == column.unique().numel() == 2


def test_deepstack_is_told_of_the_model() -> None:
    model = tiny_model("qwen3_vl")
    assert len(model.family.deepstack(model.hf)) == 2
    assert model.family.added({}) == {}, "a prompt without a video"

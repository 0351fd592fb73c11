"""Video tokens are where the model puts its features: as many, in the order of frames and cells."""

from __future__ import annotations

import copy
import dataclasses
import re
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.tiny import FamilyName, tiny_clip, tiny_family, tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import FAMILIES, Prompt, Turn, VideoLLM, load
from workbench.models.families.llava_next_video import LlavaNextVideo
from workbench.models.families.qwen2_5_vl import Qwen25VL
from workbench.models.hooks import hook_points
from workbench.models.softmax import logit_cap
from workbench.video import Clip


def decoder_call(hf: Any, prompt: Prompt) -> dict[str, Any]:
    """The arguments with which the decoder is called."""
    seen: dict[str, Any] = {}

    def keep(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        seen.update(kwargs)

    handle = hf.get_decoder().register_forward_pre_hook(keep, with_kwargs=True)
    with torch.no_grad():
        hf(**prompt.inputs, use_cache=False)
    handle.remove()
    return seen


def embeddings(hf: Any, prompt: Prompt) -> Tensor:
    """What enters the decoder (s, d)."""
    return decoder_call(hf, prompt)["inputs_embeds"][0]


def without_attention(model: VideoLLM) -> Any:
    """The model with a vision tower whose patches do not see one another."""
    hf: Any = copy.deepcopy(model.hf)
    with torch.no_grad():
        for block in model.family.vision_blocks(hf):
            (mixer,) = (part for part in block.children() if re.search("Attention|Conv", type(part).__name__))
            *_, out = (part for part in mixer.modules() if isinstance(part, nn.Linear))
            out.weight.zero_()
            if out.bias is not None:
                out.bias.zero_()
    return hf


def changed(before: Tensor, after: Tensor) -> list[int]:
    """Rows that differ."""
    return (before != after).any(-1).nonzero().flatten().tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_video_rows_are_those_where_the_model_puts_its_features(family: FamilyName) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model, separators="video")
    hf: Any = model.hf
    embedded = model.family.embed(hf)(prompt.input_ids)
    shown = changed(embedded[0], embeddings(hf, prompt))
    # Everything else is a plain word, those between frames too.
    words = set(prompt.layout["separator"].tolist()) if "separator" in prompt.layout else set()
    assert set(shown) | words == set(prompt.layout["video"].tolist())
    frames = [row for unit in range(prompt.layout.n_frames) for row in prompt.layout[f"frame[{unit}]"]]
    assert set(frames) <= set(shown)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("unit", [0, 1])
def test_a_frames_pixels_reach_that_frames_rows_and_no_others(family: FamilyName, unit: int) -> None:
    model = tiny_model(family)
    clip = tiny_clip()
    frames = clip.frames.copy()
    first = tiny_family(family).group * unit
    frames[first] = 255 - frames[first]
    before = tiny_prompt(model)
    after = model.encode(before.sample or "", clip=dataclasses.replace(clip, frames=frames))
    rows = changed(embeddings(model.hf, before), embeddings(model.hf, after))
    words = before.layout["between"]  # a time stamp may be counted to its frame, and shows nothing of it
    assert rows == np.setdiff1d(before.layout[f"frame[{unit}]"], words).tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_cells_pixels_reach_that_cells_row(family: FamilyName) -> None:
    model = tiny_model(family)
    hf = without_attention(model)
    # Frames of the vision tower's own size, so that nothing is resized. Some take any shape.
    rows, columns = (2, 3) if tiny_family(family).wide else (2, 2)
    frames = tiny_clip(4, height=84, width=84).frames[:, : 14 * rows, : 14 * columns]
    clip = Clip(frames=frames.copy(), timestamps=np.arange(4) / 2)
    before = model.encode(clip, "Where?")
    assert before.layout.grid == (rows, columns)
    plain = embeddings(hf, before)
    group = tiny_family(family).group
    for unit in range(before.layout.n_frames):
        for i in range(rows):
            for j in range(columns):
                frames = clip.frames.copy()
                # The cell's four patches are 14 x 14 pixels.
                patch = frames[group * unit, 14 * i : 14 * (i + 1), 14 * j : 14 * (j + 1)]
                patch[:] = 255 - patch
                after = model.encode(dataclasses.replace(clip, frames=frames), "Where?")
                assert (
                    changed(plain, embeddings(hf, after)) == before.layout[f"cell[{unit},{i},{j}]"].tolist()
                )


def test_arguments_that_a_forward_does_not_take_are_left_out() -> None:
    model = dataclasses.replace(tiny_model("qwen2_5_vl"))
    model.__dict__["arguments"] = model.arguments - {"mm_token_type_ids"}
    assert "mm_token_type_ids" not in tiny_prompt(model).inputs
    assert "mm_token_type_ids" in tiny_prompt(tiny_model("qwen2_5_vl")).inputs


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_are_found_in_the_model_and_in_nnsight(family: FamilyName) -> None:
    model = tiny_model(family)
    hf: Any = model.hf
    said = model.family
    assert len(said.decoder_layers(hf)) == 4
    assert said.embed(hf) is hf.get_input_embeddings()
    assert said.lm_head(hf) is hf.get_output_embeddings()
    assert said.final_norm(hf) in list(hf.get_decoder().children())
    assert len(said.vision_blocks(hf)) == 2
    assert isinstance(said.projector(hf), nn.Module)
    prompt = tiny_prompt(model)
    with model.trace(prompt):
        vision = said.vision_blocks(model.nn)[0].output.save()
        projected = said.projector(model.nn).output.save()
        blocks = said.decoder_layers(model.nn)[1].output.save()
        normed = said.final_norm(model.nn).output.save()
        logits = said.lm_head(model.nn).output.save()
    assert torch.is_tensor(vision) or isinstance(vision, tuple)
    assert projected.shape[-1] == model.d_model
    assert blocks.shape == (1, len(prompt), model.d_model)
    assert torch.equal(hf.lm_head(normed), logits)
    cap = logit_cap(model.config)
    assert torch.equal(logits[0] if cap is None else cap * (logits[0] / cap).tanh(), model.logits(prompt))


def test_every_family_is_listed_under_its_model_type() -> None:
    assert {"llava_next_video", "llava_onevision", "qwen2_5_vl"} <= set(FAMILIES)
    assert all(tiny_family(name).cells for name in FAMILIES), "each has a tiny model, so each is tested"
    assert all(family.model_type == name for name, family in FAMILIES.items())
    assert repr(FAMILIES["qwen2_5_vl"]) == "Qwen25VL()"
    assert isinstance(FAMILIES["qwen2_5_vl"], Qwen25VL)


class Elsewhere(LlavaNextVideo):
    """A family whose MLP shows its steps in other places, and that knows one kind of attention."""

    hook_places: ClassVar = {"mlp.hook_pre": ("mlp.up_proj",), "mlp.hook_pre_linear": (), "mlp.hook_post": ()}
    attention_kinds = ("sdpa",)

    def turn(self, template: str | None, tokenizer: Any, placeholder: str) -> Turn:
        return super().turn(template, tokenizer, placeholder)._replace(bridge=" then ")


def test_a_family_says_where_it_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "llava_next_video", Elsewhere())
    model = load(tiny_folder(), device="cpu")
    points = hook_points(model)
    layer: Any = model.family.decoder_layers(model.hf)[1]
    assert points["blocks.1.mlp.hook_pre"].module is layer.mlp.up_proj
    assert not [name for name in points if name.endswith(("hook_pre_linear", "hook_post"))]
    assert "<video> then Question:" in tiny_prompt(model).text
    with pytest.raises(ModelError, match=r"'eager' is not offered for llava_next_video.*use 'sdpa'"):
        load(tiny_folder(), device="cpu", attention="eager")

"""Molmo2: rows of all frames and of their marks see one another, and features are added to placeholders."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from tests.models.families.recorded import check_pixels
from tests.models.families.test_base import embeddings
from tests.tiny import tiny_clip, tiny_model, tiny_prompt
from workbench.engine import get_engine
from workbench.engine.generation import generate, generate_batch
from workbench.engine.incremental.engine import Slower
from workbench.engine.reference import logits
from workbench.errors import ModelError
from workbench.interventions import Knockout
from workbench.models.families.molmo2 import _pooled


def test_patches_are_those_of_the_video_processor() -> None:
    check_pixels("molmo2", 3, (3, 16, 147), [0.192157, -0.270588, -0.309804, -0.027451], 7.506, 1060.051)
    check_pixels("molmo2", 5, (5, 16, 147), [0.192157, 0.301961, -0.309804, 0.019608], -2.29, 1757.126)


@pytest.mark.parametrize(("rows", "columns", "window"), [(4, 4, (2, 2)), (27, 27, (3, 3)), (5, 4, (3, 2))])
def test_patches_are_pooled_as_transformers_does(rows: int, columns: int, window: tuple[int, int]) -> None:
    """Written out from what `arange_for_pooling` says: windows centred on the frame, -1 beyond it."""
    found = _pooled(rows, columns, window)
    height, width = (-(-length // size) for length, size in zip((rows, columns), window, strict=True))
    assert found.shape == (height, width, window[0] * window[1])
    above, left = (height * window[0] - rows) // 2, (width * window[1] - columns) // 2
    for i in range(height):
        for j in range(width):
            wanted = [
                y * columns + x if 0 <= y < rows and 0 <= x < columns else -1
                for y in range(i * window[0] - above, (i + 1) * window[0] - above)
                for x in range(j * window[1] - left, (j + 1) * window[1] - left)
            ]
            assert found[i, j].tolist() == wanted


def test_rows_of_all_frames_and_their_marks_see_one_another() -> None:
    model = tiny_model("molmo2")
    prompt = tiny_prompt(model)
    with pytest.warns(Slower, match="some of its rows see later ones"):
        found = get_engine("incremental").outcomes(model, prompt, [Knockout.of("video -> last", (1, 4))])
    assert found.own_masks is not None
    for mask in found.own_masks:
        assert mask is not None
        seeing = np.zeros(len(prompt), dtype=bool)
        seeing[prompt.layout["video"]] = True
        causal = np.tril(np.ones_like(mask))
        assert (mask == (causal | np.outer(seeing, seeing))).all()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_nothing_passes_a_cut_in_all_layers(attention: Any) -> None:
    model = tiny_model("molmo2", attention=attention)
    prompt = tiny_prompt(model)
    other = model.encode(prompt.sample or "", clip=tiny_clip(seed=5))
    closed = Knockout.of("video -> text", (1, 4))
    behind = slice(int(prompt.layout["video"][-1]) + 1, None)
    left = logits(model, prompt, closed)[behind] - logits(model, other, closed)[behind]
    assert float(left.abs().max()) == 0
    assert float((logits(model, prompt)[behind] - logits(model, other)[behind]).abs().max()) > 1e-2


def test_features_are_added_to_the_placeholders() -> None:
    model = tiny_model("molmo2")
    prompt = tiny_prompt(model)
    cells = prompt.layout["frame[:]"]
    words = model.family.embed(model.hf)(prompt.input_ids)[0]
    shown = model.run_with_cache(prompt, "projector.hook_out").cache["projector.hook_out"].flatten(0, 1)
    assert torch.equal(embeddings(model.hf, prompt)[cells], words[cells] + shown)


def test_prompts_side_by_side_see_their_own_frames() -> None:
    """Each counts its patches through those of the whole batch."""
    model = tiny_model("molmo2")
    one = tiny_prompt(model)
    other = model.encode(one.sample or "", clip=tiny_clip(seed=5))
    alone = [generate(model, prompt, max_new_tokens=4) for prompt in (one, other)]
    assert alone[0] != alone[1], "else nothing would be told apart"
    assert generate_batch(model, [one, other], max_new_tokens=4) == alone


def test_the_prompt_begins_with_what_ends_a_text() -> None:
    """The processor puts eos in front where a tokenizer has no bos."""
    model = tiny_model("molmo2")
    prompt = model.encode(dataclasses.replace(tiny_clip(2), timestamps=np.array([0.0, 61.25])), "Where?")
    text = str(model.tokenizer.decode(prompt.input_ids[0].tolist()))
    shown = f"<frame_start>{'<im_patch>' * 4}<frame_end>"
    assert text == (
        f"<|im_end|>0.0 {shown} 61.2 {shown}<|im_start|>user\nWhere?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_processors_choices_are_followed_or_refused() -> None:
    model = tiny_model("molmo2")

    def prompt(**said: bool | tuple[int, ...]) -> Any:
        return tiny_prompt(
            model, pixels=dataclasses.replace(model.pixels, further={**model.pixels.further, **said})
        )

    marks = ("<im_start>", "<im_end>", "<frame_start>", "<frame_end>")
    tokens = [model.tokenizer.convert_tokens_to_ids(mark) for mark in marks]
    counts = [prompt(use_frame_special_tokens=False).input_ids[0].tolist().count(token) for token in tokens]
    assert counts == [4, 4, 0, 0]
    with pytest.raises(ModelError, match="video_use_col_tokens"):
        prompt(video_use_col_tokens=True)
    with pytest.raises(ModelError, match=r"\(56, 56\) pixels in patches of 7, .* takes \(28, 28\)"):
        tiny_prompt(model, pixels=dataclasses.replace(model.pixels, size={"height": 56, "width": 56}))

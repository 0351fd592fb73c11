"""Gemma 4: frames behind their minutes and seconds, layers that use the keys and values of earlier ones."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

import workbench as wb
from tests.models.families.recorded import check_pixels
from tests.tiny import tiny_clip, tiny_model, tiny_prompt
from workbench.analyses.lens.unembedding import read_residual
from workbench.engine import generate, get_engine
from workbench.engine.incremental.engine import Slower
from workbench.engine.reference import last_logits, logits
from workbench.errors import ModelError
from workbench.interventions import Knockout
from workbench.models.softmax import has_keys_of_others, logit_cap

KINDS = pytest.mark.parametrize("attention", ["sdpa", "eager"])


def eager_by_hand(model: Any, prompt: Any, rows: Any, keys: Any, layer: int) -> torch.Tensor:
    """Logits of the last row with these edges closed in one layer: transformers' own model and attention,
    with the layer's mask edited as it goes by."""
    plain: Any = type(model.hf).from_pretrained(model.folder, attn_implementation="eager").eval()

    def close(module: Any, args: Any, kwargs: Any) -> Any:
        mask = kwargs["attention_mask"].clone()
        mask[..., rows[:, None], keys[None, :]] = torch.finfo(mask.dtype).min
        return args, {**kwargs, "attention_mask": mask}

    decoder = plain.model.language_model
    decoder.layers[layer].self_attn.register_forward_pre_hook(close, with_kwargs=True)
    with torch.no_grad():
        return plain(**prompt.inputs, use_cache=False).logits[0, -1]


def test_patches_are_those_of_the_video_processor() -> None:
    """Recorded with 6 cells a frame allowed, and without the rows that the processor fills up with."""
    check_pixels("gemma4", 3, (3, 16, 147), [0.619608, 0.34902, 0.392157, 0.431373], 3532.428, 1936.236)
    check_pixels("gemma4", 5, (5, 16, 147), [0.619608, 0.643137, 0.290196, 0.521569], 5884.8, 3226.201)


@KINDS
@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_a_cut_at_a_layer_closes_edges_to_the_keys_that_it_uses(attention: Any, layer: int) -> None:
    """The last two layers have no keys of their own: a cut there leaves the layer that lent them alone."""
    model = tiny_model("gemma4", attention=attention)
    shared = [has_keys_of_others(one) for one in model.family.attentions(model.hf).values()]
    assert shared == [False, False, True, True]
    prompt = tiny_prompt(model)
    source, target = prompt.layout["question"], prompt.layout["last"]
    found = last_logits(model, prompt, Knockout.of("question -> last", (layer + 1, layer + 1)))
    wanted = eager_by_hand(model, prompt, torch.from_numpy(target), torch.from_numpy(source), layer)
    assert torch.allclose(found, wanted, atol=1e-5)
    moved = (found - last_logits(model, prompt)).abs().max()
    assert float(moved) > 1e-4 or layer in (0, 2), "behind the window"


@KINDS
def test_nothing_passes_a_cut_in_all_layers(attention: Any) -> None:
    model = tiny_model("gemma4", attention=attention)
    prompt = tiny_prompt(model)
    other = model.encode(prompt.sample or "", clip=tiny_clip(seed=5))
    closed = Knockout.of("video -> text", (1, 4))
    behind = slice(int(prompt.layout["video"][-1]) + 1, None)
    left = logits(model, prompt, closed)[behind] - logits(model, other, closed)[behind]
    assert float(left.abs().max()) == 0
    without = logits(model, prompt)[behind] - logits(model, other)[behind]
    assert float(without.abs().max()) > 1e-2


def test_the_reference_engine_runs_it_and_says_so() -> None:
    model = tiny_model("gemma4")
    prompt, cuts = tiny_prompt(model), [Knockout.of("video -> last", (1, 4))]
    with pytest.warns(Slower, match="Gemma4TextDecoderLayer takes"):
        found = get_engine("incremental").outcomes(model, prompt, cuts)
    expected = get_engine("reference").outcomes(model, prompt, cuts)
    assert found.changed[0].p == expected.changed[0].p


def test_rows_of_a_frame_see_one_another_within_the_window_alone() -> None:
    model = tiny_model("gemma4")
    prompt = tiny_prompt(model)
    own = get_engine("reference").outcomes(model, prompt, []).own_masks
    assert own is not None
    sliding, full = own[0], own[1]
    assert full is None, "causal"
    assert sliding is not None
    first, second = prompt.layout["frame[0]"], prompt.layout["frame[1]"]
    assert sliding[np.ix_(first, first)].all()
    assert not sliding[np.ix_(first, second)].any()
    window = model.config.get_text_config().sliding_window
    assert not sliding[first[0] + window, first[0]]
    assert sliding[first[0] + window - 1, first[0]]


@pytest.mark.parametrize("cut", ["question -> last in layers 1..4", "video -> last in layer 3"])
def test_answers_are_written_under_a_cut(cut: str) -> None:
    """The first word is the reference engine's; transformers drops rows before the layers without keys."""
    model = tiny_model("gemma4")
    prompt, knockout = tiny_prompt(model), Knockout.parse(cut)
    first = generate(model, prompt, knockout, max_new_tokens=1).token_ids[0]
    assert first == int(last_logits(model, prompt, knockout).argmax())
    assert generate(model, prompt, max_new_tokens=3) == generate(
        model, prompt, Knockout.of("question -> last", (1, 0)), max_new_tokens=3
    )


def test_rows_cannot_leave_what_later_layers_use() -> None:
    model = tiny_model("gemma4")
    with pytest.raises(ModelError, match=r"Layers 3\.\.4 .* keys and values of earlier layers"):
        with wb.accelerate(model, exit_after=2) as fast:
            fast.last_logits(tiny_prompt(model))


def test_the_lens_reads_what_the_model_says() -> None:
    """Its logits go through a cap behind the unembedding."""
    model = tiny_model("gemma4")
    assert logit_cap(model.config) == 30.0
    prompt = tiny_prompt(model)
    ran = model.run_with_cache(prompt, "blocks.3.hook_resid_post")
    assert ran.logits is not None
    reading = read_residual(model, ran.cache["blocks.3.hook_resid_post"][0, -1:])
    expected = ran.logits[-1].softmax(-1).max()
    assert float(reading.top_p[0, 0]) == pytest.approx(float(expected), rel=1e-5)


def test_values_are_read_behind_their_norm() -> None:
    model = tiny_model("gemma4")
    names = model.hook_names()
    assert "blocks.1.attn.hook_v" in names
    assert "blocks.2.attn.hook_v" not in names
    assert "blocks.2.attn.hook_rot_k" in names
    v = model.run_with_cache(tiny_prompt(model), "blocks.1.attn.hook_v").cache["v", 1]
    assert torch.allclose(v.square().mean(-1), torch.ones(()), atol=1e-3)


def test_times_are_minutes_and_seconds_with_spaces_between() -> None:
    model = tiny_model("gemma4")
    clip = dataclasses.replace(tiny_clip(3), timestamps=np.array([59.9, 60.0, 3661.5]))
    prompt = model.encode(clip, "Where?")
    said = str(model.tokenizer.decode(prompt.input_ids[0, prompt.layout["between"]].tolist()))
    assert said == "00:59  01:00  61:01 "


def test_a_processor_that_cuts_other_patches_is_refused() -> None:
    model = tiny_model("gemma4")
    other = dataclasses.replace(model.pixels, further={**model.pixels.further, "pooling_kernel_size": 3})
    with pytest.raises(ModelError, match=r"\(7, 3\), and its vision tower takes \(7, 2\)"):
        tiny_prompt(model, pixels=other)


@pytest.mark.parametrize(
    ("height", "width", "grid"), [(36, 48, (2, 2)), (20, 300, (1, 6)), (700, 20, (6, 1)), (1000, 20, (6, 1))]
)
def test_a_frame_has_as_many_cells_as_are_allowed(height: int, width: int, grid: tuple[int, int]) -> None:
    """As `get_aspect_ratio_preserving_size` of transformers 5.23 has it for 6 cells of 14 pixels."""
    model = tiny_model("gemma4")
    clip = dataclasses.replace(tiny_clip(1), frames=np.zeros((1, height, width, 3), dtype=np.uint8))
    assert model.encode(clip, "Where?").layout.grid == grid

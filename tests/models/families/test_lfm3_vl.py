"""LFM3-VL: Qwen3-VL's prompts, layers that convolve, and cuts that nothing gets around."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.models.families.recorded import check_pixels
from tests.tiny import tiny_clip, tiny_family, tiny_model, tiny_prompt
from workbench.engine.reference import logits
from workbench.interventions import Knockout


def test_prompts_and_pixels_are_those_of_qwen3_vl() -> None:
    model, other = tiny_model("lfm3_vl"), tiny_model("qwen3_vl")
    for n_frames in (4, 3):
        prompt, theirs = (tiny_prompt(one, n_frames=n_frames) for one in (model, other))
        assert prompt.text == theirs.text
        assert prompt.input_ids.tolist() == theirs.input_ids.tolist()
        assert prompt.layout.frame_times == theirs.layout.frame_times
    # Recorded for Qwen3-VL, whose video processor transformers gives LFM3-VL.
    check_pixels("lfm3_vl", 3, (48, 294), [0.090196, 0.270588, -0.388235, -0.239216], -5.2, 2013.007)
    check_pixels("lfm3_vl", 5, (24, 294), [0.380392, -0.207843, 0.019608, -0.121569], 5.553, 342.302)


def test_the_video_is_written_as_its_processor_writes_it() -> None:
    prompt = tiny_prompt(tiny_model("lfm3_vl"))
    written = tiny_family("lfm3_vl").expanded(prompt.inputs)
    assert written in "".join(prompt.layout.tokens or ())


def test_layers_are_convolutions_full_and_sliding_attention() -> None:
    model = tiny_model("lfm3_vl")
    assert list(model.family.recurrent_layers(model.hf)) == [0, 1]
    assert list(model.family.attentions(model.hf)) == [2, 3]
    assert model.family.masks_of_its_own(model.config)


def test_nothing_of_the_video_reaches_the_text_that_is_cut_from_it() -> None:
    model = tiny_model("lfm3_vl")
    prompt = tiny_prompt(model)
    other = model.encode(prompt.sample or "", clip=tiny_clip(seed=5))
    rows = torch.arange(int(prompt.layout["video"][-1]) + 1, len(prompt))
    cut = Knockout.of("video -> text", (1, model.n_layers))
    assert torch.equal(logits(model, prompt, cut)[rows], logits(model, other, cut)[rows]), "not a bit"
    assert (logits(model, prompt) - logits(model, other))[rows].abs().max() > 0.1
    only = Knockout.of("video -> text", (3, 4))
    assert (logits(model, prompt, only) - logits(model, other, only))[rows].abs().max() > 0.01


def test_a_cut_convolution_is_the_convolution_on_the_shorter_sequence() -> None:
    model = tiny_model("lfm3_vl")
    prompt = tiny_prompt(model)
    block: Any = next(iter(model.family.decoder_layers(model.hf)))
    seen: dict[str, torch.Tensor] = {}
    handles = [
        block.conv.register_forward_pre_hook(
            lambda module, args, kwargs: seen.update(given=kwargs["hidden_states"]), with_kwargs=True
        ),
        # What is added to the stream lies behind a norm.
        block.post_operator_norm.register_forward_pre_hook(lambda module, args: seen.update(found=args[0])),
    ]
    logits(model, prompt, Knockout.of("frame[1] -> question", (1, 1)))
    for handle in handles:
        handle.remove()
    rows = prompt.layout["question"]
    kept = np.setdiff1d(np.arange(len(prompt)), prompt.layout["frame[1]"])
    with torch.no_grad():
        whole, shorter = block.conv(seen["given"])[0], block.conv(seen["given"][:, kept])[0]
    assert torch.allclose(seen["found"][0, rows], shorter[np.searchsorted(kept, rows)], atol=1e-5)
    assert (seen["found"][0, rows[0]] - whole[rows[0]]).abs().max() > 1e-3  # within the kernel of 7
    assert torch.equal(seen["found"][0, : rows[0]], whole[: rows[0]])


def test_points_of_the_stream_are_what_their_names_say() -> None:
    model = tiny_model("lfm3_vl")
    names = ("hook_resid_pre", "hook_attn_out", "hook_resid_mid", "hook_mlp_out", "hook_resid_post")
    cache = model.run_with_cache(tiny_prompt(model), [f"blocks.*.{name}" for name in names]).cache
    for layer in range(model.n_layers):
        pre, attn, mid, mlp, post = (cache[f"blocks.{layer}.{name}"] for name in names)
        assert torch.allclose(pre + attn, mid, atol=1e-5)
        assert torch.allclose(mid + mlp, post, atol=1e-5)
    assert "blocks.2.attn.hook_z" in model.hook_names()
    assert "blocks.2.mlp.hook_post" in model.hook_names()
    assert "blocks.2.attn.hook_result" not in model.hook_names()  # behind a gate

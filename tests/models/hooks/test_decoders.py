"""Decoders that the three families do not have yet: what they show is offered, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Phi3Config, Qwen3Config

from tests.models.hooks.cases import HEAD_DIM, HEADS, KINDS, LAYERS, case, plain_logits
from workbench.errors import HookError
from workbench.models.hooks import hook_names, hook_points, run_with_cache, run_with_hooks

BOTH = pytest.mark.parametrize("kind", KINDS)


@BOTH
def test_head_norms_come_before_the_hook(kind: Any) -> None:
    """Qwen3 normalises q and k by head: hook_q and hook_k are what comes after."""
    of = case("llava_onevision", kind, decoder=Qwen3Config, head_dim=HEAD_DIM)
    cache = run_with_cache(of.model, of.prompt, lambda name: True).cache
    assert cache["q", 1].shape == (1, of.prompt.layout.length, HEADS, HEAD_DIM)
    block = of.model.hf.get_decoder().layers[1]
    attention = block.self_attn
    normed = block.input_layernorm(cache["resid_pre", 1])
    for name, projection, norm in (
        ("q", attention.q_proj, attention.q_norm),
        ("k", attention.k_proj, attention.k_norm),
    ):
        raw = projection(normed).unflatten(-1, (-1, HEAD_DIM))
        assert torch.allclose(cache[name, 1], norm(raw), atol=1e-5)
        assert not torch.allclose(cache[name, 1], raw, atol=1e-2)
    assert torch.equal(run_with_hooks(of.model, of.prompt, []), plain_logits(of))
    for name in hook_points(of.model):
        factor = 0.5 if name.endswith("hook_scale") else 0.0
        edited = run_with_hooks(
            of.model, of.prompt, [(name, lambda value, hook, factor=factor: value * factor)]
        )
        assert not edited.isnan().any(), name
        assert (edited - plain_logits(of)).abs().max() > 1e-2, name


@BOTH
def test_joint_projections_are_not_split_in_secret(kind: Any) -> None:
    """Phi-3 has one projection for q, k and v, and one for both halves of its MLP."""
    of = case("llava_onevision", kind, decoder=Phi3Config)
    missing = {"attn.hook_q", "attn.hook_k", "attn.hook_v", "mlp.hook_pre", "mlp.hook_pre_linear"}
    names = set(hook_names(of.model))
    full = set(hook_names(case("llava_onevision", kind).model))
    assert full - names == {f"blocks.{layer}.{name}" for layer in range(LAYERS) for name in missing}
    with pytest.raises(HookError, match=r"no 'blocks\.0\.attn\.hook_q': its modules do not show that step"):
        run_with_hooks(of.model, of.prompt, [("blocks.0.attn.hook_q", lambda value, hook: value)])
    # the rotated ones, scores, patterns and z are there all the same
    logits, cache = run_with_cache(of.model, of.prompt, "blocks.*")
    assert logits is not None
    assert torch.allclose(logits, plain_logits(of), atol=1e-5)
    assert torch.equal(cache["resid_pre", 1] + cache["attn_out", 1], cache["resid_mid", 1])
    edited = run_with_hooks(
        of.model, of.prompt, [("blocks.1.attn.hook_pattern", lambda value, hook: value * 0)]
    )
    assert not torch.allclose(edited, plain_logits(of), atol=1e-2)

"""Gradients at hook points: equal to torch on the plain model, and to what small edits do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.hooks.cases import (
    DECODER_NAMES,
    KINDS,
    LAYERS,
    Case,
    FamilyName,
    case,
    plain_logits,
)
from tests.models.hooks.test_running import close, everything
from tests.tiny import tiny_family
from workbench.errors import HookError
from workbench.models.hooks import hook_names, run_with_cache, run_with_hooks

ALL = pytest.mark.parametrize("family", DECODER_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)
GROUPED = pytest.mark.parametrize("kv_heads", [2, 4])


def plain_gradients(of: Case) -> dict[str, Tensor]:
    """Gradients of one logit in the untouched Hugging Face model under eager attention, by torch alone."""
    of.plain.get_decoder().set_attn_implementation("eager")
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(module: Any, args: Any, output: Any = None) -> None:
            value = args[0] if output is None else output
            value.retain_grad()
            kept[name] = value

        return hook

    handles = []
    for layer, block in enumerate(of.plain.get_decoder().layers):
        handles.append(block.register_forward_hook(keep(f"blocks.{layer}.hook_resid_post")))
        handles.append(block.self_attn.o_proj.register_forward_pre_hook(keep(f"blocks.{layer}.attn.hook_z")))
        handles.append(block.self_attn.o_proj.register_forward_hook(keep(f"blocks.{layer}.hook_attn_out")))
        keys = getattr(block.self_attn, "k_norm", block.self_attn.k_proj)
        handles.append(keys.register_forward_hook(keep(f"blocks.{layer}.attn.hook_k")))
        handles.append(block.mlp.down_proj.register_forward_pre_hook(keep(f"blocks.{layer}.mlp.hook_post")))
        handles.append(
            block.post_attention_layernorm.register_forward_pre_hook(keep(f"blocks.{layer}.hook_resid_mid"))
        )
    out = of.plain(**of.prompt.inputs, use_cache=False, output_attentions=True)
    for layer, pattern in enumerate(out.attentions):
        pattern.retain_grad()
        kept[f"blocks.{layer}.attn.hook_pattern"] = pattern
    out.logits[0, -1, 11].backward()
    for handle in handles:
        handle.remove()
    gradients = {}
    for name, value in kept.items():
        assert value.grad is not None
        gradients[name] = value.grad
    return gradients


@ALL
@BOTH
@GROUPED
def test_gradients_equal_torch_on_the_plain_model(family: FamilyName, kind: Any, kv_heads: int) -> None:
    of = case(family, kind, kv_heads=kv_heads)
    logits, cache = run_with_cache(
        of.model, of.prompt, lambda name: True, gradients_of=lambda logits: logits[-1, 11]
    )
    assert logits is not None
    assert not logits.requires_grad
    assert close(logits, plain_logits(of))
    assert tuple(cache.grad) == tuple(cache)
    plain = plain_gradients(of)
    assert len(plain) == 7 * LAYERS
    for name, expected in plain.items():
        found = cache.grad[name]
        assert found.shape == cache[name].shape
        assert close(found.reshape(expected.shape), expected, 1e-4), name
    assert all(weight.grad is None for weight in of.model.hf.parameters())
    assert all(weight.requires_grad for weight in of.model.hf.parameters())


@ALL
@BOTH
def test_gradients_of_few_points_equal_those_of_all(family: FamilyName, kind: Any) -> None:
    """The graph begins at the first point asked for, and that must not matter."""
    of = case(family, kind)

    def scalar(logits: Tensor) -> Tensor:
        return logits[-1, 3] - logits[-2, 5]

    cache = everything(of, gradients_of=scalar)
    for name in [name for name in cache if not name.startswith(("blocks.0", "blocks.2"))]:
        alone = run_with_cache(of.model, of.prompt, name, gradients_of=scalar).cache.grad[name]
        assert close(alone, cache.grad[name], 1e-4), name


@ALL
@BOTH
def test_gradients_predict_what_edits_do(family: FamilyName, kind: Any) -> None:
    """At every point: a small edit changes the logits by gradient times edit."""
    of = case(family, kind)

    def scalar(logits: Tensor) -> Tensor:
        return logits[-1, 3] - logits[-3, 5]

    torch.manual_seed(1)
    names = [name for name in hook_names(of.model) if not name.startswith(("blocks.0", "blocks.2"))]
    cache = run_with_cache(of.model, of.prompt, names, gradients_of=scalar).cache
    for name in names:
        gradient = cache.grad[name]
        if tiny_family(family).blocks_used == 1 and name.startswith("vision.1"):
            assert torch.all(gradient == 0)  # the projector takes the layer before
            continue
        usable = torch.isfinite(cache[name])
        step = 0.02 * gradient / gradient.norm() * cache[name][usable].abs().mean()
        step = step * usable
        ends = []
        for sign in (1, -1):
            edited = run_with_hooks(
                of.model, of.prompt, [(name, lambda value, hook, step=step, sign=sign: value + sign * step)]
            )
            ends.append(scalar(edited))
        predicted = (gradient * step).sum()
        assert predicted > 1e-5, name
        assert torch.isclose((ends[0] - ends[1]) / 2, predicted, rtol=0.05, atol=2e-5), name


def test_gradients_are_sliced_and_zero_where_nothing_depends() -> None:
    of = case("llava_next_video", "sdpa")
    _, cache = run_with_cache(
        of.model,
        of.prompt,
        ["blocks.1.hook_resid_post", "blocks.1.attn.hook_pattern", "vision.1.hook_resid_post"],
        gradients_of=lambda logits: logits[5].sum(),
    )
    assert torch.all(cache.grad["resid_post", 1][:, 6:] == 0)
    assert torch.any(cache.grad["resid_post", 1][:, 5] != 0)
    assert torch.all(cache.grad["vision.1.hook_resid_post"] == 0)
    _, sliced = run_with_cache(
        of.model,
        of.prompt,
        "blocks.1.attn.hook_pattern",
        pos_slice=[5, 4],
        gradients_of=lambda logits: logits[5].sum(),
    )
    assert close(sliced.grad["pattern", 1], cache.grad["pattern", 1][:, :, [5, 4]])


@pytest.mark.parametrize(
    "scalar",
    [
        lambda logits: logits[-1],
        lambda logits: 3.0,
        lambda logits: logits.detach().sum(),
        lambda logits: None,
    ],
)
def test_gradients_of_something_else_are_refused(scalar: Any) -> None:
    of = case("llava_next_video", "sdpa")
    with pytest.raises(HookError, match="one number"):
        run_with_cache(of.model, of.prompt, "hook_embed", gradients_of=scalar)
    assert all(weight.requires_grad for weight in of.model.hf.parameters())

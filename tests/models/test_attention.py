"""Attention that can be looked into: equal to transformers' own, whatever mask comes and whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from tests.models.hooks.cases import DECODER_NAMES, HEADS, KINDS, LAYERS, Case, FamilyName, case, plain_logits
from tests.tiny import pixel_input
from workbench.errors import KnockoutError, ModelError
from workbench.models import attention
from workbench.models.hooks import hook_points, materialise, run_with_cache, run_with_hooks

TOLERANCE = 1e-5
ALL = pytest.mark.parametrize("family", DECODER_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)


@contextmanager
def handed_in(root: Any, masks: dict[int, Tensor]) -> Iterator[None]:
    """Masks given to layers from outside, as an engine does."""

    def handing(mask: Tensor) -> Any:
        return lambda module, args, kwargs: (args, {**kwargs, "attention_mask": mask})

    layers = root.get_decoder().layers
    handles = [
        layers[layer].self_attn.register_forward_pre_hook(handing(mask), with_kwargs=True)
        for layer, mask in masks.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def causal(rows: int) -> Tensor:
    return torch.ones(rows, rows, dtype=torch.bool).tril()


def additive(keep: Tensor, closed: float = torch.finfo(torch.float32).min) -> Tensor:
    return torch.zeros(keep.shape).masked_fill(~keep, closed)


def logits_of(of: Case) -> Tensor:
    return run_with_hooks(of.model, of.prompt, [])


def pattern_of(of: Case, layer: int) -> Tensor:
    name = f"blocks.{layer}.attn.hook_pattern"
    return run_with_cache(of.model, of.prompt, name).cache[name]


def cut(of: Case, *, per_head: bool = False) -> Tensor:
    """A keep-mask (1, 1 or H, n, n) that closes question -> video, in heads 1 and 3 where asked."""
    layout = of.prompt.layout
    edges = np.zeros((layout.length, layout.length), dtype=bool)
    edges[np.ix_(layout["question"], layout["video"])] = True
    closed = torch.from_numpy(edges)
    keep = (causal(layout.length) & ~closed)[None, None]
    if not per_head:
        return keep
    keep = causal(layout.length)[None, None].repeat(1, HEADS, 1, 1)
    keep[:, [1, 3]] &= ~closed
    return keep


@ALL
@BOTH
@pytest.mark.parametrize("kv_heads", [2, 4])
def test_nothing_changes_when_nobody_asks(family: FamilyName, kind: Any, kv_heads: int) -> None:
    of = case(family, kind, kv_heads=kv_heads)
    assert torch.equal(logits_of(of), plain_logits(of))


@ALL
@BOTH
def test_looking_changes_nothing(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    looked = run_with_cache(of.model, of.prompt, "blocks.*.attn.hook_*").logits
    assert looked is not None
    if kind == "eager":
        assert torch.equal(looked, plain_logits(of))
    else:
        assert torch.allclose(looked, plain_logits(of), atol=TOLERANCE, rtol=0)
        # and step by step it is transformers' eager attention to the last bit
        of.plain.get_decoder().set_attn_implementation("eager")
        assert torch.equal(looked, plain_logits(of))


@ALL
def test_vision_tower_keeps_its_attention(family: FamilyName) -> None:
    of = case(family, "eager")
    assert of.model.hf.config.vision_config._attn_implementation == "sdpa"
    assert of.model.hf.config.text_config._attn_implementation == "workbench_eager"


@ALL
@pytest.mark.parametrize("asked", [(), (1,), (0, 2)])
def test_only_asked_layers_leave_the_fused_kernel(
    family: FamilyName, asked: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = case(family, "sdpa")
    hook_points(of.model)  # runs a few tokens once a model, to see what its layers add
    fused: list[int] = []
    real = attention.sdpa_attention_forward

    def counted(module: Any, *args: Any, **options: Any) -> Any:
        fused.append(module.layer_idx)
        return real(module, *args, **options)

    monkeypatch.setattr(attention, "sdpa_attention_forward", counted)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in asked]
    run_with_cache(of.model, of.prompt, [*names, "blocks.*.hook_resid_post", "blocks.*.attn.hook_z"])
    assert fused == [layer for layer in range(LAYERS) if layer not in asked]
    fused.clear()
    logits_of(of)
    assert fused == list(range(LAYERS))  # the flags were taken back


@ALL
def test_flags_nest_and_survive_errors(family: FamilyName) -> None:
    of = case(family, "sdpa")
    module = of.model.hf.get_decoder().layers[1].self_attn

    def fail(activation: Tensor, hook: Any) -> None:
        raise RuntimeError("planted")

    with materialise(of.model, "blocks.1.attn.hook_pattern"):
        with pytest.raises(RuntimeError, match="planted"):
            run_with_hooks(of.model, of.prompt, [("blocks.1.attn.hook_pattern", fail)])
        assert module.workbench_materialised == 1
    assert module.workbench_materialised == 0
    assert not module._forward_hooks
    assert not module.hook_pattern._forward_hooks


@ALL
@BOTH
@pytest.mark.parametrize("per_head", [False, True])
@pytest.mark.parametrize("form", ["bool", "float", "inf"])
def test_masks_from_outside(family: FamilyName, kind: Any, per_head: bool, form: str) -> None:
    of = case(family, kind)
    keep = cut(of, per_head=per_head)
    mask = {"bool": keep, "float": additive(keep), "inf": additive(keep, -torch.inf)}[form]
    # Each in the form that transformers' own attention understands.
    theirs = keep if kind == "sdpa" else additive(keep)
    masks = {0: mask, 2: mask}
    with handed_in(of.plain, {0: theirs, 2: theirs}):
        expected = plain_logits(of)
    assert not torch.allclose(expected, plain_logits(of), atol=1e-2)  # the cut matters
    with handed_in(of.model.hf, masks):
        fused = logits_of(of)
        looked = run_with_cache(of.model, of.prompt, ["blocks.0.attn.hook_pattern", "blocks.2.*"])
    assert torch.allclose(fused, expected, atol=TOLERANCE, rtol=0)
    assert looked.logits is not None
    assert torch.allclose(looked.logits, expected, atol=TOLERANCE, rtol=0)
    pattern = looked.cache["pattern", 0]
    closed = ~keep.expand_as(pattern)
    assert torch.all(pattern[closed] == 0)
    assert torch.all(pattern[~closed] > 0)
    assert torch.allclose(pattern.sum(-1), torch.ones(pattern.shape[:-1]), atol=1e-6)


@BOTH
def test_additive_masks_may_carry_a_bias(kind: Any) -> None:
    of = case("llava_next_video", kind)
    keep = cut(of)
    bias = torch.randn(1, HEADS, of.prompt.layout.length, of.prompt.layout.length)
    mask = bias.masked_fill(~keep, torch.finfo(torch.float32).min)
    with handed_in(of.plain, {1: mask}):
        expected = plain_logits(of)
    with handed_in(of.model.hf, {1: mask}):
        assert torch.allclose(logits_of(of), expected, atol=TOLERANCE, rtol=0)
        assert torch.all(pattern_of(of, 1)[~keep.expand(1, HEADS, -1, -1)] == 0)


@ALL
@BOTH
@pytest.mark.parametrize("form", ["bool", "float", "inf"])
def test_a_row_without_edges_attends_to_nothing(family: FamilyName, kind: Any, form: str) -> None:
    of = case(family, kind)
    keep = causal(of.prompt.layout.length)[None, None].clone()
    row = int(of.prompt.layout["question"][1])
    keep[..., row, :] = False
    mask = {"bool": keep, "float": additive(keep), "inf": additive(keep, -torch.inf)}[form]
    with handed_in(of.model.hf, {1: mask}):
        for names in ("blocks.1.attn.hook_z", ["blocks.1.attn.hook_z", "blocks.1.attn.hook_pattern"]):
            logits, cache = run_with_cache(of.model, of.prompt, names)
            assert logits is not None
            assert not logits.isnan().any()
            assert torch.all(cache["z", 1][:, row] == 0)
            assert torch.all(cache["z", 1][:, row + 1].abs() > 0)
            if "blocks.1.attn.hook_pattern" in cache:
                assert torch.all(cache["pattern", 1][..., row, :] == 0)
        gradients = run_with_cache(
            of.model,
            of.prompt,
            ["blocks.0.hook_resid_pre", "blocks.1.attn.hook_attn_scores"],
            gradients_of=lambda logits: logits.square().sum(),
        ).cache.grad
    assert not any(gradient.isnan().any() for gradient in gradients.values())
    with handed_in(of.model.hf, {1: mask}):
        fused = run_with_cache(
            of.model, of.prompt, "hook_embed", gradients_of=lambda logits: logits.square().sum()
        ).cache.grad["embed"]
    assert torch.allclose(fused, gradients["resid_pre", 0], atol=1e-3, rtol=1e-3)


@ALL
@BOTH
def test_padding_masks_of_the_model_itself(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    padding = torch.ones_like(of.prompt.inputs["input_ids"])
    padding[0, :2] = 0
    of.prompt.inputs["attention_mask"] = padding
    logits, cache = run_with_cache(of.model, of.prompt, "blocks.1.attn.hook_pattern")
    expected = plain_logits(of)
    assert logits is not None
    assert torch.allclose(logits[2:], expected[2:], atol=TOLERANCE, rtol=0)
    pattern = cache["pattern", 1]
    assert torch.all(pattern[..., :2] == 0)
    assert not pattern.isnan().any()


@pytest.mark.parametrize("family", ["llava_onevision", "qwen2_5_vl"])
@BOTH
def test_sliding_windows_are_kept(family: FamilyName, kind: Any) -> None:
    window = 5
    of = case(
        family,
        kind,
        use_sliding_window=True,
        sliding_window=window,
        max_window_layers=1,
        layer_types=["full_attention", "sliding_attention", "sliding_attention"],
    )
    logits, cache = run_with_cache(of.model, of.prompt, "blocks.*.attn.hook_pattern")
    assert logits is not None
    assert torch.allclose(logits, plain_logits(of), atol=TOLERANCE, rtol=0)
    rows = torch.arange(of.prompt.layout.length)
    distant = rows[:, None] - rows[None, :] >= window
    assert torch.all(cache["pattern", 2][..., distant] == 0)
    assert torch.all(cache["pattern", 0][..., distant] > 0)
    near = causal(len(rows)) & ~distant
    assert torch.all(cache["pattern", 2][..., near] > 0)


@ALL
def test_bfloat16_equals_transformers_eager(family: FamilyName) -> None:
    of = case(family, "sdpa")
    of.model.hf.to(torch.bfloat16)
    of.plain.to(torch.bfloat16)
    of.plain.get_decoder().set_attn_implementation("eager")
    name = pixel_input(of.prompt)
    of.prompt.inputs[name] = of.prompt.inputs[name].to(torch.bfloat16)
    logits, cache = run_with_cache(of.model, of.prompt, "blocks.*.attn.hook_pattern")
    assert logits is not None
    assert cache["pattern", 0].dtype == torch.bfloat16
    assert torch.equal(logits, plain_logits(of))
    # an additive mask in float32, whose smallest number bfloat16 does not have
    with handed_in(of.model.hf, {0: additive(cut(of)), 1: additive(cut(of))}):
        assert not logits_of(of).isnan().any()
        assert torch.all(pattern_of(of, 0)[~cut(of).expand(1, HEADS, -1, -1)] == 0)


@BOTH
@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(1, 1, 5, 5, dtype=torch.bool), r"shape \(1, 1, 5, 5\)"),
        (torch.ones(56, 56, dtype=torch.bool), r"shape \(56, 56\)"),
        (torch.ones(1, 3, 56, 56, dtype=torch.bool), r"1 or 4"),
        (torch.ones(1, 1, 56, 56, dtype=torch.long), "int64"),
        ("causal", "str"),
    ],
)
@pytest.mark.parametrize("looked", [False, True])
def test_masks_of_another_form_are_refused(kind: Any, mask: Any, message: str, looked: bool) -> None:
    of = case("llava_next_video", kind)
    names = "blocks.1.attn.hook_pattern" if looked else "blocks.1.attn.hook_z"
    with handed_in(of.model.hf, {1: mask}), pytest.raises(KnockoutError, match=message):
        run_with_cache(of.model, of.prompt, names)


def test_attention_equals_plain_torch() -> None:
    """Against torch's own attention, by hand: grouped heads, a mask by head, no fused kernel of ours."""
    of = case("llava_next_video", "sdpa")
    keep = cut(of, per_head=True)
    names = [
        f"blocks.1.attn.hook_{point}" for point in ("rot_q", "rot_k", "v", "z", "attn_scores", "pattern")
    ]
    with handed_in(of.model.hf, {1: keep}):
        cache = run_with_cache(of.model, of.prompt, names).cache
    query, key, value = (cache[name, 1].transpose(1, 2) for name in ("rot_q", "rot_k", "v"))
    key, value = (tensor.repeat_interleave(2, 1) for tensor in (key, value))
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=keep).transpose(1, 2)
    assert torch.allclose(cache["z", 1], expected, atol=TOLERANCE)
    scores = (query @ key.transpose(2, 3) / 4).masked_fill(~keep, -torch.inf)
    assert torch.allclose(cache["attn_scores", 1], scores, atol=TOLERANCE)
    assert torch.allclose(cache["pattern", 1], scores.softmax(-1), atol=TOLERANCE)


@ALL
def test_installing_again_changes_the_kind(family: FamilyName) -> None:
    of = case(family, "sdpa")
    taps = of.model.hf.get_decoder().layers[0].self_attn.hook_pattern
    attention.install(of.model.hf, "eager")
    assert attention.kind_of(of.model.hf.get_decoder().layers[0].self_attn) == "eager"
    assert of.model.hf.get_decoder().layers[0].self_attn.hook_pattern is taps
    of.plain.get_decoder().set_attn_implementation("eager")
    assert torch.equal(logits_of(of), plain_logits(of))
    assert attention.kind_of(of.plain.get_decoder().layers[0].self_attn) is None
    assert set(of.model.hf.state_dict()) == set(of.plain.state_dict())  # checkpoints stay as they are


def test_unknown_kinds_and_other_attention_are_refused() -> None:
    of = case("llava_next_video", "sdpa")
    with pytest.raises(ModelError, match="'flash_attention_2' is not offered: use 'sdpa' or 'eager'"):
        attention.install(of.model.hf, "flash_attention_2")  # type: ignore[arg-type]
    gpt2 = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=10, n_positions=8))
    with pytest.raises(ModelError, match="self_attn"):
        attention.install(gpt2)


def test_arguments_that_steps_would_leave_out_are_refused() -> None:
    of = case("llava_next_video", "eager")
    layer = of.model.hf.get_decoder().layers[0].self_attn
    handle = layer.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {**kwargs, "softcap": 30.0}), with_kwargs=True
    )
    with pytest.raises(ModelError, match="softcap"):
        logits_of(of)
    handle.remove()


@ALL
@BOTH
def test_generation_is_unchanged(family: FamilyName, kind: Any) -> None:
    """With a key/value cache and one query a step, looked at or not."""
    of = case(family, kind)
    options = {"max_new_tokens": 4, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    expected = of.plain.generate(**of.prompt.inputs, **options)
    assert expected.shape[1] == of.prompt.layout.length + 4
    assert torch.equal(of.model.hf.generate(**of.prompt.inputs, **options), expected)
    seen: list[tuple[int, ...]] = []
    tap = of.model.hf.get_decoder().layers[1].self_attn.hook_pattern
    handle = tap.register_forward_hook(lambda module, args, output: seen.append(tuple(output.shape)))
    with materialise(of.model, "blocks.1.attn.hook_pattern"):
        assert torch.equal(of.model.hf.generate(**of.prompt.inputs, **options), expected)
    handle.remove()
    n = of.prompt.layout.length
    assert seen == [(1, HEADS, n, n), *((1, HEADS, 1, n + step) for step in (1, 2, 3))]

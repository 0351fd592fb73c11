"""What run_with_cache keeps: the identities between hook points, slices, early stops, gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.hooks.cases import (
    FAMILY_NAMES,
    HEAD_DIM,
    HEADS,
    HIDDEN,
    KINDS,
    LAYERS,
    VISION_BLOCKS,
    Case,
    FamilyName,
    case,
    plain_logits,
)
from tests.tiny import N_FRAMES, tiny_family
from workbench.models.hooks import ActivationCache, hook_names, run_with_cache

ALL = pytest.mark.parametrize("family", FAMILY_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)
GROUPED = pytest.mark.parametrize("kv_heads", [2, 4])
MLP = 96


def everything(of: Case, **options: Any) -> ActivationCache:
    return run_with_cache(of.model, of.prompt, lambda name: True, **options).cache


def close(left: Tensor, right: Tensor, tolerance: float = 1e-5) -> bool:
    return torch.allclose(left, right, atol=tolerance, rtol=1e-5)


@ALL
@BOTH
@GROUPED
def test_shapes_are_those_of_the_table(family: FamilyName, kind: Any, kv_heads: int) -> None:
    of = case(family, kind, kv_heads=kv_heads)
    cache = everything(of)
    assert set(cache) == set(hook_names(of.model))
    one = [[name for name in names if "deepstack" not in name] for names in (cache, hook_names(of.model))]
    assert one[0] == one[1], "forward order; DeepStack's projectors run between the tower's blocks"
    s = of.prompt.layout.length
    shapes = {
        "hook_resid_pre": (1, s, HIDDEN),
        "hook_resid_mid": (1, s, HIDDEN),
        "hook_resid_post": (1, s, HIDDEN),
        "hook_attn_out": (1, s, HIDDEN),
        "hook_mlp_out": (1, s, HIDDEN),
        "hook_mlp_in": (1, s, HIDDEN),
        "attn.hook_q": (1, s, HEADS, HEAD_DIM),
        "attn.hook_k": (1, s, kv_heads, HEAD_DIM),
        "attn.hook_v": (1, s, kv_heads, HEAD_DIM),
        "attn.hook_rot_q": (1, s, HEADS, HEAD_DIM),
        "attn.hook_rot_k": (1, s, kv_heads, HEAD_DIM),
        "attn.hook_attn_scores": (1, HEADS, s, s),
        "attn.hook_pattern": (1, HEADS, s, s),
        "attn.hook_z": (1, s, HEADS, HEAD_DIM),
        "attn.hook_result": (1, s, HEADS, HIDDEN),
        "ln1.hook_scale": (1, s, 1),
        "ln1.hook_normalized": (1, s, HIDDEN),
        "ln2.hook_scale": (1, s, 1),
        "ln2.hook_normalized": (1, s, HIDDEN),
        "mlp.hook_pre": (1, s, MLP),
        "mlp.hook_pre_linear": (1, s, MLP),
        "mlp.hook_post": (1, s, MLP),
    }
    for layer in range(LAYERS):
        found = {name: value for name, value in cache.items() if name.startswith(f"blocks.{layer}.")}
        assert {name.split(".", 2)[2]: tuple(value.shape) for name, value in found.items()} == shapes
    assert cache["hook_embed"].shape == (1, s, HIDDEN)
    assert cache["scale"].shape == (1, s, 1)
    assert cache["normalized"].shape == (1, s, HIDDEN)
    said = tiny_family(family)
    units, patches, cells = N_FRAMES // said.group, said.patches, said.cells
    for block in range(VISION_BLOCKS):
        assert cache[f"vision.{block}.hook_resid_pre"].shape == (units, patches, 32)
        assert cache[f"vision.{block}.hook_resid_post"].shape == (units, patches, 32)
    assert cache["projector.hook_out"].shape == (units, cells, HIDDEN)
    assert not any(value.requires_grad for value in cache.values())


@ALL
@BOTH
@GROUPED
def test_identities_of_the_residual_stream(family: FamilyName, kind: Any, kv_heads: int) -> None:
    of = case(family, kind, kv_heads=kv_heads)
    cache = everything(of)
    blocks = of.model.hf.get_decoder().layers
    assert torch.equal(cache["embed"], cache["resid_pre", 0])
    for layer in range(LAYERS):
        if layer:
            below = cache["resid_post", layer - 1].clone()
            if layer - 1 < len(of.model.family.deepstack(of.model.hf)):
                visual = cache[f"deepstack.{layer - 1}.hook_out"].flatten(0, 1)
                below[0, of.prompt.layout["frame[:]"]] += visual
            assert torch.equal(below, cache["resid_pre", layer])
        assert torch.equal(cache["resid_pre", layer] + cache["attn_out", layer], cache["resid_mid", layer])
        assert torch.equal(cache["resid_mid", layer], cache["mlp_in", layer])
        assert torch.equal(cache["resid_mid", layer] + cache["mlp_out", layer], cache["resid_post", layer])
        result = cache["result", layer]
        assert close(result.sum(2), cache["attn_out", layer])
        weight = blocks[layer].self_attn.o_proj.weight.T.reshape(HEADS, HEAD_DIM, HIDDEN)
        by_head = torch.einsum("bshe,hed->bshd", cache["z", layer], weight)
        assert close(by_head, result)
        assert close(cache["resid_pre", layer] + by_head.sum(2), cache["resid_mid", layer])
        assert close(
            torch.nn.functional.silu(cache["pre", layer]) * cache["pre_linear", layer], cache["post", layer]
        )
        assert close(blocks[layer].mlp.down_proj(cache["post", layer]), cache["mlp_out", layer])


@ALL
@BOTH
def test_identities_of_attention(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    cache = everything(of)
    s = of.prompt.layout.length
    above = torch.ones(s, s, dtype=torch.bool).triu(1)
    for layer in range(LAYERS):
        attention = of.model.hf.get_decoder().layers[layer].self_attn
        pattern, scores = cache["pattern", layer], cache["attn_scores", layer]
        assert torch.all(pattern[..., above] == 0)
        assert torch.all(scores[..., above] == -torch.inf)
        assert torch.all(pattern[..., ~above] > 0)
        assert close(pattern.sum(-1), torch.ones(1, HEADS, s))
        assert close(scores.softmax(-1), pattern)
        values = cache["v", layer].repeat_interleave(HEADS // of.kv_heads, 2)
        assert close(torch.einsum("bhqk,bkhe->bqhe", pattern, values), cache["z", layer])
        keys = cache["rot_k", layer].repeat_interleave(HEADS // of.kv_heads, 2)
        dots = torch.einsum("bqhe,bkhe->bhqk", cache["rot_q", layer], keys) * HEAD_DIM**-0.5
        assert close(dots[..., ~above], scores[..., ~above])
        normed = cache[f"blocks.{layer}.ln1.hook_normalized"]
        normed = normed * of.model.hf.get_decoder().layers[layer].input_layernorm.weight
        queries = attention.q_proj(normed).view(1, s, HEADS, HEAD_DIM)
        assert close(getattr(attention, "q_norm", nn.Identity())(queries), cache["q", layer])
        # rotation keeps lengths, and turns every row but the first
        assert close(cache["rot_q", layer].norm(dim=-1), cache["q", layer].norm(dim=-1), 1e-4)
        assert not close(cache["rot_k", layer][:, -1], cache["k", layer][:, -1], 1e-2)
        assert close(cache["rot_k", layer][:, 0], cache["k", layer][:, 0])


@ALL
def test_identities_of_the_norms(family: FamilyName) -> None:
    of = case(family, "sdpa")
    cache = everything(of)
    decoder = of.model.hf.get_decoder()
    for layer, block in enumerate(decoder.layers):
        for norm, module, stream in (
            ("ln1", block.input_layernorm, "resid_pre"),
            ("ln2", block.post_attention_layernorm, "resid_mid"),
        ):
            given = cache[stream, layer]
            normalized = cache["normalized", layer, norm]
            assert torch.equal(normalized * module.weight, module(given))
            assert close(given / cache["scale", layer, norm], normalized)
    final = cache["resid_post", -1]
    assert torch.equal(cache["normalized"] * decoder.norm.weight, decoder.norm(final))
    assert close(final / cache["scale"], cache["normalized"])
    logits = of.model.hf.lm_head(decoder.norm(final))[0]
    assert close(logits, plain_logits(of))


@ALL
def test_projector_is_what_the_video_rows_hold(family: FamilyName) -> None:
    of = case(family, "sdpa")
    cache = everything(of)
    layout = of.prompt.layout
    words = set(layout["between"].tolist())
    frames = [row for unit in range(layout.n_frames) for row in layout[f"frame[{unit}]"].tolist()]
    rows = cache["embed"][0, [row for row in frames if row not in words]]
    cells = cache["projector.hook_out"]
    if (pool := tiny_family(family).pooled) is not None:  # from 4 x 4 to 2 x 2, behind the projector
        cells = pool(of.model.hf, cells)
    assert torch.equal(cells.flatten(0, 1), rows)


def test_patches_of_qwen_are_in_raster_order() -> None:
    """The tower shuffles patches into blocks and windows; hook points show them by frame, row by row."""
    of = case("qwen2_5_vl", "sdpa")
    tower = of.model.hf.model.visual
    units, height, width = of.prompt.inputs["video_grid_thw"][0].tolist()
    with torch.no_grad():
        embedded = tower.patch_embed(of.prompt.inputs["pixel_values_videos"])
    # the processor's order: blocks row by row, and 2 x 2 patches inside each
    blocks = embedded.view(units, height // 2, width // 2, 2, 2, -1)
    raster = blocks.permute(0, 1, 3, 2, 4, 5).reshape(units, height * width, -1)
    cache = everything(of)
    assert torch.equal(cache["vision.0.hook_resid_pre"], raster)
    assert torch.equal(cache["vision.0.hook_resid_post"], cache["vision.1.hook_resid_pre"])

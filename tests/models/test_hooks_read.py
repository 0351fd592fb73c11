"""What run_with_cache keeps: the identities between hook points, slices, early stops, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.models.hook_cases import (
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
from workbench.errors import HookError, SpanError
from workbench.models.activation_cache import ActivationCache
from workbench.models.hook_points import hook_names
from workbench.models.hooks import run_with_cache, run_with_hooks

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
    assert tuple(cache) == hook_names(of.model)  # forward order, none missing
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
    units, patches, cells = {
        "llava_next_video": (4, 17, 4),
        "llava_onevision": (4, 16, 16),
        "qwen2_5_vl": (2, 48, 12),
    }[family]
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
            assert torch.equal(cache["resid_post", layer - 1], cache["resid_pre", layer])
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
        assert close(attention.q_proj(normed).view(1, s, HEADS, HEAD_DIM), cache["q", layer])
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
    rows = cache["embed"][0, of.prompt.layout["video"].tolist()]
    cells = cache["projector.hook_out"]
    if family == "llava_onevision":  # pooled from 4 x 4 to 2 x 2 afterwards, and a newline at the end
        cells = of.model.hf.model.apply_pooling(cells)
        rows = rows[:-1]
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


@ALL
@BOTH
@pytest.mark.parametrize(
    "rows", [0, -1, 7, slice(2, 9, 3), slice(None, None, -2), "question", "video + last", [3, 1, -2]]
)
def test_pos_slice_equals_slicing(family: FamilyName, kind: Any, rows: Any) -> None:
    of = case(family, kind)
    whole, cut = everything(of), everything(of, pos_slice=rows)
    picked = of.prompt.layout[rows] if isinstance(rows, str) else rows
    if isinstance(picked, slice):
        picked = np.arange(of.prompt.layout.length)[picked]
    picked = picked if isinstance(picked, int) else list(picked)
    for name, value in cut.items():
        if name.startswith(("vision", "projector")):
            assert torch.equal(value, whole[name])
        elif name.endswith(("scores", "pattern")):  # queries
            assert torch.equal(value, whole[name][:, :, picked])
        else:
            assert torch.equal(value, whole[name][:, picked])


def test_pos_slice_takes_arrays_and_booleans() -> None:
    of = case("llava_next_video", "sdpa")
    name = "blocks.1.hook_resid_post"
    rows = of.prompt.layout["question"]
    expected = run_with_cache(of.model, of.prompt, name, pos_slice="question").cache[name]
    mask = np.zeros(of.prompt.layout.length, dtype=bool)
    mask[rows] = True
    for given in (rows, rows.tolist(), torch.tensor(rows.tolist()), mask, torch.from_numpy(mask)):
        assert torch.equal(run_with_cache(of.model, of.prompt, name, pos_slice=given).cache[name], expected)
    # rows that are kept do not keep the rest in memory
    kept = run_with_cache(of.model, of.prompt, name, pos_slice=-1).cache[name]
    assert kept.untyped_storage().nbytes() == HIDDEN * 4
    kept = run_with_cache(of.model, of.prompt, name, pos_slice=slice(0, 2)).cache[name]
    assert kept.untyped_storage().nbytes() == 2 * HIDDEN * 4


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (56, HookError, r"0\.\.55"),
        (-57, HookError, r"0\.\.55"),
        ([0, 56], HookError, r"56 \(0\.\.55\)"),
        (slice(5, 5), HookError, "no row"),
        ([], HookError, "no row"),
        ((1, 5), HookError, "two ways"),
        (True, HookError, "two ways"),
        ([0.5], HookError, "float64"),
        (np.zeros((2, 2), dtype=int), HookError, r"\(2, 2\)"),
        ("separator", HookError, "no row"),
        ("questoin", SpanError, "question"),
    ],
)
def test_pos_slices_that_cannot_be_met(rows: Any, error: type[Exception], message: str) -> None:
    of = case("llava_next_video", "sdpa")
    with pytest.raises(error, match=message):
        run_with_cache(of.model, of.prompt, "hook_embed", pos_slice=rows)


@ALL
@BOTH
def test_stop_at_layer_equals_the_full_run(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    whole = everything(of)
    for stop in (*range(LAYERS + 1), -1):
        logits, cache = run_with_cache(of.model, of.prompt, lambda name: True, stop_at_layer=stop)
        assert logits is None
        stop = stop % LAYERS if stop < 0 else stop
        assert tuple(cache) == tuple(
            name
            for name in whole
            if not name.startswith("ln_final")
            and not (name.startswith("blocks.") and int(name.split(".")[1]) >= stop)
        )
        assert all(torch.equal(value, whole[name]) for name, value in cache.items())
    assert torch.equal(run_with_hooks(of.model, of.prompt, []), plain_logits(of))  # nothing was left behind


def test_stopping_saves_the_layers_after() -> None:
    of = case("qwen2_5_vl", "sdpa")
    ran: list[int] = []
    for layer, block in enumerate(of.model.hf.get_decoder().layers):
        block.register_forward_pre_hook(lambda module, args, layer=layer: ran.append(layer))
    run_with_cache(of.model, of.prompt, "hook_embed", stop_at_layer=2)
    assert ran[:2] == [0, 1]
    assert 2 not in ran[2:] or ran[2:] == [
        2
    ]  # the block's own hooks may see the call; its forward is not run


def test_stops_that_cannot_be_met() -> None:
    of = case("llava_next_video", "sdpa")
    for stop in (LAYERS + 1, -LAYERS - 1):
        with pytest.raises(HookError, match=f"from 0 .* to {LAYERS}"):
            run_with_cache(of.model, of.prompt, "hook_embed", stop_at_layer=stop)
    with pytest.raises(HookError, match=r"blocks\.2\.hook_resid_post is not reached"):
        run_with_cache(of.model, of.prompt, ["hook_embed", "blocks.2.hook_resid_post"], stop_at_layer=2)
    with pytest.raises(HookError, match="before every hook point"):
        run_with_cache(of.model, of.prompt, "ln_final.*", stop_at_layer=2)
    with pytest.raises(HookError, match="gradients_of"):
        run_with_cache(of.model, of.prompt, stop_at_layer=1, gradients_of=lambda logits: logits.sum())


def test_logits_of_the_last_row_only() -> None:
    for family in FAMILY_NAMES:
        of = case(family, "sdpa")
        whole = plain_logits(of)
        assert run_with_hooks(of.model, of.prompt, []).shape == (of.prompt.layout.length, of.model.vocab_size)
        last = run_with_hooks(of.model, of.prompt, [], return_logits="last")
        assert last.shape == (of.model.vocab_size,)
        assert close(last, whole[-1])
        kept = run_with_cache(of.model, of.prompt, "hook_embed", return_logits="last").logits
        assert kept is not None
        assert close(kept, last)
    with pytest.raises(HookError, match=r"'all' .* or 'last'"):
        run_with_hooks(of.model, of.prompt, [], return_logits="none")  # type: ignore[arg-type]


def test_a_cache_can_be_kept_elsewhere() -> None:
    of = case("llava_next_video", "sdpa")
    cache = run_with_cache(of.model, of.prompt, "hook_embed", device="meta").cache
    assert cache["embed"].device.type == "meta"


def test_cache_is_indexed_as_in_transformer_lens() -> None:
    of = case("llava_next_video", "sdpa")
    cache = everything(of)
    assert cache["resid_post", 1] is cache["blocks.1.hook_resid_post"]
    assert cache["resid_post", -1] is cache[f"blocks.{LAYERS - 1}.hook_resid_post"]
    assert cache["pattern", 1, "attn"] is cache["pattern1"] is cache["blocks.1.attn.hook_pattern"]
    assert cache["scale", 0, "ln2"] is cache["blocks.0.ln2.hook_scale"]
    assert ("q", 0) in cache
    assert "blocks.9.attn.hook_q" not in cache
    assert 3 not in cache
    assert cache.get("blocks.9.attn.hook_q") is None
    assert cache.get(("q", 0)) is cache["q", 0]
    assert len(cache) == len(hook_names(of.model))
    assert "blocks.0.hook_resid_pre: (1, 56, 64) torch.float32" in repr(cache)
    small = run_with_cache(of.model, of.prompt, "blocks.1.*_post").cache
    assert list(small) == ["blocks.1.hook_resid_post"] or "blocks.1.mlp.hook_post" in small
    with pytest.raises(HookError, match=r"does not hold 'blocks\.0\.hook_resid_post'.*names_filter"):
        small["resid_post", 0]
    with pytest.raises(HookError, match="indexed by"):
        small[3]  # type: ignore[index]
    with pytest.raises(HookError, match="gradients_of"):
        small.grad  # noqa: B018


# ---- gradients


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
        handles.append(block.self_attn.k_proj.register_forward_hook(keep(f"blocks.{layer}.attn.hook_k")))
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
        if family == "llava_next_video" and name.startswith("vision.1"):
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

"""Parts of a run: rows of the prompt, early stops, the last row, and the cache that holds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.models.hooks.cases import (
    FAMILY_NAMES,
    HIDDEN,
    KINDS,
    LAYERS,
    FamilyName,
    case,
    plain_logits,
)
from tests.models.hooks.test_running import close, everything
from workbench.errors import HookError, SpanError
from workbench.models.hooks import hook_names, hook_points, run_with_cache, run_with_hooks

ALL = pytest.mark.parametrize("family", FAMILY_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)


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
        if name.startswith(("vision", "projector", "deepstack")):
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
    hook_points(of.model)  # runs a few tokens once a model, to see what its layers add
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

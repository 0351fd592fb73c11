"""The same points in an nnsight trace: taps are modules; `materialise` makes scores and patterns exist."""

# A trace may swallow an exception, for all that a type checker knows.
# pyright: reportPossiblyUnboundVariable=false

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.models.hooks.cases import FAMILY_NAMES, KINDS, FamilyName, case, plain_logits
from tests.models.test_attention import cut, handed_in
from workbench.models.hooks import materialise, run_with_cache, run_with_hooks

ALL = pytest.mark.parametrize("family", FAMILY_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)


@ALL
@BOTH
def test_a_trace_reads_what_the_cache_keeps(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    model = of.model
    names = ["blocks.1.attn.hook_*", "blocks.1.hook_resid_post"]
    cache = run_with_cache(of.model, of.prompt, names).cache
    layer = model.family.decoder(model.nn).layers[1]
    with materialise(of.model, "blocks.1.attn.hook_pattern"):
        with model.trace(of.prompt):
            rotated = layer.self_attn.hook_rot_q.output.save()
            scores = layer.self_attn.hook_attn_scores.output.save()
            pattern = layer.self_attn.hook_pattern.output.save()
            z = layer.self_attn.hook_z.output.save()
            stream = layer.output.save()
    for name, value in (("rot_q", rotated), ("attn_scores", scores), ("pattern", pattern), ("z", z)):
        assert torch.equal(value, cache[name, 1]), name
    assert torch.equal(stream, cache["resid_post", 1])


@ALL
@BOTH
def test_a_trace_edits_what_hooks_edit(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    model = of.model
    attention = model.family.decoder(model.nn).layers[1].self_attn
    expected = run_with_hooks(
        of.model, of.prompt, [("blocks.1.attn.hook_pattern", lambda value, hook: value * 0.5)]
    )
    with materialise(of.model, "blocks.1.attn.hook_pattern"):
        with model.trace(of.prompt):
            attention.hook_pattern.output = attention.hook_pattern.output * 0.5
            logits = model.nn.lm_head.output.save()
    assert torch.equal(logits[0], expected)


@ALL
@BOTH
def test_a_trace_cuts_edges_by_masks(family: FamilyName, kind: Any) -> None:
    """An engine hands a layer its mask; the pattern of that layer shows the cut."""
    of = case(family, kind)
    keep = cut(of)
    with handed_in(of.model.hf, {1: keep}):
        expected = run_with_hooks(of.model, of.prompt, [])
    model = of.model
    attention = model.family.decoder(model.nn).layers[1].self_attn
    with model.trace(of.prompt):
        args, kwargs = attention.inputs
        attention.inputs = (args, {**kwargs, "attention_mask": keep})
        logits = model.nn.lm_head.output.save()
    assert torch.equal(logits[0], expected)
    with materialise(of.model, "blocks.1.attn.hook_pattern"):
        with model.trace(of.prompt):
            args, kwargs = attention.inputs
            attention.inputs = (args, {**kwargs, "attention_mask": keep})
            pattern = attention.hook_pattern.output.save()
    assert torch.all(pattern[~keep.expand_as(pattern)] == 0)


@ALL
def test_patterns_that_nobody_asked_for_do_not_exist(family: FamilyName) -> None:
    of = case(family, "sdpa")
    model = of.model
    attention = model.family.decoder(model.nn).layers[1].self_attn
    with pytest.raises(Exception, match="hook_pattern"):
        with model.trace(of.prompt):
            pattern = attention.hook_pattern.output.save()  # noqa: F841


@ALL
@BOTH
def test_hooks_run_on_a_model_that_was_traced(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    with of.model.trace(of.prompt):
        traced = of.model.nn.lm_head.output.save()
    assert torch.equal(traced[0], plain_logits(of))
    assert torch.equal(run_with_hooks(of.model, of.prompt, []), plain_logits(of))
    logits, cache = run_with_cache(of.model, of.prompt, "blocks.*.hook_resid_post", stop_at_layer=1)
    assert logits is None
    assert list(cache) == ["blocks.0.hook_resid_post"]
    gradients = run_with_cache(
        of.model, of.prompt, "blocks.0.hook_resid_pre", gradients_of=lambda logits: logits[-1, 1]
    ).cache.grad
    assert gradients["resid_pre", 0].abs().max() > 0

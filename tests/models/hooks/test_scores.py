"""Edits of scores: closed edges stay closed, and a cut by scores equals a cut by mask."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.hooks.cases import FAMILY_NAMES, HEADS, KINDS, FamilyName, case
from tests.models.test_attention import cut, handed_in, logits_of
from workbench.errors import HookError
from workbench.models.hooks import run_with_hooks

TOLERANCE = 1e-5
ALL = pytest.mark.parametrize("family", FAMILY_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)


@ALL
@BOTH
def test_scores_of_closed_edges_stay_closed(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    keep = cut(of)
    name = "blocks.1.attn.hook_attn_scores"
    seen: dict[str, Tensor] = {}

    def keep_pattern(activation: Tensor, hook: Any) -> None:
        seen[hook.name] = activation

    both = [(name, lambda scores, hook: scores * 0), ("blocks.1.attn.hook_pattern", keep_pattern)]
    with handed_in(of.model.hf, {1: keep}):
        logits = run_with_hooks(of.model, of.prompt, both)
    # flat scores: equal weight on every open edge, none on a closed one
    expected = keep.float() / keep.float().sum(-1, keepdim=True)
    assert torch.allclose(seen["blocks.1.attn.hook_pattern"], expected.expand(1, HEADS, -1, -1))
    assert not logits.isnan().any()

    def open_an_edge(scores: Tensor, hook: Any) -> None:
        scores[0, 2, 3, 7] = 1.0

    with pytest.raises(
        HookError, match=r"blocks\.1\.attn\.hook_attn_scores.*1 edges.*head 2, query 3, key 7"
    ):
        run_with_hooks(of.model, of.prompt, [(name, open_an_edge)])
    with pytest.raises(HookError, match="closes"):
        run_with_hooks(of.model, of.prompt, [(name, lambda scores, hook: torch.zeros_like(scores))])


@ALL
@BOTH
def test_cutting_by_scores_equals_cutting_by_mask(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    keep = cut(of)
    with handed_in(of.model.hf, {1: keep}):
        expected = logits_of(of)
    scores = run_with_hooks(
        of.model,
        of.prompt,
        [("blocks.1.attn.hook_attn_scores", lambda scores, hook: scores.masked_fill(~keep, -torch.inf))],
    )
    assert torch.allclose(scores, expected, atol=TOLERANCE, rtol=0)

    def renormalised(pattern: Tensor, hook: Any) -> Tensor:
        kept = pattern * keep
        return kept / kept.sum(-1, keepdim=True)

    pattern = run_with_hooks(of.model, of.prompt, [("blocks.1.attn.hook_pattern", renormalised)])
    assert torch.allclose(pattern, expected, atol=TOLERANCE, rtol=0)
    assert not torch.allclose(pattern, logits_of(of), atol=1e-2)


@ALL
@BOTH
def test_a_whole_row_cut_by_scores(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)

    def cut_row(scores: Tensor, hook: Any) -> None:
        scores[:, 1, -1] = -torch.inf

    hooks = [("blocks.0.attn.hook_attn_scores", cut_row)]
    logits = run_with_hooks(of.model, of.prompt, hooks)
    without = run_with_hooks(
        of.model, of.prompt, [("blocks.0.attn.hook_z", lambda z, hook: _zero_head(z, head=1, row=-1))]
    )
    assert torch.allclose(logits, without, atol=TOLERANCE, rtol=0)
    assert torch.equal(logits[:-1], run_with_hooks(of.model, of.prompt, [(hooks[0][0], _nothing)])[:-1])


def _nothing(activation: Tensor, hook: Any) -> None:
    return None


def _zero_head(z: Tensor, *, head: int, row: int) -> Tensor:
    z = z.clone()
    z[:, row, head] = 0
    return z

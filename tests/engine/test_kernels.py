"""Attention in parts: each kernel equals softmax written out, and joined parts equal the whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from workbench.engine.kernels import attend, attend_biased, attend_self, has_biased, join, plain

SCALE = 0.3


def written_out(query: Tensor, key: Tensor, value: Tensor, keep: Tensor) -> Tensor:
    groups = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(groups, 1) for part in (key, value))
    scores = (query @ key.transpose(2, 3) * SCALE).masked_fill(~keep, -torch.inf)
    return scores.softmax(-1) @ value


def parts(
    batch: int = 3, heads: int = 4, key_heads: int = 2, rows: int = 7, keys: int = 11, shared: bool = False
):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(batch, heads, rows, 8, generator=generator)
    shape = (1 if shared else batch, key_heads, keys, 8)
    return query, torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("function", [attend, plain])
def test_attention_equals_softmax_written_out(function, shared: bool, key_heads: int) -> None:
    query, key, value = parts(key_heads=key_heads, shared=shared)
    generator = torch.Generator().manual_seed(1)
    mask = torch.rand(7, 11, generator=generator) < 0.5
    mask[:, 3] = True
    everything = torch.ones(7, 11, dtype=torch.bool)
    whole = key.expand(3, -1, -1, -1), value.expand(3, -1, -1, -1)
    for keep, chosen in ((everything, None), (mask, mask)):
        found = function(query, key, value, scale=SCALE, mask=chosen)
        torch.testing.assert_close(found.out, written_out(query, *whole, keep))
        groups = 4 // key_heads
        scores = (query @ whole[0].repeat_interleave(groups, 1).transpose(2, 3) * SCALE).masked_fill(
            ~keep, -torch.inf
        )
        torch.testing.assert_close(found.lse, scores.logsumexp(-1))


@pytest.mark.parametrize("function", [attend, plain])
def test_causal_attention(function) -> None:
    query, key, value = parts(keys=7)
    found = function(query, key, value, scale=SCALE, causal=True)
    torch.testing.assert_close(found.out, written_out(query, key, value, torch.ones(7, 7).tril().bool()))


@pytest.mark.parametrize("batches", [1, 3])
def test_each_batch_may_have_a_bias_of_its_own(batches: int) -> None:
    query, key, value = parts()
    assert has_biased(query)
    assert not has_biased(query.double())
    keep = torch.rand(batches, 1, 7, 11, generator=torch.Generator().manual_seed(1)) < 0.5
    keep[..., 3] = True
    bias = torch.zeros(keep.shape).masked_fill(~keep, -torch.inf)
    found = attend_biased(query, key, value, scale=SCALE, bias=bias)
    torch.testing.assert_close(found.out, written_out(query, key, value, keep))


def test_rows_that_see_only_themselves() -> None:
    query, key, value = parts(keys=7)
    found = attend_self(query, key, value, scale=SCALE)
    torch.testing.assert_close(found.out, value.repeat_interleave(2, 1))
    torch.testing.assert_close(found.lse, (query * key.repeat_interleave(2, 1)).sum(-1) * SCALE)


@pytest.mark.parametrize("split", [1, 5, 10])
def test_parts_joined_are_the_whole(split: int) -> None:
    query, key, value = parts()
    whole = attend(query, key, value, scale=SCALE)
    one = attend(query, key[:, :, :split], value[:, :, :split], scale=SCALE)
    two = attend(query, key[:, :, split:], value[:, :, split:], scale=SCALE)
    for found in (join(one, two), join(two, one)):
        torch.testing.assert_close(found.out, whole.out)
        torch.testing.assert_close(found.lse, whole.lse)


def test_a_part_without_keys_adds_nothing() -> None:
    query, key, value = parts()
    whole = attend(query, key, value, scale=SCALE)
    nothing = whole._replace(out=torch.zeros_like(whole.out), lse=torch.full_like(whole.lse, -torch.inf))
    for found in (join(whole, nothing), join(nothing, whole)):
        assert torch.equal(found.out, whole.out)
        assert torch.equal(found.lse, whole.lse)


def test_the_plain_path_goes_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.engine import kernels as module

    query, key, value = parts(keys=7)
    whole = plain(query, key, value, scale=SCALE, causal=True)
    monkeypatch.setattr(module, "_PLAIN_SCORES", 3 * 4 * 7 * 2)
    found = plain(query, key, value, scale=SCALE, causal=True)
    torch.testing.assert_close(found, whole)

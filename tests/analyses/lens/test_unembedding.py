"""Reading residual streams in tiles gives what the whole matrix of logits gives."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import Tensor, nn

from tests.tiny import tiny_model, tiny_prompt
from workbench.analyses.lens import unembedding
from workbench.analyses.lens.unembedding import read_residual
from workbench.errors import ModelError, RunError
from workbench.models import VideoLLM

GROUPS = ((7,), (3, 40, 41), (299, 7))


@pytest.fixture(scope="module")
def model() -> VideoLLM:
    return tiny_model("llava_onevision")


@pytest.fixture(scope="module")
def residual(model: VideoLLM) -> Tensor:
    """(r, d) after block 2 of 4."""
    _, cache = model.run_with_cache(tiny_prompt(model), "blocks.1.hook_resid_post")
    return cache["resid_post", 1][0]


def whole(model: VideoLLM, residual: Tensor, *, norm: bool = True) -> Tensor:
    """Logits of all rows and words at once."""
    hidden = model.family.final_norm(model.hf)(residual) if norm else residual
    return model.family.lm_head(model.hf)(hidden).float()


@pytest.mark.parametrize(("row_chunk", "vocab_chunk"), [(1024, 16_384), (5, 64), (1, 1), (7, 399), (64, 16)])
@pytest.mark.parametrize("norm", [True, False])
def test_tiles_give_what_the_whole_gives(model, residual, row_chunk, vocab_chunk, norm) -> None:
    residual = residual[:: 8 if row_chunk == 1 else 1]  # tiles of one row and one word are many
    logits = whole(model, residual, norm=norm)
    p = logits.softmax(-1)
    found = read_residual(
        model, residual, top_k=4, groups=GROUPS, norm=norm, row_chunk=row_chunk, vocab_chunk=vocab_chunk
    )
    expected = p.topk(4)
    assert torch.equal(found.top_ids, expected.indices)
    torch.testing.assert_close(found.top_p, expected.values, rtol=1e-5, atol=1e-8)
    for number, group in enumerate(GROUPS):
        of_group = p[:, list(group)]
        torch.testing.assert_close(found.group_p[:, number], of_group.sum(1), rtol=1e-5, atol=1e-8)
        best = logits[:, list(group)].amax(1, keepdim=True)
        assert torch.equal(found.group_rank[:, number], (logits > best).sum(1) + 1)
    flat = [id for group in GROUPS for id in group]
    torch.testing.assert_close(found.id_p, p[:, flat], rtol=1e-5, atol=1e-8)


def test_the_likeliest_word_has_rank_1_in_every_tiling(model, residual) -> None:
    """A word's own logit and the one it is compared with must be the same to the last bit."""
    top = read_residual(model, residual).top_ids[:, 0].tolist()
    for vocab_chunk in (13, 50, 400):
        for row, token in enumerate(top[::7]):
            one = residual[7 * row : 7 * row + 1]
            found = read_residual(model, one, groups=[(token,)], vocab_chunk=vocab_chunk)
            assert found.group_rank.item() == 1


def test_no_more_than_a_tile_of_logits_exists(model, residual, monkeypatch) -> None:
    sizes: list[tuple[int, ...]] = []
    linear = nn.functional.linear

    def spy(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        made = linear(input, weight, bias)
        sizes.append(tuple(made.shape))
        return made

    monkeypatch.setattr(unembedding.nn.functional, "linear", spy)
    read_residual(model, residual, top_k=3, groups=GROUPS, row_chunk=8, vocab_chunk=100)
    assert max(rows for rows, _ in sizes) == 8
    assert max(words for _, words in sizes) == 100
    assert sum(rows * words for rows, words in sizes) >= len(residual) * model.vocab_size


class Flat:
    """A head that gives some words equal logits."""

    def __init__(self, logits: Tensor, dtype: torch.dtype = torch.float32) -> None:
        head = nn.Linear(1, logits.numel(), bias=False)
        head.weight.data = logits[:, None].to(dtype)
        self.name, self.hf, self.config = "flat", None, transformers.PreTrainedConfig()
        self.family = type("F", (), {"final_norm": lambda *_: nn.Identity(), "lm_head": lambda *_: head})()


@pytest.mark.parametrize("vocab_chunk", [1, 2, 3, 4, 8])
def test_equal_logits_come_in_the_order_of_their_ids(vocab_chunk) -> None:
    model: object = Flat(torch.tensor([1.0, 5.0, 2.0, 5.0, 5.0, 2.0, 0.0]))
    found = read_residual(model, torch.ones(2, 1), top_k=5, groups=[(4,), (5,)], vocab_chunk=vocab_chunk)  # type: ignore[arg-type]
    assert found.top_ids.tolist() == [[1, 3, 4, 2, 5]] * 2
    assert found.group_rank.tolist() == [[1, 4]] * 2


def test_sums_are_kept_in_float32() -> None:
    """In bfloat16 the sum of 50,000 equal terms would stop at 256."""
    model: object = Flat(torch.zeros(50_000), torch.bfloat16)
    found = read_residual(model, torch.ones(1, 1, dtype=torch.bfloat16), vocab_chunk=999)  # type: ignore[arg-type]
    assert found.top_p.item() == pytest.approx(1 / 50_000, rel=1e-5)


def test_bad_requests_are_refused(model, residual) -> None:
    for name in ("top_k", "row_chunk", "vocab_chunk"):
        with pytest.raises(RunError, match=f"{name}=0"):
            read_residual(model, residual, **{name: 0})  # type: ignore[arg-type]
    with pytest.raises(RunError, match="the vocabulary has 408 words"):
        read_residual(model, residual, top_k=10_000)
    for group in ((), (-1,), (model.vocab_size,)):
        with pytest.raises(RunError, match="group of token ids"):
            read_residual(model, residual, groups=[group])
    with pytest.raises(ModelError, match="not finite"):
        read_residual(model, torch.full_like(residual, float("nan")))

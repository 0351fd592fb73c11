"""`restrict`: the model's own mask ANDed with ours, in the form that each implementation reads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from workbench.engine.restrict import restrict
from workbench.errors import KnockoutError

N = 5
CAUSAL = torch.ones(1, 1, N, N, dtype=torch.bool).tril()
LOWEST = torch.finfo(torch.float32).min


def restricted(
    own: object, keep: Tensor | None, attention: str, dtype: torch.dtype = torch.float32
) -> Tensor:
    hidden = torch.zeros(1, N, 8, dtype=dtype)
    args, kwargs = restrict(
        ((), {"hidden_states": hidden, "attention_mask": own, "other": 3}), keep, attention
    )
    assert args == ()
    assert kwargs["hidden_states"] is hidden
    assert kwargs["other"] == 3
    return kwargs["attention_mask"]


def cut(*edges: tuple[int, int], heads: int = 1, head: int = 0) -> Tensor:
    keep = torch.ones(1, heads, N, N, dtype=torch.bool)
    for query, key in edges:
        keep[0, head, query, key] = False
    return keep


def additive(keep: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.zeros(keep.shape, dtype=dtype).masked_fill(~keep, torch.finfo(dtype).min)


def test_sdpa_without_a_mask_is_causal() -> None:
    assert torch.equal(restricted(None, None, "sdpa"), CAUSAL)
    mask = restricted(None, cut((3, 1)), "sdpa")
    assert mask.dtype == torch.bool
    assert torch.equal(mask, CAUSAL & cut((3, 1)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_eager_gets_an_additive_mask_of_its_own_dtype(dtype: torch.dtype) -> None:
    for own in (CAUSAL, additive(CAUSAL, dtype)):
        mask = restricted(own, cut((3, 1)), "eager", dtype)
        assert mask.dtype == dtype
        assert torch.equal(mask, additive(CAUSAL & cut((3, 1)), dtype))


def test_a_mask_of_the_models_own_stays_in_force() -> None:
    window = CAUSAL.triu(-1)
    padded = CAUSAL.clone()
    padded[..., 0] = False
    padded[..., 0, 0] = True
    for own in (window, padded):
        assert torch.equal(restricted(own, cut((4, 3)), "sdpa"), own & cut((4, 3)))
        assert torch.equal(restricted(own, cut((4, 3)), "eager"), additive(own & cut((4, 3))))


def test_a_bias_of_the_models_own_is_kept() -> None:
    bias = torch.linspace(-1, 0, N * N).view(1, 1, N, N).masked_fill(~CAUSAL, LOWEST)
    for attention in ("sdpa", "eager"):
        mask = restricted(bias, cut((3, 1)), attention)
        assert torch.equal(mask, bias.masked_fill(~cut((3, 1)), LOWEST))


def test_heads_have_masks_of_their_own() -> None:
    mask = restricted(None, cut((3, 1), heads=4, head=2), "sdpa")
    assert mask.shape == (1, 4, N, N)
    for head in range(4):
        assert torch.equal(mask[0, head], (CAUSAL & cut((3, 1)))[0, 0] if head == 2 else CAUSAL[0, 0])


def test_the_hidden_states_may_come_as_an_argument() -> None:
    hidden = torch.zeros(1, N, 8)
    args, kwargs = restrict(((hidden,), {"attention_mask": None}), None, "sdpa")
    assert args[0] is hidden
    assert torch.equal(kwargs["attention_mask"], CAUSAL)


def test_a_row_emptied_under_the_models_own_mask_is_refused() -> None:
    own = torch.eye(N, dtype=torch.bool)[None, None]
    for attention in ("sdpa", "eager"):
        with pytest.raises(KnockoutError, match="leaves row 3 without any key that the model's own mask"):
            restricted(own, cut((3, 3)), attention)
    padded = CAUSAL.clone()
    padded[..., 0, :] = False
    restricted(padded, cut((3, 1)), "sdpa")  # row 0 was empty before: not this cut's doing


@pytest.mark.parametrize(
    ("own", "attention", "message"),
    [
        (None, "eager", "own attention mask is NoneType"),
        (torch.ones(1, N), "sdpa", r"own attention mask is \(1, 5\), and a knockout of 5 rows needs"),
        (torch.ones(2, 1, N, N), "sdpa", "run one prompt"),
        (torch.ones(1, 1, N, N + 3), "eager", "without a cache"),
        ("BlockMask", "sdpa", "is str.*Load the model with attention='sdpa' or 'eager'"),
    ],
)
def test_masks_that_cannot_be_read_are_refused(own: object, attention: str, message: str) -> None:
    with pytest.raises(KnockoutError, match=message):
        restricted(own, None, attention)

"""Norms are taken apart only where that is right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tests.models.hooks.cases import HIDDEN, case
from workbench.models.hooks.forms import understood


class OnePlusNorm(nn.Module):
    """A norm of another kind: (1 + weight) times, as in Gemma."""

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(theirs.weight.detach().clone() - 1)
        self.variance_epsilon = theirs.variance_epsilon

    def forward(self, value: Tensor) -> Tensor:
        scale = value.pow(2).mean(-1, keepdim=True).add(self.variance_epsilon).sqrt()
        return (1 + self.weight) * value / scale


def test_norms_are_tried_before_they_are_trusted() -> None:
    torch.manual_seed(0)
    layer_norm = nn.LayerNorm(HIDDEN)
    nn.init.normal_(layer_norm.weight)
    nn.init.normal_(layer_norm.bias)
    assert understood(layer_norm)
    rms = case("llava_next_video", "sdpa").model.hf.get_decoder().norm
    assert understood(rms)
    assert understood(rms.to(torch.bfloat16))
    assert not understood(OnePlusNorm(rms.float()))
    assert not understood(nn.Identity())
    assert not understood(nn.LayerNorm(HIDDEN, elementwise_affine=False))

"""Norms and rotations in fewer passes: only where they compute the same, and gone afterwards."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers.models.llama import modeling_llama

from tests.engine.incremental.test_engine import all_knockouts, same
from tests.tiny import DECODER_NAMES, tiny_model, tiny_prompt
from workbench.engine import IncrementalEngine, get_engine
from workbench.engine.incremental.fused import fused, is_gated_mlp, is_rms_norm, rotates_halves


def rotations(model: Any) -> list[Any]:
    """The functions that turn the decoder's queries and keys."""
    home = sys.modules[type(model.hf.get_decoder().layers[0].self_attn).__module__]
    return [value for name, value in vars(home).items() if name.startswith("apply") and "rotary" in name]


class PlusOneRMSNorm(nn.Module):
    """Gemma's: the weight is kept less 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.full((8,), 0.5)), 1e-6

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * (1 + self.weight)


@pytest.mark.parametrize("family", DECODER_NAMES)
def test_the_engine_gives_the_same(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(family)
    prompt, asked = tiny_prompt(model), all_knockouts(model.n_layers)
    used = []

    def always(engine: IncrementalEngine, model: Any) -> Any:
        layers = list(model.family.decoder_layers(model.hf))
        used.append(sum(is_rms_norm(module) for layer in layers for module in layer.modules()))
        return fused(layers)

    expected = get_engine("reference").outcomes(model, prompt, asked)
    monkeypatch.setattr(IncrementalEngine, "_fused", always)
    same(IncrementalEngine().outcomes(model, prompt, asked), expected, asked)
    assert used[0] >= 2 * model.n_layers
    assert not any("workbench" in rotation.__module__ for rotation in rotations(model))
    # Whoever traces the model afterwards finds its modules as they were.
    again = get_engine("reference").outcomes(model, prompt, asked[:3])
    assert again.changed == expected.changed[:3]


def test_other_norms_stay() -> None:
    norm = PlusOneRMSNorm()
    assert not is_rms_norm(norm)
    assert not is_rms_norm(nn.LayerNorm(8))
    before = norm(torch.ones(8))
    with fused([norm]):
        assert torch.equal(norm(torch.ones(8)), before)


class Gated(nn.Module):
    """An MLP with a gate, and whatever else `after` does."""

    def __init__(self, activation: Any = nn.functional.silu, after: Any = lambda x: x) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(8, 24, bias=False) for _ in range(2))
        self.down_proj, self.activation, self.after = nn.Linear(24, 8, bias=False), activation, after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x)))


def test_a_gate_is_replaced_only_where_it_is_silu_and_nothing_more() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 8)
    for other in (Gated(nn.functional.gelu), Gated(after=lambda x: 1.01 * x), Gated(after=lambda x: x[:1])):
        assert not is_gated_mlp(other)
    plain = Gated()
    with torch.no_grad():
        expected = plain(x)
        with fused([plain]):
            assert "forward" in vars(plain)
            torch.testing.assert_close(plain(x), expected)
    assert "forward" not in vars(plain)
    llama = tiny_model().hf.get_decoder().layers[0].mlp  # type: ignore[union-attr]
    assert is_gated_mlp(llama)


@pytest.mark.parametrize("shape", [(1, 1300, 8), (2, 700, 8), (600, 8), (1, 512, 8)])
def test_on_a_cpu_an_mlp_takes_many_rows_in_parts(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    mlp, rows = Gated(), torch.randn(shape)
    sizes = []
    mlp.gate_proj.register_forward_hook(lambda module, given, result: sizes.append(result[..., 0].numel()))
    with torch.no_grad():
        expected = mlp(rows)
        with fused([mlp]):
            sizes.clear()
            found = mlp(rows)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert sum(sizes) == rows[..., 0].numel()
    assert max(sizes) <= 512


def test_bfloat16_moves_by_its_last_digit() -> None:
    decoder: Any = tiny_model().hf.get_decoder()
    norm = decoder.layers[0].input_layernorm
    weight = torch.randn(norm.weight.shape).bfloat16()
    wide = type(norm)(len(weight)).bfloat16()
    wide.weight.data = weight
    x = torch.randn(50, len(weight)).bfloat16()
    with torch.no_grad():
        expected = wide(x).float()
        with fused([wide]):
            assert "forward" in vars(wide)
            found = wide(x).float()
    assert "forward" not in vars(wide)
    torch.testing.assert_close(found, expected, rtol=2**-6, atol=1e-6)


def interleaved(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """GPT-J's rotation: neighbours turn together."""

    def turned(x: Tensor) -> Tensor:
        other = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
        return x * cos[:, None] + other * sin[:, None]

    return turned(q), turned(k)


def test_only_rotations_of_halves_are_replaced() -> None:
    assert rotates_halves(modeling_llama.apply_rotary_pos_emb)
    assert not rotates_halves(interleaved)
    assert not rotates_halves(lambda x: x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_rotation_is_the_models_own(dtype: torch.dtype) -> None:
    rows = torch.randn(1, 5, 4, 16, dtype=dtype).transpose(1, 2)  # as a projection leaves them
    keys, cos, sin = rows[:, :2], torch.randn(1, 5, 16, dtype=dtype), torch.randn(1, 5, 16, dtype=dtype)
    layers: Any = tiny_model().hf.get_decoder()
    own = modeling_llama.apply_rotary_pos_emb
    with fused(layers.layers):
        assert modeling_llama.apply_rotary_pos_emb is not own
        found = modeling_llama.apply_rotary_pos_emb(rows, keys, cos, sin)
        # A rotation of a part of the head is left to the model.
        with pytest.raises(RuntimeError):
            modeling_llama.apply_rotary_pos_emb(rows, keys, cos[..., :8], sin[..., :8])
    assert modeling_llama.apply_rotary_pos_emb is own
    tolerance = {torch.float32: 1e-6, torch.bfloat16: 2**-6}[dtype]
    for one, two in zip(found, own(rows, keys, cos, sin), strict=True):
        assert one.stride() == rows[:, : one.shape[1]].stride() or one.shape[1] == 2
        torch.testing.assert_close(one, two, rtol=tolerance, atol=tolerance)

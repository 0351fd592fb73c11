"""LRP's rules: values stay, gradients become relevance, and it is conserved where rules conserve it."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import tiny_model, tiny_prompt
from workbench.analyses.attribution.rules import _product, relevance_rules, rule_points
from workbench.errors import ModelError


def test_values_are_those_of_the_model() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    before = model.logits(prompt)
    with relevance_rules(model, prompt), torch.no_grad():
        after = model.hf(**prompt.inputs, use_cache=False).logits[0]
    assert torch.allclose(before, after, atol=1e-6)
    assert torch.equal(model.logits(prompt), before)


def test_each_factor_of_a_product_gets_its_part_of_it() -> None:
    gate, up = torch.tensor([2.0, 0.0], requires_grad=True), torch.tensor([-3.0, 5.0], requires_grad=True)
    value = torch.nn.functional.silu(gate) * up
    found = _product(value, [gate, up])
    assert torch.equal(found, value)
    to_gate, to_up = torch.autograd.grad(found.sum(), [gate, up])
    assert torch.allclose(to_gate * gate, value / 2)
    assert torch.allclose(to_up * up, value / 2)


def test_norms_send_relevance_back_through_a_constant_divisor() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    norm = model.family.final_norm(model.hf)
    with relevance_rules(model, prompt), torch.enable_grad():
        given = torch.randn(1, 3, model.d_model, requires_grad=True)
        out = norm(given)
        (gradient,) = torch.autograd.grad(out.sum(), given)
    # Relevance is conserved: gradient x input sums to the output.
    assert torch.allclose((gradient * given).sum(-1), out.sum(-1), atol=1e-4)


def test_models_for_which_no_rule_is_written_are_refused() -> None:
    with pytest.raises(ModelError, match="RelP's rules"):
        rule_points(tiny_model("qwen3_vl_moe"))

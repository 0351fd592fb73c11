"""One pass: local changes are those of the knockout, gradients those of finite differences."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from tests.tiny import DECODER_NAMES, FamilyName, tiny_folder, tiny_model, tiny_prompt
from workbench.analyses.attribution.passes import (
    Cut,
    check_differentiable,
    forward_backward,
    log_odds_of,
    without,
)
from workbench.engine.reference import attentions, last_logits
from workbench.engine.restrict import restrict
from workbench.errors import KnockoutError, ModelError, NotFinite
from workbench.interventions import Flow, Knockout
from workbench.measures.log_odds import log_odds
from workbench.models import VideoLLM, load

FLOWS = ("frames -> later frames", "video -> question", "question -> last", "last -> last")
ALL = pytest.mark.parametrize("family", DECODER_NAMES)


def cut_of(model: VideoLLM, flow: str) -> tuple[Any, Cut]:
    prompt = tiny_prompt(model)
    return prompt, Cut.of(Flow.parse(flow), prompt.layout, model.device)


def z_of(model: VideoLLM, prompt: Any, layer: int, flow: str | None) -> torch.Tensor:
    """The heads' output of one layer, by nnsight, with the flow cut in that layer alone."""
    keep = None
    if flow is not None:
        mask = Knockout.of(flow, (layer + 1, layer + 1)).mask(prompt.layout, layer, model.n_heads)
        keep = torch.from_numpy(mask)[None]
    with torch.no_grad(), model.trace(prompt):
        places = attentions(model)
        attention = places[layer]
        attention.inputs = restrict(attention.inputs, keep, model.attention)
        z = attention.hook_z.output.save()
    return z[0]


@ALL
@pytest.mark.parametrize("kind", ["sdpa", "eager"])
def test_the_local_change_is_what_the_knockout_does_to_z(family: FamilyName, kind: Any) -> None:
    model = tiny_model(family, attention=kind)
    for flow in FLOWS:
        prompt, cut = cut_of(model, flow)
        found = forward_backward(model, prompt)
        for layer in (0, 2):
            at = found.layers[layer]
            change = torch.zeros_like(at.z[0])
            for rows, part in at.local_change(cut):
                change[rows] = part
            expected = z_of(model, prompt, layer, flow) - z_of(model, prompt, layer, None)
            assert expected.abs().max() > 0
            assert torch.allclose(change, expected, atol=1e-5 * max(1.0, float(expected.abs().max())))


def test_the_pass_gives_the_log_odds_of_the_likeliest_token_and_gradients_of_finite_differences() -> None:
    model = tiny_model()
    prompt, cut = cut_of(model, "video -> question")
    logits = model.logits(prompt)[-1]
    base = forward_backward(model, prompt)
    assert base.token_id == int(logits.argmax())
    assert base.log_odds == pytest.approx(float(log_odds(logits[None], base.token_id)), abs=1e-4)
    # The derivative for the dose of the cut, at its beginning.
    expected = sum(
        float((at.gradient[rows].double() * change.double()).sum())
        for at in base.layers.values()
        if at.gradient is not None
        for rows, change in at.local_change(cut)
    )
    small = 1e-2
    above, below = (
        forward_backward(model, prompt, token_id=base.token_id, cut=cut, dose=dose).log_odds
        for dose in (small, -small)
    )
    assert (above - below) / (2 * small) == pytest.approx(expected, rel=2e-2, abs=1e-4)


def test_a_dose_of_one_is_the_knockout_in_all_layers() -> None:
    model = tiny_model("llava_onevision")
    prompt, cut = cut_of(model, "frames -> later frames")
    base = forward_backward(model, prompt)
    whole = forward_backward(model, prompt, token_id=base.token_id, cut=cut, dose=1.0)
    knocked = last_logits(model, prompt, Knockout.of("frames -> later frames", (1, model.n_layers)))
    assert whole.log_odds == pytest.approx(float(log_odds(knocked[None], base.token_id)), abs=1e-4)


def test_weights_are_left_as_they_were_and_an_own_token_is_followed() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    before = [weight.requires_grad for weight in model.hf.parameters()]
    found = forward_backward(model, prompt, token_id=5)
    assert found.token_id == 5
    assert [weight.requires_grad for weight in model.hf.parameters()] == before
    assert all(weight.grad is None for weight in model.hf.parameters())


def test_halves_are_widened_where_local_changes_are_taken() -> None:
    model = load(tiny_folder(), device="cpu", dtype="bfloat16")
    prompt, cut = cut_of(model, "video -> question")
    found = forward_backward(model, prompt).layers[1]
    (rows, change), *_ = found.local_change(cut)
    assert change.dtype == torch.float32
    exact = forward_backward(tiny_model(), tiny_prompt(tiny_model())).layers[1]
    (_, expected), *_ = exact.local_change(cut)
    assert len(rows) == len(cut.rows)
    assert float((change - expected).norm() / expected.norm()) < 0.05


def test_attention_weights_sum_to_one_and_are_those_of_the_pattern() -> None:
    model = tiny_model()
    prompt, cut = cut_of(model, "question -> last")
    _, cache = model.run_with_cache(prompt, "blocks.1.attn.hook_pattern")
    (part, weights), *_ = forward_backward(model, prompt).layers[1].weights(cut)
    assert torch.allclose(weights, cache["blocks.1.attn.hook_pattern"][0][:, part.rows], atol=1e-6)


def test_a_row_may_not_lose_every_key() -> None:
    own = torch.ones(3, 3, dtype=torch.bool).tril()[None, None]
    lost = torch.tensor([[True, False, False], [True, False, False], [False, False, False]])
    with pytest.raises(KnockoutError, match="without any key"):
        without(own, lost)
    additive = torch.zeros(1, 1, 3, 3).masked_fill(~own, torch.finfo(torch.float32).min)
    with pytest.raises(KnockoutError, match="without any key"):
        without(additive, lost)
    assert without(own, lost & torch.tensor([[False], [True], [True]])).sum() == own.sum() - 1


def test_log_odds_keep_their_gradient() -> None:
    logits = torch.tensor([1.0, 3.0, -2.0], requires_grad=True)
    found = log_odds_of(logits, 1)
    p = logits.detach().double().softmax(0)[1]
    assert float(found.detach()) == pytest.approx(float(torch.log(p / (1 - p))))
    (gradient,) = torch.autograd.grad(found, logits)
    assert float(gradient[1]) == pytest.approx(1.0)


def test_models_without_gradients_are_refused() -> None:
    model = tiny_model()
    check_differentiable(model)
    with pytest.raises(ModelError, match="4bit"):
        check_differentiable(dataclasses.replace(model, load_in="4bit"))
    with pytest.raises(ModelError, match="runs elsewhere"):
        check_differentiable(dataclasses.replace(model, remote="ndif"))
    with pytest.raises(ModelError, match="running state"):
        check_differentiable(tiny_model("qwen3_5"))


def test_numbers_that_are_not_finite_are_named() -> None:
    model = load(tiny_folder(), device="cpu")
    with torch.no_grad():
        model.family.final_norm(model.hf).weight.fill_(float("inf"))
    with pytest.raises(NotFinite, match="not finite"):
        forward_backward(model, tiny_prompt(model))

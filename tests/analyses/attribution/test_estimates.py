"""What methods estimate: planted paths come first, first orders are right, the integral is complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.tiny import DECODER_NAMES, FamilyName, tiny_model, tiny_prompt
from workbench.analyses.attribution.estimates import change_percent_of, check_methods, estimate
from workbench.analyses.attribution.methods import METHODS, NAIVE
from workbench.analyses.attribution.passes import Cut, forward_backward
from workbench.engine.reference import last_logits
from workbench.errors import ModelError
from workbench.interventions import Knockout, as_flows
from workbench.measures.log_odds import log_odds
from workbench.planted import N_LAYERS, direct, planted_model, planted_sample, staged
from workbench.planted.wiring import N_HEADS

FLOWS = as_flows(["frames -> later frames", "video -> question", "question -> last", "video -> last"])
BY_GRADIENT = tuple(name for name in METHODS if name not in NAIVE)


def test_every_gradient_method_puts_the_planted_path_first(tmp_path: Path) -> None:
    """Frame 0 -> last frame in layer 2, head 1; -> question in 4, head 2; -> last row in 5, head 3."""
    model = planted_model(staged(2, 4, 5))
    prompt = model.encode(planted_sample(tmp_path, "B"), frames=4)
    found = estimate(model, prompt, FLOWS, METHODS).by_method
    planted = {(0, 1, 1), (1, 3, 2), (2, 4, 3)}
    for name in BY_GRADIENT:
        largest = np.argsort(-np.abs(found[name]).ravel())[:3]
        first = {tuple(int(n) for n in np.unravel_index(at, found[name].shape)) for at in largest}
        assert first == planted, name
        assert all(found[name][cell] < 0 for cell in planted), name


def test_a_direct_path_is_found_in_its_flow_layer_and_head(tmp_path: Path) -> None:
    model = planted_model(direct(3))
    prompt = model.encode(planted_sample(tmp_path, "A"), frames=4)
    found = estimate(model, prompt, FLOWS, BY_GRADIENT).by_method
    for name in BY_GRADIENT:
        at = np.unravel_index(int(np.abs(found[name]).argmax()), found[name].shape)
        assert tuple(map(int, at)) == (3, 2, 0), name


@pytest.mark.parametrize("family", DECODER_NAMES)
def test_local_is_the_first_order_of_the_exact_knockout(family: FamilyName) -> None:
    """Heads of the last layer, behind which little is left to be nonlinear: gradient and knockout agree."""
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    found = estimate(model, prompt, FLOWS[2:3], ["local"])
    base = float(log_odds(model.logits(prompt)[-1:], found.token_id))
    assert found.log_odds == pytest.approx(base, abs=1e-4)
    exact = []
    for head in range(model.n_heads):
        knockout = Knockout.of(FLOWS[2].at_heads(head), (model.n_layers, model.n_layers))
        exact.append(float(log_odds(last_logits(model, prompt, knockout)[None], found.token_id)) - base)
    estimated = found.by_method["local"][0, -1]
    assert np.corrcoef(estimated, exact)[0, 1] > 0.9


def test_the_path_integral_sums_to_the_whole_change() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    found = estimate(model, prompt, FLOWS[1:2], ["integrated"], steps=24)
    knockout = Knockout.of(FLOWS[1], (1, model.n_layers))
    after = float(log_odds(last_logits(model, prompt, knockout)[None], found.token_id))
    assert found.by_method["integrated"].sum() == pytest.approx(after - found.log_odds, rel=1e-2, abs=1e-3)


def test_the_gate_derivative_is_local_less_the_share_that_the_flow_has() -> None:
    """By finite differences of the softmax with a gate on the flow's weights, at one head's output."""
    model = tiny_model()
    prompt = tiny_prompt(model)
    flow = FLOWS[2]
    found = estimate(model, prompt, [flow], ["gradient", "local"]).by_method
    cut = Cut.of(flow, prompt.layout, model.device)
    layers = forward_backward(model, prompt).layers
    for layer, at in layers.items():
        (part, weights), *_ = at.weights(cut)
        value = at.value[0].repeat_interleave(at.z.shape[2] // at.value.shape[1], dim=0).double()
        assert at.gradient is not None

        def gated(gate: float, weights=weights, part=part, value=value):
            kept = weights.double().masked_fill(part.keys, 0.0) + gate * weights.double().masked_fill(
                ~part.keys, 0.0
            )
            return (kept / kept.sum(-1, keepdim=True)) @ value

        step = 1e-4
        slope = (gated(1 + step) - gated(1 - step)) / (2 * step)
        expected = -(at.gradient[cut.rows].double().transpose(0, 1) * slope).sum((1, 2))
        assert np.allclose(found["gradient"][0, layer], expected.numpy(), rtol=1e-4, atol=1e-7)
    assert (np.abs(found["gradient"]) <= np.abs(found["local"]) + 1e-9).all()  # one row: a factor below 1


def test_naive_methods_are_attention_and_its_values() -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    found = estimate(model, prompt, FLOWS[3:], NAIVE).by_method
    _, cache = model.run_with_cache(prompt, ["blocks.2.attn.hook_pattern"])
    pattern = cache["blocks.2.attn.hook_pattern"][0, :, -1]
    expected = -100 * pattern[:, list(prompt.layout["video"])].sum(-1)
    assert np.allclose(found["attention"][0, 2], expected.numpy(), atol=1e-3)
    assert (found["value_norm"] < 0).all()


def test_percent_follows_from_log_odds() -> None:
    assert change_percent_of(0.0, 0.0) == 0
    assert change_percent_of(2.0, -100.0) == pytest.approx(-100)
    p, q = 1 / (1 + np.exp(-2.0)), 1 / (1 + np.exp(-1.0))
    assert change_percent_of(2.0, -1.0) == pytest.approx(100 * (q - p) / p)


def test_methods_that_a_model_cannot_have_are_refused() -> None:
    check_methods(tiny_model(), METHODS)
    with pytest.raises(ModelError, match="RelP"):
        check_methods(tiny_model("qwen3_vl_moe"), ["relp"])
    assert (N_LAYERS, N_HEADS) == (6, 4)

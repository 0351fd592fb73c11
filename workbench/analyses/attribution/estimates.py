"""Estimates of what cutting each (flow, layer, head) does to the answer, by method.

Every method with a gradient estimates the change of the log-odds of the traced token, and differs in what it
takes for the cut and for the gradient. Let z be a head's output at one row, and dz its change when the flow's
edges are taken out of the softmax, exactly:

    local       sum of gradient x dz, over rows and channels: one pass, exact in the layer that is cut
    gradient    the derivative for a gate on the edges' weights inside the softmax; for a row that gives the
                flow the share a of its attention it is (1 - a) times `local`
    integrated  as `local`, its gradients averaged over a path on which the flow is cut in all layers and
                heads by and by (EAP-IG, Hanna et al. 2024, on this gate); its cells sum to the whole change
    relp        as `local`, with relevance in place of the gradient (`rules.py`)

    hybrid      `local`, and exact knockouts of the flows that cut the last row alone, which cost next to
                nothing where the rest is reused (made in `measurement.py`)

    attention   attention weight on the flow: its share in percent, mean over the flow's rows, negative
    value_norm  attention weight times the norm of what the value adds to the stream (Kobayashi et al. 2020),
                summed over keys, mean over rows, negative

The last two are the naive baselines: they ask neither what the answer needs nor in which direction.

Axes: f flow, l layer, h head, r rows that a flow cuts, k key row, e head dim, d model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from scipy.special import expit

from workbench.analyses.attention.weights import added_norms
from workbench.analyses.attribution.methods import HYBRID, LOCAL, NAIVE, STEPS
from workbench.analyses.attribution.passes import Attended, Cut, forward_backward
from workbench.analyses.attribution.rules import relevance_rules, rule_points
from workbench.errors import ModelError
from workbench.models.hooks.points import HookPoint, hook_points
from workbench.shapes import Float

if TYPE_CHECKING:
    from workbench.interventions import Flow
    from workbench.models import Prompt, VideoLLM


class Estimates(NamedTuple):
    """Of one prompt."""

    log_odds: float
    """Of the traced token in the untouched model."""
    token_id: int
    by_method: Mapping[str, Float[np.ndarray, "f l h"]]
    """Change of the log-odds; of the naive methods their own number. NaN for heads that a layer lacks."""


def estimate(
    model: VideoLLM,
    prompt: Prompt,
    flows: Iterable[Flow],
    methods: Sequence[str],
    *,
    token_id: int | None = None,
    steps: int = STEPS,
) -> Estimates:
    """Every method's estimates. Raises SpanError, KnockoutError for a flow that cannot be cut here."""
    asked = (*methods, LOCAL) if HYBRID in methods else tuple(methods)
    cuts = [Cut.of(flow, prompt.layout, model.device) for flow in flows]
    found = {name: np.full((len(cuts), model.n_layers, model.n_heads), np.nan) for name in asked}

    def fill(name: str, flow: int, layer: int, by_head: np.ndarray) -> None:
        found[name][flow, layer, : len(by_head)] = by_head

    base = None
    if "relp" in methods:
        rules = relevance_rules(model, prompt)
        base = forward_backward(model, prompt, token_id=token_id, rules=rules, constant_pattern=True)
        for layer, at in base.layers.items():
            for number, cut in enumerate(cuts):
                fill("relp", number, layer, _products(at, cut))
    if base is None or set(asked) - {"relp", "integrated"}:
        base = forward_backward(model, prompt, token_id=token_id)
        for layer, at in base.layers.items():
            for number, cut in enumerate(cuts):
                for name, by_head in _of_layer(model, layer, at, cut, asked).items():
                    fill(name, number, layer, by_head)
    if "integrated" in methods:
        for number, cut in enumerate(cuts):
            for layer, by_head in _integrated(model, prompt, cut, base.token_id, steps).items():
                fill("integrated", number, layer, by_head)
    if HYBRID in methods:
        found[HYBRID] = found[LOCAL]
    return Estimates(base.log_odds, base.token_id, {name: found[name] for name in methods})


def change_percent_of(log_odds: Any, change: Any) -> Any:
    """Change of the probability in percent of itself, for a change of its log-odds. It is -100 at least."""
    p = expit(log_odds)
    return 100 * (expit(np.asarray(log_odds) + change) / p - 1)


def _products(at: Attended, cut: Cut) -> Float[np.ndarray, " h"]:
    """Gradient times local change, by head."""
    assert at.gradient is not None
    total = torch.zeros(at.z.shape[2], dtype=torch.float64, device=at.z.device)
    for rows, change in at.local_change(cut):
        total += torch.einsum("rhe,rhe->h", at.gradient[rows].double(), change.double())
    return total.cpu().numpy()


def _of_layer(
    model: VideoLLM, layer: int, at: Attended, cut: Cut, methods: Sequence[str]
) -> dict[str, Float[np.ndarray, " h"]]:
    found: dict[str, np.ndarray] = {}
    if "local" in methods:
        found["local"] = _products(at, cut)
    if weighing := [name for name in methods if name in ("gradient", *NAIVE)]:
        found |= _weighed(model, layer, at, cut, weighing)
    return found


@torch.no_grad()
def _weighed(
    model: VideoLLM, layer: int, at: Attended, cut: Cut, methods: Sequence[str]
) -> dict[str, Float[np.ndarray, " h"]]:
    """The methods that need attention weights."""
    assert at.gradient is not None
    heads = at.z.shape[2]
    total = {name: torch.zeros(heads, dtype=torch.float64, device=at.z.device) for name in methods}
    changes = at.local_change(cut) if "gradient" in methods else None
    norms = None
    if "value_norm" in methods:
        norms = added_norms(at.wide()[2][0], _outputs(model)[layer].module, heads)
    for part, weights in at.weights(cut):
        on_flow = weights.masked_fill(~part.keys, 0.0)
        if changes is not None:
            rows, change = next(changes)
            kept = weights.masked_fill(part.keys, 0.0).sum(-1).T.double()  # (r, h): 1 - a, without cancelling
            of_row = torch.einsum("rhe,rhe->rh", at.gradient[rows].double(), change.double())
            total["gradient"] += (of_row * kept).sum(0)
        if "attention" in methods:
            total["attention"] -= 100 * on_flow.sum((1, 2)).double() / len(cut.rows)
        if norms is not None:
            total["value_norm"] -= torch.einsum("hrk,hk->h", on_flow, norms).double() / len(cut.rows)
    return {name: value.cpu().numpy() for name, value in total.items()}


def _integrated(
    model: VideoLLM, prompt: Prompt, cut: Cut, token_id: int, steps: int
) -> dict[int, Float[np.ndarray, " h"]]:
    """The path integral by Gauss and Legendre's rule, by layer. Its sum is the change of the log-odds where
    the flow is cut in all layers, but for the rule's error."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    total: dict[int, np.ndarray] = {}
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        found = forward_backward(model, prompt, token_id=token_id, cut=cut, dose=float(point))
        for layer, at in found.layers.items():
            assert at.gradient is not None
            assert at.moved is not None
            value = torch.einsum("rhe,rhe->h", at.gradient[cut.rows].double(), at.moved.double())
            total[layer] = total.get(layer, 0.0) + weight * value.cpu().numpy()
    return total


def check_methods(model: VideoLLM, methods: Sequence[str]) -> None:
    """Raises ModelError where a method cannot be used on this model."""
    if "relp" in methods:
        rule_points(model)
    if "value_norm" in methods:
        _outputs(model)


def _outputs(model: VideoLLM) -> dict[int, HookPoint]:
    """What takes each layer's heads to the residual stream."""
    points = hook_points(model)
    names = {layer: f"blocks.{layer}.attn.hook_result" for layer in model.family.attentions(model.hf)}
    if missing := [layer for layer, name in names.items() if name not in points]:
        raise ModelError(
            f"Layer {missing[0] + 1} of {model.name} does not say what a head's value adds to the residual "
            "stream. Leave the method 'value_norm' out."
        )
    return {layer: points[name] for layer, name in names.items()}

"""Relevance propagation as gradients: LRP's rules for a transformer, put into the forward of a model.

RelP (Rezaei Jafari et al., arXiv 2508.21258, 2025) takes in place of the gradient what layer-wise relevance
propagation sends back: LN-rule for norms (their divisor is a constant; Ali et al. 2022), identity-rule for
activation functions (their output over their input is a constant), half-rule where two activations are
multiplied (each gets half), 0-rule for linear layers (as they are), AH-rule for attention (its weights are
constants). Values are unchanged; only gradients are.

Axes: b batch (1), s position, d model, m MLP.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from workbench.errors import ModelError
from workbench.models.hooks.forms import Moment
from workbench.models.hooks.points import HookPoint, hook_points
from workbench.models.hooks.sites import visiting

if TYPE_CHECKING:
    from workbench.models import Prompt, VideoLLM

_SCALES = ("ln1.hook_scale", "ln2.hook_scale")
_PRE, _GATED, _POST = "mlp.hook_pre", "mlp.hook_pre_linear", "mlp.hook_post"


@contextmanager
def relevance_rules(model: VideoLLM, prompt: Prompt) -> Iterator[None]:
    """The rules hold while the context is open. Raises ModelError as `rule_points`."""
    factors: dict[int | None, list[Tensor]] = {}

    def visit(point: HookPoint, moment: Moment) -> None:
        name = point.name.partition(".mlp.")[2]
        if not name:
            point.form.route(moment, point.form.read(moment).detach())
        elif name == "hook_post":
            moment.value = _product(moment.value, factors.pop(point.index))
        else:
            factors.setdefault(point.index, []).append(moment.value)

    with visiting(rule_points(model), visit, prompt.inputs):
        yield


def rule_points(model: VideoLLM) -> list[HookPoint]:
    """Where the rules act. Raises ModelError for norms or MLPs of a kind that they are not written for."""
    points = hook_points(model)
    blocks = list(model.family.decoder_layers(model.hf))
    needed = ["ln_final.hook_scale"]
    chosen = []
    for layer, block in enumerate(blocks):
        needed += [f"blocks.{layer}.{name}" for name in (*_SCALES, _PRE, _POST)]
        norms = [child for child in block.children() if isinstance(child, type(block.input_layernorm))]
        if len(norms) > 2:
            raise ModelError(
                f"Layer {layer + 1} of {model.name} has {len(norms)} norms, and RelP's rules are written for "
                "the two in front of attention and MLP. Use another method, such as 'local'."
            )
        if (linear := f"blocks.{layer}.{_GATED}") in points:
            chosen.append(points[linear])
    if missing := [name for name in needed if name not in points]:
        raise ModelError(
            f"{model.name} has no {missing[0]}, where RelP's rules would act (a mixture of experts, or an "
            "MLP whose two parts are one layer). Use another method, such as 'local'."
        )
    return [*(points[name] for name in needed), *chosen]


def _product(value: Tensor, factors: list[Tensor]) -> Tensor:
    """`value`, with the gradient of: each of n factors times a constant, the factor's n-th part of the
    value."""
    constant = value.detach()
    through = torch.zeros_like(constant)
    for factor in factors:
        held = factor.detach()
        ratio = torch.where(held == 0, 0.0, constant / held) / len(factors)
        through = through + ratio * factor
    return constant + (through - through.detach())

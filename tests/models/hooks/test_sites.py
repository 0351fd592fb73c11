"""Callbacks at the modules that points live on: in order, once a pass, and gone afterwards."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.hooks.cases import LAYERS, case, plain_logits
from tests.models.hooks.test_edit import run
from workbench.errors import HookError
from workbench.models.hooks import HookPoint, hook_points
from workbench.models.hooks.forms import Moment
from workbench.models.hooks.sites import visiting


def test_functions_run_in_order_and_know_their_point() -> None:
    of = case("llava_next_video", "sdpa")
    calls: list[tuple[str, int | None]] = []

    def note(value: Tensor, hook: HookPoint) -> None:
        calls.append((hook.name, hook.layer()))

    def plus(value: Tensor, hook: HookPoint) -> Tensor:
        return value + 1

    def times(value: Tensor, hook: HookPoint) -> Tensor:
        return value * 3

    run(of, ("blocks.*.hook_resid_pre", note), ("hook_embed", note), ("vision.0.hook_resid_pre", note))
    assert calls == [
        ("vision.0.hook_resid_pre", 0),
        ("hook_embed", None),
        *((f"blocks.{layer}.hook_resid_pre", layer) for layer in range(LAYERS)),
    ]
    name = "blocks.1.hook_resid_pre"
    plus_times = run(of, (name, plus), (name, times))
    assert torch.equal(plus_times, run(of, (name, lambda value, hook: (value + 1) * 3)))
    assert not torch.allclose(plus_times, run(of, (name, times), (name, plus)), atol=1e-3)


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_on_the_modules(fails: bool) -> None:
    of = case("llava_next_video", "sdpa")
    points = list(hook_points(of.model).values())
    seen: list[str] = []

    def visit(point: HookPoint, moment: Moment) -> None:
        seen.append(point.name)
        if fails:
            raise RuntimeError("in the middle")

    def hooks() -> int:
        return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in of.model.hf.modules())

    run(of)  # the first forward installs what transformers itself hooks
    before = hooks()
    with pytest.raises(RuntimeError, match="in the middle") if fails else nullcontext(), torch.no_grad():
        with visiting(points, visit, of.prompt.inputs):
            assert hooks() > before
            of.model.hf(**of.prompt.inputs, use_cache=False)
    assert hooks() == before
    assert len(seen) == (1 if fails else len(points))
    assert torch.equal(run(of), plain_logits(of))


def test_a_module_that_is_given_no_tensor_has_no_point() -> None:
    linear = nn.Linear(2, 2)
    point: Any = SimpleNamespace(module=linear, side="in", attention=None, name="here")
    with (
        visiting([point], lambda point, moment: None, {}),
        pytest.raises(HookError, match="has no hook point"),
    ):
        linear("text")


def test_a_modules_input_is_what_comes_first_by_whatever_name() -> None:
    class Named(nn.Module):
        def forward(self, embeds: Tensor, shift: float) -> Tensor:
            return embeds + shift

    point: Any = SimpleNamespace(module=Named(), side="in", attention=None, name="here")

    def doubled(point: HookPoint, moment: Moment) -> None:
        moment.value = 2 * moment.value

    with visiting([point], doubled, {}):
        assert point.module(embeds=torch.ones(2), shift=1.0).tolist() == [3.0, 3.0]
        assert point.module(torch.ones(2), shift=1.0).tolist() == [3.0, 3.0]

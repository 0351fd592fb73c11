"""Points of the residual stream exist where they are what their names say, and are absent with the reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from tests.tiny import FAMILY_NAMES, tiny_model
from tests.tiny.decoders import TEXT, Case, bare_case
from workbench.errors import HookError
from workbench.models.hooks import hook_points, run_with_cache

_MIDDLE = {"hook_resid_mid", "hook_mlp_in", "ln2.hook_scale", "ln2.hook_normalized"}
_SCALED = {"hook_attn_out", "attn.hook_result", "hook_mlp_out"}
_NO_HEAD_DIM = {name: value for name, value in TEXT.items() if name != "head_dim"}


def olmo2() -> Case:
    """Norms behind attention and MLP."""
    return bare_case("Olmo2ForCausalLM", transformers.Olmo2Config(**TEXT))


def glm4() -> Case:
    """Norms on both sides, as in GLM-4V's decoder."""
    return bare_case("Glm4ForCausalLM", transformers.Glm4Config(**TEXT))


def gemma3() -> Case:
    """Norms on both sides, and layers of two kinds."""
    return bare_case("Gemma3ForCausalLM", transformers.Gemma3TextConfig(**TEXT, sliding_window=6))


def granite(multiplier: float = 0.3) -> Case:
    """What is added is multiplied by a number."""
    return bare_case("GraniteForCausalLM", transformers.GraniteConfig(**TEXT, residual_multiplier=multiplier))


def phi() -> Case:
    """Attention and MLP side by side."""
    return bare_case("PhiForCausalLM", transformers.PhiConfig(**_NO_HEAD_DIM))


def mixture() -> Case:
    """An MLP of experts."""
    config = transformers.Qwen3MoeConfig(
        **TEXT, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32
    )
    return bare_case("Qwen3MoeForCausalLM", config)


@pytest.mark.parametrize(
    ("build", "gone"),
    [
        (olmo2, _MIDDLE | _SCALED),
        (glm4, _SCALED),
        (gemma3, _SCALED),
        (granite, _SCALED),
        (lambda: granite(1.0), set()),
        (phi, set()),
        (mixture, set()),
    ],
)
def test_points_whose_identity_does_not_hold_are_absent(build: Any, gone: set[str]) -> None:
    case = build()
    points = hook_points(case.model)
    layers = range(case.model.n_layers)
    assert set(points.absent) == {f"blocks.{layer}.{name}" for layer in layers for name in gone}
    assert not set(points.absent) & set(points)
    for name, reason in points.absent.items():
        with pytest.raises(HookError, match=f"no '{name}': .*{type(_layer(case)).__name__}"):
            run_with_cache(case.model, case.prompt, name)
        assert reason


@pytest.mark.parametrize("build", [olmo2, glm4, gemma3, granite, lambda: granite(1.0), phi, mixture])
def test_identities_hold_wherever_their_points_exist(build: Any) -> None:
    """The numbers, and the residual stream between attention and MLP worked out from the plain model."""
    case = build()
    cache = run_with_cache(case.model, case.prompt, lambda name: name.startswith("blocks.")).cache
    middle = _middles(case)
    for layer in range(case.model.n_layers):
        pre, post = cache["resid_pre", layer], cache["resid_post", layer]
        if ("resid_mid", layer) in cache:
            torch.testing.assert_close(cache["resid_mid", layer], middle[layer], atol=1e-5, rtol=1e-4)
        if ("attn_out", layer) in cache and ("resid_mid", layer) in cache:
            torch.testing.assert_close(pre + cache["attn_out", layer], middle[layer], atol=1e-5, rtol=1e-4)
        if ("mlp_out", layer) in cache and ("resid_mid", layer) in cache:
            torch.testing.assert_close(middle[layer] + cache["mlp_out", layer], post, atol=1e-5, rtol=1e-4)
        if build is phi:
            added = cache["attn_out", layer] + cache["mlp_out", layer]
            torch.testing.assert_close(pre + added, post, atol=1e-5, rtol=1e-4)


def _layer(case: Case) -> Any:
    return case.model.family.decoder_layers(case.model.hf)[0]


def _middles(case: Case) -> list[torch.Tensor]:
    """The stream between attention and MLP, from the plain model: its layers without their MLP's part."""
    found = []

    def after(module: Any, args: Any, output: Any) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)

    def nothing(module: Any, args: Any, output: Any) -> Any:
        return tuple(torch.zeros_like(one) for one in output) if isinstance(output, tuple) else output * 0

    def again(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        # The same layer on the same input, its MLP silent.
        hook = module.mlp.register_forward_hook(nothing)
        handle.append(hook)
        try:
            after(module, args, type(module).forward(module, *args, **kwargs))
        finally:
            hook.remove()

    handle: list[Any] = []
    hooks = [
        layer.register_forward_hook(again, with_kwargs=True) for layer in case.plain.get_decoder().layers
    ]
    with torch.no_grad():
        case.plain(**case.prompt.inputs, use_cache=False)
    for hook in hooks:
        hook.remove()
    return found


def test_a_silent_or_faint_attention_is_no_other_identity() -> None:
    """What is added may be 0, or less than the stream's type can show."""
    for times in (0.0, 1e-9):
        case = mixture()
        with torch.no_grad():
            for layer in case.model.family.decoder_layers(case.model.hf):
                layer.self_attn.o_proj.weight.mul_(times)
        assert not hook_points(case.model).absent


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_families_have_all_identities(family: str) -> None:
    assert not hook_points(tiny_model(family)).absent


def test_a_decoder_that_cannot_be_tried_has_no_such_points() -> None:
    case = mixture()
    decoder: Any = case.model.family.decoder(case.model.hf)

    def refuse(module: Any, args: Any, kwargs: Any) -> None:
        raise ValueError("pixels, please")

    decoder.register_forward_pre_hook(refuse, with_kwargs=True)
    points = hook_points(case.model)
    reason = points.absent["blocks.0.hook_resid_mid"]
    assert "could not be run on a few tokens (ValueError: pixels, please)" in reason
    assert "blocks.0.hook_resid_post" in points

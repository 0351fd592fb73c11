"""Names of hook points: TransformerLens' shorthand, patterns, and refusals that help."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from torch import Tensor, nn

from tests.models.hooks.cases import FAMILY_NAMES, LAYERS, VISION_BLOCKS, FamilyName, case
from tests.tiny import DECODER_NAMES, tiny_model
from workbench.errors import HookError
from workbench.models.hooks import (
    get_act_name,
    hook_names,
    hook_points,
    run_with_cache,
    run_with_hooks,
)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_every_family_has_every_point(family: FamilyName) -> None:
    names = hook_names(case(family, "sdpa").model)
    attention = ("q", "k", "v", "rot_q", "rot_k", "attn_scores", "pattern", "z", "result")
    block = [f"attn.hook_{name}" for name in attention]
    block += [
        f"hook_{name}" for name in ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", "mlp_in")
    ]
    block += [f"mlp.hook_{name}" for name in ("pre", "pre_linear", "post")]
    block += [f"{norm}.hook_{part}" for norm in ("ln1", "ln2") for part in ("scale", "normalized")]
    expected = {f"blocks.{layer}.{name}" for layer in range(LAYERS) for name in block}
    expected |= {"hook_embed", "ln_final.hook_scale", "ln_final.hook_normalized", "projector.hook_out"}
    expected |= {
        f"vision.{layer}.hook_resid_{side}" for layer in range(VISION_BLOCKS) for side in ("pre", "post")
    }
    further = len(case(family, "sdpa").model.family.deepstack(case(family, "sdpa").model.hf))
    expected |= {f"deepstack.{index}.hook_out" for index in range(further)}
    assert set(names) == expected
    assert len(names) == len(expected)


@pytest.mark.parametrize("family", DECODER_NAMES)
def test_names_stand_in_the_order_of_the_forward(family: FamilyName) -> None:
    of = case(family, "eager")
    met: list[str] = []
    acting = [name for name, point in hook_points(of.model).items() if not point.inert]
    run_with_hooks(of.model, of.prompt, [(acting.__contains__, lambda value, hook: met.append(hook.name))])
    # Two views of one passage come one after the other, where a third may stand between their names.
    twice = {"attn.hook_result", "hook_mlp_in", "hook_embed"}
    names = [name for name in acting if name.partition(".")[2] not in twice]
    assert [name for name in met if name in names] == names


@pytest.mark.parametrize(
    ("short", "full"),
    [
        # the examples of TransformerLens' own documentation
        (("k", 6, "a"), "blocks.6.attn.hook_k"),
        (("pre", 2), "blocks.2.mlp.hook_pre"),
        (("embed",), "hook_embed"),
        (("normalized", 27, "ln2"), "blocks.27.ln2.hook_normalized"),
        (("k6",), "blocks.6.attn.hook_k"),
        (("scale4ln1",), "blocks.4.ln1.hook_scale"),
        (("pre5",), "blocks.5.mlp.hook_pre"),
        # more
        (("resid_post", 3), "blocks.3.hook_resid_post"),
        (("resid_mid", 0, "block"), "blocks.0.hook_resid_mid"),
        (("resid_pre12",), "blocks.12.hook_resid_pre"),
        (("attn", 5), "blocks.5.attn.hook_pattern"),
        (("attn_logits", 5), "blocks.5.attn.hook_attn_scores"),
        (("rot_q", 1), "blocks.1.attn.hook_rot_q"),
        (("result", 1), "blocks.1.attn.hook_result"),
        (("query", 1), "blocks.1.attn.hook_q"),
        (("mlp_post", 1), "blocks.1.mlp.hook_post"),
        (("pre_linear", 1), "blocks.1.mlp.hook_pre_linear"),
        (("mlp_out", 1), "blocks.1.hook_mlp_out"),
        (("scale",), "ln_final.hook_scale"),
        (("normalized", None, "ln_final"), "ln_final.hook_normalized"),
        (("blocks.3.attn.hook_k",), "blocks.3.attn.hook_k"),
        (("hook_embed",), "hook_embed"),
        (("vision.2.hook_resid_pre",), "vision.2.hook_resid_pre"),
    ],
)
def test_get_act_name(short: tuple[Any, ...], full: str) -> None:
    assert get_act_name(*short) == full


def test_short_names_that_need_a_layer() -> None:
    with pytest.raises(HookError, match=r"'pattern'.*needs a layer"):
        get_act_name("attn")


class OnePlusNorm(nn.Module):
    """A norm of another kind: (1 + weight) times, as in Gemma."""

    def __init__(self, theirs: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(theirs.weight.detach().clone() - 1)
        self.variance_epsilon = theirs.variance_epsilon

    def forward(self, value: Tensor) -> Tensor:
        scale = value.pow(2).mean(-1, keepdim=True).add(self.variance_epsilon).sqrt()
        return (1 + self.weight) * value / scale


def test_points_that_a_model_does_not_show_are_not_offered() -> None:
    of = case("llava_next_video", "sdpa")
    before = set(hook_names(of.model))
    block = of.model.hf.get_decoder().layers[1]
    block.input_layernorm = OnePlusNorm(block.input_layernorm)
    block.mlp.down_proj = nn.Sequential(block.mlp.down_proj)  # stays
    block.self_attn.o_proj = nn.Sequential(block.self_attn.o_proj)  # no weight to split by head
    of.model.hf.get_decoder().norm = OnePlusNorm(of.model.hf.get_decoder().norm)
    missing = before - set(hook_names(of.model))
    assert missing == {
        "blocks.1.ln1.hook_scale",
        "blocks.1.ln1.hook_normalized",
        "blocks.1.attn.hook_result",
        "ln_final.hook_scale",
        "ln_final.hook_normalized",
    }
    with pytest.raises(
        HookError, match=r"no 'blocks\.1\.ln1\.hook_scale': its modules do not show that step"
    ):
        run_with_cache(of.model, of.prompt, "blocks.1.ln1.hook_scale")
    assert "blocks.0.ln1.hook_scale" in hook_names(of.model)


def test_models_without_our_attention_offer_no_steps_of_it() -> None:
    of = case("qwen2_5_vl", "sdpa")
    plain = SimpleNamespace(hf=of.plain, family=of.model.family)
    missing = {name.split(".", 2)[2] for name in set(hook_names(of.model)) - set(hook_names(plain))}  # type: ignore[arg-type]
    assert missing == {f"attn.hook_{name}" for name in ("rot_q", "rot_k", "attn_scores", "pattern", "z")}


def test_layers_of_points() -> None:
    points = hook_points(case("llava_next_video", "sdpa").model)
    assert points["blocks.2.attn.hook_q"].layer() == 2
    assert points["vision.1.hook_resid_pre"].layer() == 1
    assert points["hook_embed"].layer() is None
    assert points["ln_final.hook_scale"].layer() is None


def test_a_point_shows_its_name_and_no_module() -> None:
    point = hook_points(tiny_model())["blocks.1.attn.hook_z"]
    assert repr(point) == "HookPoint(blocks.1.attn.hook_z)"

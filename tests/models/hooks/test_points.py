"""Names of hook points: TransformerLens' shorthand, patterns, and refusals that help."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.hooks.cases import FAMILY_NAMES, HIDDEN, LAYERS, VISION_BLOCKS, FamilyName, case
from workbench.errors import HookError
from workbench.models.families.vision_rows import frame_rows
from workbench.models.hooks.forms import understood
from workbench.models.hooks.points import get_act_name, hook_names, hook_points
from workbench.models.hooks.running import materialise, run_with_cache, run_with_hooks


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
    assert set(names) == expected
    assert len(names) == len(expected)


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


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("blocks.1.hook_resid_pots", r"no hook point .*Did you mean 'blocks\.1\.hook_resid_post'"),
        ("blocks.1.attn.hook_patern", r"Did you mean 'blocks\.1\.attn\.hook_pattern'"),
        ("blocks.1.hook_q", r"Did you mean .*'blocks\.1\.attn\.hook_q'"),
        ("blocks.3.attn.hook_z", r"blocks\.0 to blocks\.2; layers in hook names count from 0"),
        ("blocks.-1.attn.hook_z", r"blocks\.0 to blocks\.2"),
        ("vision.2.hook_resid_pre", r"vision\.0 to vision\.1"),
        ("resid_post", r"blocks\.0\.hook_resid_post.*hook_names"),
        ("hook_pos_embed", "no hook point"),
        ("blocks.*.hook_resid_pots", r"matches none of the \d+ hook points"),
        ([], "names no hook point"),
        (["hook_embed", "blocks.1.nothing"], r"blocks\.1\.nothing"),
        ([3], "must be text, not int"),
        (lambda name: False, "accepts none"),
        ("", "no hook point ''"),
    ],
)
def test_unknown_names_are_refused_with_near_matches(names: Any, message: str) -> None:
    of = case("llava_next_video", "sdpa")
    with pytest.raises(HookError, match=message):
        run_with_cache(of.model, of.prompt, names)
    with pytest.raises(HookError, match=message):
        run_with_hooks(of.model, of.prompt, [(names, lambda value, hook: value)])
    with pytest.raises(HookError, match=message), materialise(of.model, names):
        pass


def test_filters() -> None:
    of = case("llava_next_video", "sdpa")

    def kept(names: Any) -> list[str]:
        return list(run_with_cache(of.model, of.prompt, names).cache)

    everything = list(hook_names(of.model))
    assert kept(None) == [name for name in everything if not name.endswith(("hook_result", "hook_mlp_in"))]
    assert kept("blocks.*.hook_resid_post") == [f"blocks.{layer}.hook_resid_post" for layer in range(LAYERS)]
    assert kept("blocks.[01].attn.hook_?") == [
        f"blocks.{layer}.attn.hook_{name}" for layer in (0, 1) for name in "qkvz"
    ]
    assert kept(["blocks.2.hook_resid_pre", "hook_embed"]) == ["hook_embed", "blocks.2.hook_resid_pre"]
    assert kept(("hook_embed", "hook_embed")) == ["hook_embed"]
    assert kept({"hook_embed"}) == ["hook_embed"]
    assert kept(lambda name: name.endswith("hook_result")) == [
        f"blocks.{layer}.attn.hook_result" for layer in range(LAYERS)
    ]
    assert kept("blocks.0.attn.hook_result") == ["blocks.0.attn.hook_result"]


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


def test_layers_of_points() -> None:
    points = hook_points(case("llava_next_video", "sdpa").model)
    assert points["blocks.2.attn.hook_q"].layer() == 2
    assert points["vision.1.hook_resid_pre"].layer() == 1
    assert points["hook_embed"].layer() is None
    assert points["ln_final.hook_scale"].layer() is None


@pytest.mark.parametrize("window", [None, 28, 56, 84, 112])
@pytest.mark.parametrize("grid", [(1, 2, 2), (2, 6, 8), (3, 10, 6)])
def test_rows_of_frames_are_a_permutation(window: int | None, grid: tuple[int, int, int]) -> None:
    tower = SimpleNamespace(spatial_merge_size=2, patch_size=14)
    if window is not None:
        tower.window_size = window
    prompt = {"video_grid_thw": torch.tensor([grid])}
    units, height, width = grid
    patches = frame_rows(tower, prompt, merged=False)
    cells = frame_rows(tower, prompt, merged=True)
    assert patches.shape == (units, height * width)
    assert cells.shape == (units, height * width // 4)
    for rows in (patches, cells):
        assert sorted(rows.flatten().tolist()) == list(range(rows.numel()))
        # a frame's patches stay together
        assert all(set(row.tolist()) == set(range(row.min(), row.max() + 1)) for row in rows)
    # four patches of a cell stay together, and lie in one 2 x 2 square of the raster
    square = patches.view(units, height // 2, 2, width // 2, 2).transpose(2, 3).reshape(units, -1, 4)
    assert torch.equal(square // 4, cells[..., None].expand_as(square))


def test_rows_of_frames_need_one_video() -> None:
    tower = SimpleNamespace(spatial_merge_size=2, patch_size=14)
    with pytest.raises(HookError, match="missing"):
        frame_rows(tower, {}, merged=False)
    with pytest.raises(HookError, match=r"\(2, 3\)"):
        frame_rows(tower, {"video_grid_thw": torch.ones(2, 3, dtype=torch.long)}, merged=False)

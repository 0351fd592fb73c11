"""Edits: each acts where it should and nowhere else, or is refused before the model runs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.hooks.cases import DECODER_NAMES, HEADS, KINDS, LAYERS, Case, FamilyName, case, plain_logits
from workbench.errors import HookError
from workbench.models.hooks import HookPoint, hook_names, hook_points, run_with_cache, run_with_hooks

ALL = pytest.mark.parametrize("family", DECODER_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)
GROUPED = pytest.mark.parametrize("kv_heads", [2, 4])


def editable(of: Case) -> list[str]:
    return [name for name, point in hook_points(of.model).items() if not point.inert]


def some(of: Case) -> list[str]:
    """All kinds of points, of one decoder layer."""
    return [name for name in editable(of) if not name.startswith(("blocks.0", "blocks.2"))]


def run(of: Case, *hooks: Any, **options: Any) -> Tensor:
    return run_with_hooks(of.model, of.prompt, list(hooks), **options)


def needs_steps(of: Case, name: str) -> bool:
    return hook_points(of.model)[name].attention is not None


def plain_run(of: Case, name: str) -> Tensor:
    """Logits when the same layers compute their attention step by step, and nothing is edited."""
    logits = run_with_cache(of.model, of.prompt, name).logits
    assert logits is not None
    return logits


@ALL
@BOTH
@GROUPED
def test_every_edit_acts(family: FamilyName, kind: Any, kv_heads: int) -> None:
    of = case(family, kind, kv_heads=kv_heads)
    expected = plain_logits(of)
    for name in editable(of):
        factor = 0.5 if name.endswith("hook_scale") else 0.0
        edited = run(of, (name, lambda value, hook, factor=factor: value * factor))
        assert not edited.isnan().any(), name
        assert (edited - expected).abs().max() > 1e-2, name


@ALL
@BOTH
def test_every_edit_in_place_equals_the_replacement(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)

    def replaced(value: Tensor, hook: HookPoint) -> Tensor:
        return value * 0.5

    def in_place(value: Tensor, hook: HookPoint) -> None:
        value.mul_(0.5)

    for name in some(of):
        assert torch.equal(run(of, (name, in_place)), run(of, (name, replaced))), name


@ALL
@BOTH
@pytest.mark.parametrize(
    "identity", [lambda value, hook: None, lambda value, hook: value, lambda value, hook: value.clone()]
)
def test_identity_changes_nothing_at_all(family: FamilyName, kind: Any, identity: Any) -> None:
    of = case(family, kind)
    for name in some(of):
        expected = plain_run(of, name) if needs_steps(of, name) else plain_logits(of)
        assert torch.equal(run(of, (name, identity)), expected), name
    assert torch.equal(run(of, (lambda name: name in editable(of), identity)), plain_run(of, "blocks.*"))


@ALL
@BOTH
def test_edits_reach_only_what_comes_after(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    expected = plain_logits(of)
    names = [name for name in hook_names(of.model) if name.startswith("blocks.1.")]
    row = of.prompt.layout.length - 3
    for name in names:
        axis = hook_points(of.model)[name].position_axis
        assert axis is not None

        def change_row(value: Tensor, hook: HookPoint, axis: int = axis) -> None:
            half = (value.shape[-1] + 1) // 2  # a norm would undo a factor on the whole row
            value.narrow(axis, row, 1)[..., :half].mul_(1.5)

        logits = run(of, (name, change_row))
        # causal: rows before the edited one see nothing of it
        assert torch.allclose(logits[:row], expected[:row], atol=1e-5), name
        assert (logits[row] - expected[row]).abs().max() > 1e-3, name
    assert torch.equal(run(of), expected)  # nothing was left behind


@ALL
@BOTH
def test_replacing_the_stream_replays_another_run(family: FamilyName, kind: Any) -> None:
    """Activation patching: the stream of another prompt, written at any point of it, gives its logits."""
    of = case(family, kind)
    other = copy.deepcopy(of.prompt)
    other.inputs["input_ids"][0, 1] = 17
    other.inputs["input_ids"][0, -2] = 23
    target = run_with_hooks(of.model, other, [])
    source = run_with_cache(of.model, other, ["hook_embed", "blocks.*.hook_resid_*"]).cache
    assert not torch.allclose(target, plain_logits(of), atol=1e-2)
    for name, value in source.items():
        assert torch.equal(run(of, (name, lambda activation, hook, value=value: value)), target), name


@ALL
@BOTH
def test_mlp_in_spares_the_stream(family: FamilyName, kind: Any) -> None:
    """hook_mlp_in is the MLP's own copy of the stream; hook_resid_mid is the stream."""
    of = case(family, kind)
    seen: dict[str, Tensor] = {}

    def keep(value: Tensor, hook: HookPoint) -> None:
        seen[hook.name] = value.clone()

    zero_in = ("blocks.1.hook_mlp_in", lambda value, hook: value * 0)
    run(of, zero_in, ("blocks.1.hook_mlp_out", keep), ("blocks.1.hook_resid_post", keep))
    mid = run_with_cache(of.model, of.prompt, "blocks.1.hook_resid_mid").cache["resid_mid", 1]
    assert torch.all(seen["blocks.1.hook_mlp_out"] == 0)
    assert torch.equal(seen["blocks.1.hook_resid_post"], mid)
    zero_mid = ("blocks.1.hook_resid_mid", lambda value, hook: value * 0)
    run(of, zero_mid, ("blocks.1.hook_resid_post", keep))
    assert torch.all(seen["blocks.1.hook_resid_post"] == 0)


@ALL
@BOTH
@GROUPED
def test_ablating_a_head_three_ways(family: FamilyName, kind: Any, kv_heads: int) -> None:
    of = case(family, kind, kv_heads=kv_heads)
    head = 2

    def z(value: Tensor, hook: HookPoint) -> None:
        value[:, :, head] = 0

    def pattern(value: Tensor, hook: HookPoint) -> None:
        value[:, head] = 0

    by_z = run(of, ("blocks.1.attn.hook_z", z))
    by_result = run(of, ("blocks.1.attn.hook_result", z))
    by_pattern = run(of, ("blocks.1.attn.hook_pattern", pattern))
    assert torch.allclose(by_result, by_z, atol=1e-5)
    assert torch.allclose(by_pattern, by_z, atol=1e-5)
    result = run_with_cache(of.model, of.prompt, "blocks.1.attn.hook_result").cache["result", 1]
    by_out = run(of, ("blocks.1.hook_attn_out", lambda value, hook: value - result[:, :, head]))
    assert torch.allclose(by_out, by_z, atol=1e-5)
    assert not torch.allclose(by_z, plain_logits(of), atol=1e-2)


@BOTH
def test_results_leave_the_bias_of_the_output_alone(kind: Any) -> None:
    of = case("llava_next_video", kind, attention_bias=True)
    bias = of.model.hf.get_decoder().layers[1].self_attn.o_proj.bias
    assert bias.abs().max() > 0.1
    cache = run_with_cache(of.model, of.prompt, ["blocks.1.attn.hook_result", "blocks.1.hook_attn_out"]).cache
    assert torch.allclose(cache["result", 1].sum(2) + bias, cache["attn_out", 1], atol=1e-5)
    none = run(of, ("blocks.1.attn.hook_result", lambda value, hook: value * 0))
    only_bias = run(of, ("blocks.1.hook_attn_out", lambda value, hook: bias.expand_as(value).clone()))
    assert torch.allclose(none, only_bias, atol=1e-5)


@ALL
@BOTH
def test_editing_rotated_keys_of_one_group_moves_its_heads_only(family: FamilyName, kind: Any) -> None:
    of = case(family, kind, kv_heads=2)
    seen: dict[str, Tensor] = {}

    def flatten(value: Tensor, hook: HookPoint) -> None:
        value[:, :, 1] = 0

    def keep(value: Tensor, hook: HookPoint) -> None:
        seen["pattern"] = value.clone()

    run(of, ("blocks.1.attn.hook_rot_k", flatten), ("blocks.1.attn.hook_pattern", keep))
    plain = run_with_cache(of.model, of.prompt, "blocks.1.attn.hook_pattern").cache["pattern", 1]
    assert torch.equal(seen["pattern"][:, : HEADS // 2], plain[:, : HEADS // 2])
    rows = torch.arange(1, of.prompt.layout.length + 1)
    uniform = torch.tril(torch.ones(len(rows), len(rows))) / rows[:, None]
    assert torch.allclose(seen["pattern"][:, HEADS // 2 :], uniform.expand(1, HEADS // 2, -1, -1))


@ALL
@BOTH
def test_norm_edits(family: FamilyName, kind: Any) -> None:
    of = case(family, kind)
    seen: dict[str, Tensor] = {}

    def keep(value: Tensor, hook: HookPoint) -> None:
        seen[hook.name] = value.clone()

    def double(value: Tensor, hook: HookPoint) -> Tensor:
        return value * 2

    by_scale = run(of, ("ln_final.hook_scale", double), ("ln_final.hook_normalized", keep))
    by_normalized = run(of, ("ln_final.hook_normalized", lambda value, hook: value / 2))
    assert torch.allclose(by_scale, plain_logits(of) / 2, atol=1e-5)
    assert torch.allclose(by_normalized, by_scale, atol=1e-5)
    plain = run_with_cache(of.model, of.prompt, "ln_final.*").cache["normalized"]
    assert torch.allclose(seen["ln_final.hook_normalized"], plain / 2, atol=1e-6)
    # both at once undo each other
    both = run(
        of, ("ln_final.hook_scale", double), ("ln_final.hook_normalized", lambda value, hook: value * 2)
    )
    assert torch.allclose(both, plain_logits(of), atol=1e-5)


@ALL
@BOTH
def test_frozen_norms_make_the_head_linear(family: FamilyName, kind: Any) -> None:
    """Fixing the scale (direct logit attribution): the logits are then linear in the final stream."""
    of = case(family, kind)
    scale = run_with_cache(of.model, of.prompt, "ln_final.hook_scale").cache["scale"]
    fixed = ("ln_final.hook_scale", lambda value, hook: scale)
    last = f"blocks.{LAYERS - 1}.hook_resid_post"
    doubled = run(of, (last, lambda value, hook: value * 2), fixed)
    assert torch.allclose(doubled, 2 * plain_logits(of), atol=1e-4)
    assert torch.allclose(run(of, (last, lambda value, hook: value * 2)), plain_logits(of), atol=1e-3)


def test_multi_axis_rotary_models_take_edits_of_scores_and_patterns() -> None:
    """Qwen2.5-VL: an edited pattern changes the logits as the same weights by hand do."""
    for kind in KINDS:
        of = case("qwen2_5_vl", kind)
        torch.manual_seed(3)
        rows = of.prompt.layout.length
        pattern = torch.rand(1, HEADS, rows, rows).softmax(-1)  # the future too: an edit may open an edge
        cache = run_with_cache(of.model, of.prompt, ["blocks.1.attn.hook_v", "blocks.1.hook_resid_pre"]).cache
        values = cache["v", 1].repeat_interleave(HEADS // of.kv_heads, 2)
        z = torch.einsum("bhqk,bkhe->bqhe", pattern, values)
        by_pattern = run(of, ("blocks.1.attn.hook_pattern", lambda value, hook, pattern=pattern: pattern))
        by_z = run(of, ("blocks.1.attn.hook_z", lambda value, hook, z=z: z))
        assert torch.allclose(by_pattern, by_z, atol=1e-5)
        assert not torch.allclose(by_pattern, plain_logits(of), atol=1e-2)

        def sharpen(value: Tensor, hook: HookPoint) -> Tensor:
            return value * 3

        def sharper(value: Tensor, hook: HookPoint) -> Tensor:
            return value.pow(3) / value.pow(3).sum(-1, keepdim=True)

        by_scores = run(of, ("blocks.*.attn.hook_attn_scores", sharpen))
        assert torch.allclose(by_scores, run(of, ("blocks.*.attn.hook_pattern", sharper)), atol=1e-4)
        assert not torch.allclose(by_scores, plain_logits(of), atol=1e-2)


@pytest.mark.parametrize(
    "name", ["blocks.1.hook_resid_mid", "blocks.1.attn.hook_pattern", "ln_final.hook_scale"]
)
@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        (lambda value: value[:, :1], "gave shape"),
        (lambda value: value.double(), "gave dtype torch.float64"),
        (lambda value: value.to("meta"), "gave device meta"),
        (lambda value: 3.0, "gave float"),
    ],
)
def test_replacements_of_another_form_are_refused(name: str, replacement: Any, message: str) -> None:
    of = case("llava_next_video", "sdpa")
    with pytest.raises(HookError, match=message) as caught:
        run(of, (name, lambda value, hook: replacement(value)))
    assert name in str(caught.value)
    assert torch.equal(run(of), plain_logits(of))  # nothing was left behind


def test_hooks_must_be_functions() -> None:
    of = case("llava_next_video", "sdpa")
    with pytest.raises(HookError, match="came Tensor"):
        run(of, ("hook_embed", torch.zeros(1)))


@ALL
@pytest.mark.parametrize(
    "name", ["blocks.1.hook_resid_mid", "blocks.1.ln2.hook_scale", "blocks.1.attn.hook_result", "hook_embed"]
)
def test_gradients_pass_through_edits(family: FamilyName, name: str) -> None:
    """A steering vector that starts at zero gets the gradient of the point that it is added to."""
    of = case(family, "sdpa")
    steer = torch.zeros((), requires_grad=True)
    logits = run(of, (name, lambda value, hook: value + steer), gradients=True)
    assert torch.allclose(logits, plain_logits(of), atol=1e-5)
    logits[-1, 4].backward()
    cache = run_with_cache(of.model, of.prompt, name, gradients_of=lambda logits: logits[-1, 4]).cache
    assert steer.grad is not None
    assert torch.allclose(steer.grad, cache.grad[name].sum(), rtol=1e-3, atol=1e-5)
    assert not run(of, (name, lambda value, hook: value + steer)).requires_grad

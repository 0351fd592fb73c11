"""Weights of a few rows: the model's own, cut where a knockout cuts, and no more than was asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.models.hooks.cases import FAMILY_NAMES, HEADS, KINDS, LAYERS, Case, case
from tests.tiny import tiny_model, tiny_prompt
from workbench.analyses.attention.maps import attention_maps
from workbench.analyses.attention.weights import added_norms
from workbench.errors import ModelError
from workbench.models.attention import Tap
from workbench.models.hooks import hook_points

FAMILIES = pytest.mark.parametrize("family", FAMILY_NAMES)
BOTH = pytest.mark.parametrize("kind", KINDS)


def eager_patterns(of: Case) -> np.ndarray:
    """(l, h, q, k) of the plain Hugging Face model."""
    of.plain.get_decoder().set_attn_implementation("eager")
    with torch.no_grad():
        out = of.plain(**of.prompt.inputs, use_cache=False, output_attentions=True)
    return torch.cat(out.attentions).numpy()


@FAMILIES
@BOTH
@pytest.mark.parametrize("kv_heads", [2, 4])
def test_weights_are_those_of_the_hugging_face_model(family, kind, kv_heads) -> None:
    of = case(family, kind, kv_heads=kv_heads)
    expected = eager_patterns(of)
    for query in ("last", "nonoption", 9):
        maps = attention_maps(of.model, of.prompt, query)
        assert maps.by_head.shape == (LAYERS, HEADS, len(of.prompt))
        rows = list(maps.rows)
        np.testing.assert_allclose(maps.by_head, expected[:, :, rows].mean(axis=2), atol=2e-6)
        np.testing.assert_allclose(maps.by_head.sum(axis=-1), 1, atol=1e-5)


@FAMILIES
@BOTH
def test_cut_edges_are_exactly_0_and_the_rest_still_sums_to_1(family, kind) -> None:
    of = case(family, kind)
    layout = of.prompt.layout
    last_frame = layout[f"frame[{layout.n_frames - 1}]"]
    cut = attention_maps(
        of.model,
        of.prompt,
        last_frame.tolist(),
        knockout="frames -> later frames in layers 2..3",
    )
    earlier = np.concatenate(layout.frames[:-1])
    assert (cut.by_head[0][:, earlier] > 0).all()
    assert (cut.by_head[1:][:, :, earlier] == 0).all()
    assert (cut.by_head[1:][:, :, last_frame] > 0).any()
    np.testing.assert_allclose(cut.by_head.sum(axis=-1), 1, atol=1e-5)
    untouched = attention_maps(of.model, of.prompt, last_frame.tolist())
    # Before the cut nothing differs; the cut layers' weights go elsewhere.
    np.testing.assert_array_equal(cut.by_head[0], untouched.by_head[0])
    assert np.abs(cut.by_head[1] - untouched.by_head[1]).max() > 1e-3


def test_a_cut_of_one_head_leaves_the_others() -> None:
    of = case("qwen2_5_vl", "sdpa")
    video = of.prompt.layout["video"]
    cut = attention_maps(of.model, of.prompt, knockout="video -> last @ heads 1 in layer 2").by_head
    assert (cut[1, 1, video] == 0).all()
    assert (np.delete(cut, 1, axis=1)[:, :, video] > 0).all()


def test_only_the_asked_rows_are_ever_made(monkeypatch) -> None:
    """No layer's scores or pattern pass, and the pass ends after the last asked layer."""
    model = tiny_model()
    passed: list[Any] = []
    forward = Tap.forward

    def watched(tap: Tap, value: torch.Tensor) -> torch.Tensor:
        passed.append(value.shape)
        return forward(tap, value)

    monkeypatch.setattr(Tap, "forward", watched)
    prompt = tiny_prompt(model)
    attention_maps(model, prompt, layers=2)
    square = [shape for shape in passed if shape[-1] == len(prompt)]
    assert square == []
    assert len(passed) <= 3 * 2, "q, k and z of two layers"


def test_attention_of_another_kind_is_refused() -> None:
    of = case("llava_onevision", "sdpa")
    of.model.hf.get_decoder().layers[1].self_attn.sinks = torch.nn.Parameter(torch.zeros(HEADS))
    with pytest.raises(ModelError, match="sinks"):
        attention_maps(of.model, of.prompt)
    assert attention_maps(of.model, of.prompt, layers=1).layers == (1,)


@pytest.mark.parametrize("kv_heads", [2, 4])
def test_what_a_value_adds_is_what_the_first_row_gets_from_itself(kv_heads: int) -> None:
    """The first row sees no key but its own: what its heads add is that value, with a weight of 1."""
    model = tiny_model(n_kv_heads=kv_heads)
    names = [f"blocks.1.attn.{name}" for name in ("hook_v", "hook_result")]
    prompt = tiny_prompt(model)
    values, added = (model.run_with_cache(prompt, names)[1][name][0] for name in names)
    projection = hook_points(model)[names[1]].module
    found = added_norms(values.transpose(0, 1), projection, model.n_heads)
    torch.testing.assert_close(found[:, 0], added[0].norm(dim=-1))

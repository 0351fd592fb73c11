"""Cuts in layers with a running state: nothing gets through, nothing else changes, and by hand the same."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from tests.tiny import HYBRID_NAMES, FamilyName, tiny_clip, tiny_model, tiny_prompt
from workbench.analyses.attention.weights import query_rows
from workbench.engine import generate
from workbench.engine.recurrent import check_cut, recurrent_cuts, without
from workbench.engine.reference import last_logits, logits
from workbench.errors import InterventionError, KnockoutError, ModelError, RunError
from workbench.interventions import Flow, Knockout, centred, keep_mask, layers
from workbench.models import Prompt, VideoLLM
from workbench.planted import planted_sample
from workbench.prompts.layout import TokenLayout

ALL = pytest.mark.parametrize("family", HYBRID_NAMES)


def two_videos(family: FamilyName) -> tuple[VideoLLM, Prompt, Prompt]:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    return model, prompt, model.encode(prompt.sample or "", clip=tiny_clip(seed=5))


def from_question_on(prompt: Prompt) -> torch.Tensor:
    return torch.arange(int(prompt.layout["video"][-1]) + 1, len(prompt))


@ALL
def test_nothing_of_the_video_reaches_the_text_that_is_cut_from_it(family: FamilyName) -> None:
    model, prompt, other = two_videos(family)
    rows = from_question_on(prompt)
    cut = Knockout.of("video -> text", (1, model.n_layers))
    assert torch.equal(logits(model, prompt, cut)[rows], logits(model, other, cut)[rows]), "not a bit"
    plain = (logits(model, prompt) - logits(model, other))[rows].abs().max()
    assert plain > 0.1
    # What a cut of the softmax layers alone would have left.
    softmax = sorted(model.family.attentions(model.hf))
    assert 0 < len(softmax) < model.n_layers
    only = Knockout(cuts=tuple(Knockout.of("video -> text", (n + 1, n + 1)).cuts[0] for n in softmax))
    assert (logits(model, prompt, only) - logits(model, other, only))[rows].abs().max() > 0.5 * plain


@ALL
@pytest.mark.parametrize("flow", ["video -> question", "frame[0] -> frame[1]", "frames -> later frames"])
def test_rows_before_the_first_target_are_the_same_bit_for_bit(family: FamilyName, flow: str) -> None:
    model, prompt, _ = two_videos(family)
    cut, plain = logits(model, prompt, Knockout.of(flow, (1, 2))), logits(model, prompt)
    first = int(prompt.layout["question" if "question" in flow else "frame[1]"][0])
    assert torch.equal(cut[:first], plain[:first])
    assert (cut[first] - plain[first]).abs().max() > 1e-4


@ALL
def test_a_cut_layer_is_the_layer_on_the_shorter_sequence(family: FamilyName) -> None:
    model, prompt, _ = two_videos(family)
    (layer, module), *_ = model.family.recurrent_layers(model.hf).items()
    seen: dict[str, torch.Tensor] = {}
    before = module.register_forward_pre_hook(
        lambda module, args, kwargs: seen.update(given=kwargs["hidden_states"]), with_kwargs=True
    )
    block: Any = list(model.family.decoder_layers(model.hf))[layer]
    norm = block.post_attention_layernorm.register_forward_pre_hook(
        lambda module, args: seen.update(mid=args[0])
    )
    stream = block.register_forward_pre_hook(lambda module, args: seen.update(pre=args[0]))
    logits(model, prompt, Knockout.of("frame[1] -> question", (layer + 1, layer + 1)))
    for handle in (before, norm, stream):
        handle.remove()
    found = (seen["mid"] - seen["pre"])[0]
    kept = np.setdiff1d(np.arange(len(prompt)), prompt.layout["frame[1]"])
    with torch.no_grad():
        whole, shorter = (
            module(hidden_states=seen["given"])[0],
            module(hidden_states=seen["given"][:, kept])[0],
        )
    question = prompt.layout["question"]
    expected = whole.clone()
    expected[question] = shorter[np.searchsorted(kept, question)]
    assert torch.allclose(found, expected, atol=1e-5)
    assert (expected - whole).abs().max() > 1e-3


@given(st.data())
def test_rows_are_grouped_by_what_they_see(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 7))
    bits = data.draw(st.lists(st.booleans(), min_size=size * size, max_size=size * size))
    keep = torch.tensor(bits).reshape(1, 1, size, size)
    keep[0, 0].fill_diagonal_(True)
    sees = {row: {c for c in range(row + 1) if keep[0, 0, row, c]} for row in range(size)}
    changed = [row for row in range(size) if len(sees[row]) <= row]
    groups = without(keep)
    assert sorted(int(row) for group in groups for row in group.rows) == changed
    for rows, kept in groups:
        for row in rows.tolist():
            assert {c for c in kept.tolist() if c <= row} == sees[row]


def test_few_runs_do_for_the_flows_of_the_papers() -> None:
    prompt = tiny_prompt(tiny_model(HYBRID_NAMES[0]), n_frames=8)
    for flow, runs in {"video -> last": 1, "video -> question": 1, "frames -> later frames": 3}.items():
        (cut,) = Knockout.of(flow, (1, 1)).cuts
        assert len(without(torch.from_numpy(keep_mask((cut.flow,), prompt.layout, 4))[None])) == runs


@ALL
def test_what_means_nothing_in_such_a_layer_is_refused(family: FamilyName) -> None:
    model, prompt, _ = two_videos(family)
    softmax = min(model.family.attentions(model.hf)) + 1
    for flow, says in (
        ("video -> last @ heads 1", "single attention heads"),
        ("last -> last (self too)", "itself"),
    ):
        with pytest.raises(KnockoutError, match=says):
            last_logits(model, prompt, Knockout.of(flow, (1, 1)))
    last_logits(model, prompt, Knockout.of("video -> last @ heads 1", (softmax, softmax)))
    with pytest.raises(KnockoutError, match="layer 1 carries a running state"):
        generate(model, prompt, Knockout.of("video -> last", (1, softmax)), max_new_tokens=2)
    assert generate(model, prompt, Knockout.of("video -> last", (softmax, softmax)), max_new_tokens=2)
    with pytest.raises(InterventionError, match="running state"), wb.accelerate(model, exit_after=2):
        pass
    with pytest.raises(ModelError, match=r"Layer 1 .* has no attention weights"):
        query_rows(model, prompt, [5], [0])
    kept = query_rows(
        model, prompt, [len(prompt) - 1], [softmax - 1], Knockout.of("video -> last", (1, softmax))
    )
    assert float(kept[..., prompt.layout["video"]].abs().max()) == 0


@ALL
def test_hook_points_are_those_that_each_layer_has(family: FamilyName) -> None:
    model = tiny_model(family)
    linear, softmax = (
        min(found(model.hf)) for found in (model.family.recurrent_layers, model.family.attentions)
    )
    names = model.hook_names()
    assert f"blocks.{softmax}.attn.hook_pattern" in names
    assert not [name for name in names if name.startswith(f"blocks.{linear}.attn")]
    cache = model.run_with_cache(tiny_prompt(model)).cache
    for layer in range(model.n_layers):
        mid = cache["resid_pre", layer] + cache["attn_out", layer]
        assert torch.equal(mid, cache["resid_mid", layer])


def test_the_same_holds_for_a_short_convolution() -> None:
    """The one of LFM2, which sees the last three rows."""
    config = transformers.Lfm2Config(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        layer_types=["conv", "full_attention", "conv"],
    )
    torch.manual_seed(0)
    decoder = transformers.Lfm2Model(config).eval()
    layers: Any = decoder.layers
    convolutions = {0: layers[0].conv, 2: layers[2].conv}
    family = SimpleNamespace(recurrent=("conv",), recurrent_layers=lambda root: convolutions)
    model: Any = SimpleNamespace(family=family, hf=decoder)
    keep = torch.ones(1, 1, 9, 9, dtype=torch.bool)
    keep[..., 5:7, 3:5] = False  # rows 5 and 6 without rows 3 and 4

    def run(hidden: torch.Tensor, *, cut: bool) -> torch.Tensor:
        with torch.no_grad(), recurrent_cuts(model, {0: keep} if cut else {}):
            return convolutions[0](hidden)[0]

    hidden = torch.randn(1, 9, 32)
    other = hidden.clone()
    other[:, 3:5] += 1
    found = run(hidden, cut=True)
    assert torch.equal(found[5:7], run(other, cut=True)[5:7])
    assert not torch.equal(run(hidden, cut=False)[5:7], run(other, cut=False)[5:7])
    rest = [0, 1, 2, 3, 4, 7, 8]
    assert torch.equal(found[rest], run(hidden, cut=False)[rest])


@pytest.mark.parametrize("family", [*HYBRID_NAMES[:1], "lfm3_vl"])
def test_a_prompt_that_is_padded_on_the_left_is_cut_as_it_is_without(family: FamilyName) -> None:
    """What marks the padding is as long as the rows that the layer runs on."""
    model, prompt, _ = two_videos(family)
    rows, layout = 3, prompt.layout
    ids = prompt.input_ids
    inputs = {
        name: torch.nn.functional.pad(value, (rows, 0)) if value.shape == ids.shape else value
        for name, value in prompt.inputs.items()
    }
    inputs["attention_mask"] = torch.nn.functional.pad(torch.ones_like(ids), (rows, 0))
    later = TokenLayout(
        length=len(prompt) + rows,
        spans={name: found + rows for name, found in layout.spans.items() if name != "system"},
        frames=[frame + rows for frame in layout.frames],
    )
    padded = dataclasses.replace(prompt, inputs=inputs, layout=later)
    cut = Knockout.of("video -> question", (1, 2))
    found, expected = last_logits(model, padded, cut), last_logits(model, prompt, cut)
    assert torch.allclose(found, expected, atol=1e-4)
    assert (expected - last_logits(model, prompt)).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("flow", "says"),
    [("last -> last", "cannot be without itself"), ("video -> last @ heads 0", "Cut all heads")],
)
def test_flows_that_mean_nothing_are_refused_where_a_window_has_such_layers(flow: str, says: str) -> None:
    model = tiny_model("qwen3_5")
    layout, asked = tiny_prompt(model).layout, Flow.parse(flow)
    (softmax,) = model.family.attentions(model.hf)
    with pytest.raises(KnockoutError, match=says):
        check_cut(model, asked, [centred(1)], layout)
    check_cut(model, asked, [layers(softmax + 1, softmax + 1)], layout)
    check_cut(tiny_model(), asked, [centred(1)], tiny_prompt(tiny_model()).layout)
    check_cut(model, Flow.parse("video -> last"), [centred(1)], layout)


def test_a_sweep_says_which_flow_such_a_model_cannot_lose(tmp_path: Path) -> None:
    """Before anything is run."""
    model, sample = tiny_model("qwen3_5"), planted_sample(tmp_path, "B")
    told: dict[str, Any] = {"only_correct": False, "progress": False, "frames": 4}
    with pytest.raises(RunError, match=r"'last -> last' cannot be cut.*without itself"):
        wb.sweep(model, [sample], ["last -> last", "video -> last"], wb.centred(1), **told)
    found = wb.sweep(model, [sample], ["video -> last"], wb.centred(1), **told)
    assert set(found.table["flow"]) == {"video -> last"}

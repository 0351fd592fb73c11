"""The reference engine on every family and attention implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engine.by_hand import logits_by_hand
from tests.engine.conftest import SLIDING_WINDOW, Case
from tests.tiny import tiny_model, tiny_prompt
from workbench.engine import acting, get_engine, reference
from workbench.engine.acting import layer_masks
from workbench.engine.reference import attentions, last_logits, logits
from workbench.engine.restrict import restrict
from workbench.errors import KnockoutError, ModelError, PromptError, SpanError
from workbench.interventions import Flow, Knockout, centred, keep_mask, knockouts
from workbench.models import Prompt, TokenLayout, VideoLLM
from workbench.models.attention import AttentionKind

FLOWS = (
    "frames -> later frames",
    "within frames",
    "video -> text",
    "video -> question",
    "question -> last",
    "frame[0] + system -> option[B] + last",
    "video -> last @ heads 1,2",
    "frames -> later frames @ heads 3",
)


def same(found: Tensor, expected: Tensor) -> None:
    """Equal to 1e-5 of the largest logit."""
    torch.testing.assert_close(found, expected, atol=1e-5 * float(expected.abs().max().clamp(min=1)), rtol=0)


def differs(found: Tensor, untouched: Tensor) -> None:
    """A cut must do something to the last row for its comparison to mean anything."""
    assert (found - untouched)[-1].abs().max() > 1e-3 * untouched.abs().max()


def hidden_states(model: VideoLLM, prompt: Prompt, knockout: Knockout | None) -> list[Tensor]:
    """The residual stream (s, d) after every layer."""
    keep = layer_masks(model, prompt, knockout)
    blocks = list(model.family.decoder_layers(model.nn))
    after = []
    with torch.no_grad(), model.trace(prompt):
        for layer, block in enumerate(blocks):
            block.self_attn.inputs = restrict(block.self_attn.inputs, keep.get(layer), model.attention)
            after.append(block.output[0].clone().save())
    return after


def attention_out(
    model: VideoLLM, prompt: Prompt, knockout: Knockout, layer: int, poisoned: np.ndarray
) -> Tensor:
    """Output of one layer's attention (s, H, e) after the values of some rows were made huge."""
    keep = layer_masks(model, prompt, knockout)
    attention = attentions(model)[layer]
    with torch.no_grad(), model.trace(prompt):
        attention.inputs = restrict(attention.inputs, keep.get(layer), model.attention)
        if len(poisoned):
            values = attention.v_proj.output.clone()
            values[0, poisoned] = 1e30
            attention.v_proj.output = values
        z = attention.hook_z.output[0].clone().save()
    return z


@pytest.mark.parametrize("flow", FLOWS)
def test_a_cut_edge_weighs_exactly_nothing(tiny_or_half: Case, flow: str) -> None:
    """A key of weight w would put w * 1e30 into the output: any w above 1e-38 shows."""
    model, prompt = tiny_or_half
    parsed = Flow.parse(flow)
    edges = parsed.edges(prompt.layout)
    heads = list(parsed.heads or range(model.n_heads))
    others = [head for head in range(model.n_heads) if head not in heads]
    layer = 1
    cut, nothing = Knockout.of(parsed, (layer + 1, layer + 1)), Knockout.of(parsed, (1, 0))
    clean = attention_out(model, prompt, cut, layer, np.array([], dtype=int))
    for row in {int(edges.rows[0]), int(edges.rows[-1])}:
        lost = edges.keys_lost(row)
        poisoned = attention_out(model, prompt, cut, layer, lost)
        assert torch.equal(poisoned[row, heads], clean[row, heads])
        assert (poisoned[row, others].abs() > 1e6).all()
        assert (attention_out(model, prompt, nothing, layer, lost)[row].abs() > 1e6).all()


@pytest.mark.parametrize("flow", FLOWS)
def test_rows_that_no_cut_reaches_do_not_change_by_one_bit(tiny_or_half: Case, flow: str) -> None:
    model, prompt = tiny_or_half
    first_row = Flow.parse(flow).edges(prompt.layout).first_row
    untouched = hidden_states(model, prompt, None)
    cut = hidden_states(model, prompt, Knockout.parse(f"{flow} in layers 2..3"))
    assert len(cut) == model.n_layers >= 4
    assert torch.equal(cut[0], untouched[0]), "the layer below the window"
    for before, after in zip(untouched[1:], cut[1:], strict=True):
        assert torch.equal(after[:first_row], before[:first_row])
        assert (after[first_row] != before[first_row]).any()


@pytest.mark.parametrize("flow", FLOWS)
def test_eager_and_sdpa_agree(tiny_pair: tuple[Case, Case], flow: str) -> None:
    (sdpa, prompt), (eager, _) = tiny_pair
    knockout = Knockout.parse(f"{flow} in layers 2..3")
    found, untouched = logits(sdpa, prompt, knockout), logits(sdpa, prompt)
    same(found, logits(eager, prompt, knockout))
    differs(found, untouched)


def test_an_untouched_model_gives_its_own_logits(tiny: Case) -> None:
    model, prompt = tiny
    with torch.no_grad():
        own = model.hf(**prompt.inputs, use_cache=False).logits[0]
    same(logits(model, prompt), own)
    nothing = Knockout.of("video -> last", (model.n_layers + 1, model.n_layers))
    assert torch.equal(logits(model, prompt, nothing), logits(model, prompt))


def test_the_last_row_alone_is_the_last_row_of_all(tiny: Case) -> None:
    model, prompt = tiny
    knockout = Knockout.parse("video -> question in layers 1..2")
    same(last_logits(model, prompt, knockout), logits(model, prompt, knockout)[-1])


def sees(layout: TokenLayout, pairs: set[tuple[int, int]]) -> list[list[int]]:
    """Keys of every row when these (query, key) pairs are removed from causal attention."""
    return [[key for key in range(row + 1) if (row, key) not in pairs] for row in range(layout.length)]


def removed(layout: TokenLayout, name: str) -> set[tuple[int, int]]:
    """The pairs of a flow, written down from its definition."""
    if name == "frames -> later frames":
        return {
            (int(q), int(k))
            for later, frame in enumerate(layout.frames)
            for earlier in layout.frames[:later]
            for q in frame
            for k in earlier
        }
    if name == "within frames":
        return {(int(q), int(k)) for frame in layout.frames for q in frame for k in frame if k < q}
    source, target = name.split(" -> ")
    return {(int(q), int(k)) for q in layout[target] for k in layout[source] if k < q}


@pytest.mark.parametrize(
    "flow",
    ["frames -> later frames", "within frames", "video -> text", "video -> last", "question -> question"],
)
def test_a_flow_cut_in_all_layers_is_attention_without_those_keys(tiny_llama: Case, flow: str) -> None:
    model, prompt = tiny_llama
    rows = sees(prompt.layout, removed(prompt.layout, flow))
    with torch.no_grad():
        by_hand = logits_by_hand(model.hf, prompt.inputs, lambda layer, head, row: rows[row])
    found = logits(model, prompt, Knockout.of(flow, (1, model.n_layers)))
    same(found, by_hand)
    differs(found, logits(model, prompt))


def test_many_cuts_in_layers_and_heads_of_their_own(tiny_llama: Case) -> None:
    model, prompt = tiny_llama
    layout = prompt.layout
    full = sees(layout, set())
    cross, text = removed(layout, "frames -> later frames"), removed(layout, "video -> text")
    last = {(layout.length - 1, layout.length - 1)}

    def keys(layer: int, head: int, row: int) -> list[int]:
        pairs = set()
        if layer in (0, 1):
            pairs |= cross
        if layer in (1, 2) and head in (0, 3):
            pairs |= text
        if layer == 3:
            pairs |= last
        return sees(layout, pairs)[row] if pairs else full[row]

    knockout = Knockout.parse(
        "VT-K in layers 1..2; video -> text @ heads 0,3 in layers 2..3; last -> last in layer 4"
    )
    with torch.no_grad():
        by_hand = logits_by_hand(model.hf, prompt.inputs, keys)
    same(logits(model, prompt, knockout), by_hand)


def test_a_models_own_sliding_window_stays_in_force(sliding: Case) -> None:
    model, prompt = sliding
    layout = prompt.layout
    assert layout.length > 2 * SLIDING_WINDOW
    rows = sees(layout, removed(layout, "question -> last"))

    def keys(layer: int, head: int, row: int) -> list[int]:
        return rows[row] if layer < 2 else [key for key in rows[row] if key > row - SLIDING_WINDOW]

    with torch.no_grad():
        by_hand = logits_by_hand(model.hf, prompt.inputs, keys)
    same(logits(model, prompt, Knockout.of("question -> last", (1, 4))), by_hand)
    with pytest.raises(KnockoutError, match="without any key that the model's own mask shows it"):
        logits(model, prompt, Knockout.parse("text -> last (self too) in layer 4"))
    logits(model, prompt, Knockout.parse("text -> last (self too) in layer 1"))


def test_qwen_is_cut_between_groups_of_two_frames(attention: AttentionKind) -> None:
    model = tiny_model("qwen2_5_vl", attention=attention)
    prompt = tiny_prompt(model, n_frames=6)
    layout = prompt.layout
    assert layout.n_frames == 3
    edges = Flow.parse("frames -> later frames").edges(layout)
    sizes = [len(frame) for frame in layout.frames]
    assert edges.count() == sizes[0] * sizes[1] + (sizes[0] + sizes[1]) * sizes[2]
    untouched = hidden_states(model, prompt, None)
    cut = hidden_states(model, prompt, Knockout.parse("VT-K in layers 1..4"))
    changed = (cut[-1] != untouched[-1]).any(-1)
    assert not changed[: layout["frame[1]"][0]].any()
    assert changed[layout["frame[1:3]"].tolist()].all()


def test_outcomes_are_probabilities_of_one_token_in_the_order_asked(tiny: Case) -> None:
    model, prompt = tiny
    asked = knockouts([Flow.parse("video -> last"), Flow.parse("VT-K")], [centred(1)], model.n_layers)
    done: list[int] = []
    base, found, *_ = get_engine("reference").outcomes(model, prompt, asked, on_done=done.append)
    p = logits(model, prompt)[-1].float().softmax(0)
    assert base.token_id == int(p.argmax())
    assert base.p == pytest.approx(float(p.max()), rel=1e-5)
    assert sum(done) == len(found) == len(asked)
    for knockout, outcome in zip(asked, found, strict=True):
        p = logits(model, prompt, knockout)[-1].float().softmax(0)
        assert outcome.p == pytest.approx(float(p[base.token_id]), rel=1e-4)
        assert outcome.top_id == int(p.argmax())
        assert outcome.top_p == pytest.approx(float(p.max()), rel=1e-4)
    named = get_engine("reference").outcomes(model, prompt, asked[:1], token_id=7)
    assert named.baseline.token_id == 7
    assert named.baseline.p == pytest.approx(float(logits(model, prompt)[-1].softmax(0)[7]), rel=1e-4)


def test_a_dense_mask_is_made_once_a_flow_and_dropped_after_it(
    tiny: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, prompt = tiny
    made: list[tuple[Flow, ...]] = []
    held: list[int] = []

    def count(flows, layout, n_heads):
        made.append(flows)
        return keep_mask(flows, layout, n_heads)

    def look(model, prompt, knockout, kept=None):
        result = layer_masks(model, prompt, knockout, kept)
        held.append(len(kept or {}))
        return result

    monkeypatch.setattr(acting, "keep_mask", count)
    monkeypatch.setattr(acting, "layer_masks", look)
    flows = (Flow.parse("video -> last"), Flow.parse("VT-K"))
    get_engine("reference").outcomes(model, prompt, knockouts(flows, [centred(3)], model.n_layers))
    assert made == [(flow,) for flow in flows]
    assert max(held) == 1


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ("video -> last in layer 99", KnockoutError, "lies outside the model"),
        ("video -> last @ heads 99 in layer 1", KnockoutError, "names head 99"),
        ("last -> video in layer 1", KnockoutError, "removes nothing"),
        ("frame[40] -> last in layer 1", SpanError, "frame"),
        ("system + text + video -> last (self too) in layer 2", KnockoutError, "without any key"),
    ],
)
def test_a_knockout_that_cannot_act_is_refused_before_any_is_run(
    tiny: Case, bad: str, error: type[Exception], message: str
) -> None:
    model, prompt = tiny
    done: list[int] = []
    asked = [Knockout.parse("video -> last in layer 1"), Knockout.parse(bad)]
    with pytest.raises(error, match=message):
        get_engine("reference").outcomes(model, prompt, asked, on_done=done.append)
    assert done == []


def test_logits_that_are_no_numbers_are_refused(tiny: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompt = tiny
    monkeypatch.setattr(reference, "last_logits", lambda *arguments, **options: torch.full((9,), torch.nan))
    with pytest.raises(ModelError, match=r"not finite in float32. Load the model with dtype=.float64"):
        get_engine("reference").outcomes(model, prompt, [])


def test_a_token_outside_the_vocabulary_is_refused(tiny: Case) -> None:
    model, prompt = tiny
    with pytest.raises(PromptError, match="vocabulary"):
        get_engine("reference").outcomes(model, prompt, [], token_id=10**6)

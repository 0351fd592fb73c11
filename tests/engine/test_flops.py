"""The paper's accounting of attention, and the operations of a whole decoder as a counter counts them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.engine.conftest import case
from workbench.engine.acting import layer_masks
from workbench.engine.flops import Work, work_of
from workbench.engine.leaving import exit_masks
from workbench.interventions import Cut, Knockout
from workbench.interventions.exits import Acceleration, Exit
from workbench.prompts.layout import TokenLayout


def paper_layout(text: int) -> TokenLayout:
    """32 frames of 196 tokens, then text (An Empirical Study, LLaVA-Video)."""
    frames = [np.arange(196 * t, 196 * (t + 1)) for t in range(32)]
    return TokenLayout(length=32 * 196 + text, spans={"question": [32 * 196]}, frames=frames)


@pytest.mark.parametrize(("text", "percent"), [(57, 37.1), (103, 37.5), (115, 37.6)])
def test_the_papers_share_of_attention(text: int, percent: float) -> None:
    layout, full = paper_layout(text), work_of(paper_layout(text), 28).pairs
    leaves = (Exit(after=18),)
    assert round(100 * work_of(layout, 28, Acceleration(exits=leaves)).pairs / full, 1) == 64.3
    both = work_of(layout, 28, Acceleration(exits=leaves, frame_local=(1, 8)))
    assert round(100 * both.pairs / full, 1) == percent


CUTS = Knockout.parse("video -> question in layers 1..3; question -> question (self too) in layers 2..4").cuts


@pytest.mark.parametrize("cuts", [(), CUTS], ids=["exits", "cuts too"])
def test_pairs_are_those_that_masks_leave(cuts: tuple[Cut, ...]) -> None:
    model, prompt = case("llava_next_video")
    length, n = len(prompt), model.n_layers
    assert work_of(prompt.layout, n) == Work(n * length * (length + 1) // 2, n * length)
    leaves = (Exit(after=1, rows="frame[2]"), Exit(after=3))
    what = Acceleration(exits=leaves, frame_local=(1, 2), cuts=cuts)
    keep = exit_masks(model, prompt, what, layer_masks(model, prompt, what.cut(prompt.layout)))
    pairs = 0
    for layer in range(n):
        here = np.ones(length, dtype=bool)
        for one in what.exits:
            if layer >= one.after:
                here[one.leaving(prompt.layout)] = False
        open_ = np.tril(np.ones((length, length), dtype=bool))
        if layer in keep:
            open_ &= keep[layer][0, 0].numpy()
        pairs += int(open_[np.ix_(here, here)].sum())
    found = work_of(prompt.layout, n, what)
    assert found.pairs == pairs
    video, frame = prompt.layout["video"].size, prompt.layout["frame[2]"].size
    assert found.rows == length + 2 * (length - frame) + (length - video)


def test_operations_are_those_that_a_counter_counts() -> None:
    """Every pair of a whole square is computed by the counter's attention: half of them are edges."""
    model, prompt = case("llava_next_video", "eager")  # whose products the counter knows
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.hf.get_decoder()(inputs_embeds=torch.zeros(1, len(prompt), model.d_model))  # type: ignore[operator]
    square = model.n_layers * len(prompt) ** 2
    work = work_of(prompt.layout, model.n_layers)._replace(pairs=square)
    unembedding = 2 * model.d_model * model.vocab_size
    assert work.flops(model) - unembedding == counter.get_total_flops()

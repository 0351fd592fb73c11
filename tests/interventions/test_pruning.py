"""Rules that choose rows of the video, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.engine.conftest import case
from tests.interventions.layouts import small_layout
from workbench.engine import Request
from workbench.engine.accelerated import accelerate
from workbench.errors import InterventionError
from workbench.interventions.exits import Exit, Seen
from workbench.interventions.pruning import FastV, RandomRows


def seen(attention: torch.Tensor, rows: list[int]) -> Seen:
    layout = small_layout()
    return Seen(layout, torch.tensor(rows), torch.zeros(len(rows), 4), lambda row: attention)


def test_fastv_drops_what_the_last_row_attends_to_least() -> None:
    rows = [0, 1, 2, 3, 6, 7, 12, 13, 14, 20]  # the video's are 2..13
    attention = torch.tensor([[9, 9, 1, 4, 2, 6, 0, 8, 0, 0], [9, 9, 3, 0, 0, 0, 0, 0, 0, 0]]).float()
    # Means over heads of the video's rows: 2 2.0, 3 2.0, 6 1.0, 7 3.0, 12 0.0, 13 4.0.
    assert FastV(share=0.5)(seen(attention, rows)).tolist() == [12, 6, 2], "of equal ones the first leaves"
    assert FastV(share=0.4)(seen(attention, rows)).tolist() == [12, 6], "rounded down"
    assert sorted(FastV(share=1)(seen(attention, rows)).tolist()) == [2, 3, 6, 7, 12, 13]


def test_random_rows_are_of_the_video_and_repeat() -> None:
    rows = list(range(21))
    drawn = [RandomRows(share=0.5, seed=seed)(seen(torch.zeros(1, 21), rows)).tolist() for seed in range(40)]
    assert all(len(set(one)) == 6 and set(one) <= set(range(2, 14)) for one in drawn)
    assert drawn[3] == RandomRows(share=0.5, seed=3)(seen(torch.zeros(1, 21), rows)).tolist()
    counts = np.bincount(np.concatenate(drawn), minlength=14)[2:]
    assert counts.min() > 8, "every row has its chance"


def test_fastv_in_a_model_looks_at_the_layer_before() -> None:
    """The rows that leave are those of the smallest weights in the pattern that the model itself has."""
    model, prompt = case("llava_next_video")
    layer, share = 2, 0.5
    _, cache = model.run_with_cache(prompt, f"blocks.{layer - 1}.attn.hook_pattern")
    video = prompt.layout["video"]
    received = cache[f"blocks.{layer - 1}.attn.hook_pattern"][0, :, -1].mean(0)[video]
    wanted = video[received.argsort()[: int(share * video.size)].numpy()]
    with accelerate(model, exits=[Exit(after=layer, rows=FastV(share=share))]) as fast:
        fast.last_logits(prompt)
        (gone,) = fast.left_before()
    assert set(gone[layer].tolist()) == set(wanted.tolist())
    assert Request(prompt=prompt, interventions=[Exit(after=layer, rows=FastV(share=share))])


@pytest.mark.parametrize("share", [0, -0.1, 1.1, float("nan"), True, "half"])
def test_a_share_is_a_part(share: float) -> None:
    for rule in (FastV, RandomRows):
        with pytest.raises(InterventionError, match="share"):
            rule(share=share)

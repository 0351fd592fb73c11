"""What the masks of an exit close: the definition of rows that leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.engine.conftest import case
from workbench.engine.acting import layer_masks
from workbench.engine.leaving import exit_masks
from workbench.engine.reference import last_logits
from workbench.errors import InterventionError
from workbench.interventions import Acceleration, Exit, FastV, Knockout, Rule, Seen


def test_no_row_that_stays_sees_one_that_left() -> None:
    model, prompt = case("llava_next_video")
    layout, length = prompt.layout, len(prompt)
    what = Acceleration(exits=(Exit(after=1, rows="frame[0]"), Exit(after=3)))
    keep = exit_masks(model, prompt, what, {})
    assert sorted(keep) == [1, 2, 3]
    for layer, span in ((1, "frame[0]"), (2, "frame[0]"), (3, "video")):
        gone = np.isin(np.arange(length), layout[span])
        wanted = np.ones((length, length), dtype=bool)
        wanted[np.ix_(~gone, gone)] = False
        assert np.array_equal(keep[layer][0, 0].numpy(), wanted)


def test_what_else_is_cut_stays_cut() -> None:
    model, prompt = case("llava_next_video")
    cut = layer_masks(model, prompt, Knockout.of("frames -> later frames", (2, 3)))
    keep = exit_masks(model, prompt, Acceleration(exits=(Exit(after=2),)), cut)
    alone = exit_masks(model, prompt, Acceleration(exits=(Exit(after=2),)), {})
    assert torch.equal(keep[1], cut[1])
    assert torch.equal(keep[2], cut[2] & alone[2])
    assert torch.equal(keep[3], alone[3])


def test_a_later_rule_looks_at_the_model_without_the_rows() -> None:
    """FastV after layer 3 sees the pattern of layer 3 as it is when frame 0 left after layer 1."""
    model, prompt = case("llava_next_video")
    seen: list[Seen] = []

    class Looks(Rule):
        reads_attention = True

        def __call__(self, found: Seen) -> torch.Tensor:
            seen.append(found)
            return FastV(share=0.5)(found)

    first = Exit(after=1, rows="frame[0]")
    exit_masks(model, prompt, Acceleration(exits=(first, Exit(after=3, rows=Looks()))), {})
    (found,) = seen
    assert found.rows.tolist() == np.setdiff1d(np.arange(len(prompt)), prompt.layout["frame[0]"]).tolist()
    assert torch.allclose(found.attention(len(prompt) - 1).sum(-1), torch.ones(model.n_heads))
    _, cache = model.run_with_cache(prompt, "blocks.2.hook_resid_post")
    assert not torch.allclose(found.resid[-1], cache["blocks.2.hook_resid_post"][0, -1])
    with pytest.raises(InterventionError, match="left before"):
        found.attention(int(prompt.layout["frame[0]"][0]))


def test_the_last_row_cannot_be_chosen() -> None:
    model, prompt = case("llava_next_video")

    class Everything(Rule):
        def __call__(self, found: Seen) -> torch.Tensor:
            return found.rows

    with pytest.raises(InterventionError, match="last row"):
        last_logits(model, prompt, Exit(after=1, rows=Everything()))

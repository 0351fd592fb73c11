"""Traces that are shipped: nnsight's simulation, which hides all modules of ours, gives the same numbers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.engine import ReferenceEngine, get_engine, logits
from workbench.engine.elsewhere import as_asked
from workbench.errors import InterventionError, ModelError
from workbench.interventions import Knockout
from workbench.interventions.exits import Exit
from workbench.models import VideoLLM, load

FAMILIES = ("llava_next_video", "qwen2_5_vl", "gemma4")  # the last has sliding windows


@cache
def simulated(family: str, attention: Any = "sdpa") -> VideoLLM:
    return load(tiny_folder(family), device="cpu", attention=attention, remote="local")


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_numbers(family: str, attention: Any) -> None:
    here, there = tiny_model(family, attention=attention), simulated(family, attention)
    prompt = tiny_prompt(here)
    cuts = [Knockout.of("frames -> later frames", (2, 3)), Knockout.of("question -> last", (3, 4))]
    for cut in (None, *cuts):
        assert torch.equal(logits(there, prompt, cut), logits(here, prompt, cut))
    ours = ReferenceEngine().outcomes(here, prompt, cuts)
    theirs = ReferenceEngine().outcomes(there, prompt, cuts)
    assert theirs.baseline == ours.baseline
    assert theirs.changed == ours.changed
    assert len(theirs.own_masks) == len(ours.own_masks)
    for mine, other in zip(ours.own_masks, theirs.own_masks, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None and other is not None:
            assert np.array_equal(mine, other)


def test_what_is_no_knockout_is_refused() -> None:
    model = simulated("llava_next_video")
    with pytest.raises(InterventionError, match="knockouts alone can be traced there"):
        logits(model, tiny_prompt(model), Exit(after=2))


def test_the_fast_engine_is_refused() -> None:
    model = simulated("llava_next_video")
    with pytest.raises(ModelError, match=r"engine='incremental'.*Use engine='reference'"):
        get_engine("incremental").outcomes(model, tiny_prompt(model), [])


def test_a_server_with_another_dtype() -> None:
    model = simulated("llava_next_video")
    with pytest.raises(ModelError, match="runs in bfloat16 at local, and float32 is asked for"):
        as_asked(model, torch.zeros(2, dtype=torch.bfloat16))

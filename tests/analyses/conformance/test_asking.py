"""What the checks ask: a clip whose frames differ, and prompts of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.tiny import tiny_model
from workbench.analyses.conformance.asking import Broken, clip, embedded, must, prompt_of, told
from workbench.engine import Slower


def test_one_frame_of_the_clip_is_changed_and_no_other() -> None:
    plain, other = clip(4).frames, clip(4, changed=2).frames
    assert [bool((plain[t] != other[t]).any()) for t in range(4)] == [False, False, True, False]
    assert len({frame.tobytes() for frame in plain}) == 4
    assert np.array_equal(clip(4).frames, plain)


def test_what_enters_the_first_layer_is_that_of_the_prompt() -> None:
    model = tiny_model()
    prompt = prompt_of(model, 2)
    assert prompt.layout.n_frames == 2
    assert embedded(model, prompt).shape == (len(prompt), model.d_model)


def test_only_models_that_go_to_the_reference_are_told_of() -> None:
    with told() as said:
        warnings.warn("because of masks", Slower, stacklevel=1)
    assert said == ["because of masks"]
    with pytest.raises(Broken, match="it is wrong"):
        must(False, "it is wrong")

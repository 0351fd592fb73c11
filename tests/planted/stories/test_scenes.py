"""Forms that tell frames apart, on the features that the eyes of a real checkpoint give."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.planted import load_planted
from workbench.planted.clips import COLOURS
from workbench.planted.stories.scenes import ANY, MIXED, OF_MIXED, ONLY_BLUE, PURE, WHICH, WHITE, clip
from workbench.planted.truth import FRAMES, Planted, Shown
from workbench.planted.wiring import Features, Wiring

FORMS: dict[str, tuple[Features, dict[str, float]]] = {
    "any": (ANY, {"k": 0, "r": 1, "g": 1, "b": 0}),
    "which": (WHICH, {"k": 0, "r": 1, "g": -1, "b": 0}),
    "pure": (PURE, {"k": 0, "r": 1, "g": 1, "b": -1, "m": 0, "c": 0}),
    "mixed": (MIXED, {"k": 0, "r": 0, "g": 0, "m": 1, "c": 1}),
    "of mixed": (OF_MIXED, {"k": 0, "m": 1, "c": -1}),
    "only blue": (ONLY_BLUE, {"k": 0, "r": -1, "b": 1, "w": -(3**-0.5)}),
    "white": (WHITE, {"r": 0, "g": 0, "b": 0, "w": 1}),
}


def test_forms_are_what_they_say_on_each_colour(tmp_path: Path) -> None:
    model = load_planted(Wiring())
    named = Planted(
        name="", story="", wiring=Wiring(), edges=(), shown=(Shown("A", tuple(4 * one for one in COLOURS)),)
    )
    (sample,) = named.samples(tmp_path)
    prompt = model.encode(sample, frames=len(COLOURS))
    _, cache = model.run_with_cache(prompt, "blocks.0.hook_resid_pre")
    rows = cache["blocks.0.hook_resid_pre"][0]
    for name, (form, wanted) in FORMS.items():
        for colour, value in wanted.items():
            row = rows[prompt.layout[f"frame[{list(COLOURS).index(colour)}]"][0]]
            found = sum(float(row[feature]) * weight for feature, weight in form.items())
            assert found == pytest.approx(value, abs=0.01), (name, colour)


def test_a_clip_has_as_many_frames_as_a_prompt_takes() -> None:
    assert clip("r") == ("rrrr", *["kkkk"] * 6, "bbbb")
    assert clip("rkkb", "m", "kkbkkk") == ("rkkb", "kkkk", "kkkk", "bbbb", "kkkk", "kkkk", "kkkk", "mmmm")
    assert len(clip("g")) == FRAMES

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.tiny import tiny_clip, tiny_model, tiny_prompt, tiny_sample
from workbench.analyses.attention.maps import AttentionMaps, attention_maps
from workbench.errors import RunError
from workbench.figures import attention_heat, attention_mass
from workbench.figures.attention_mass import span_colors

CUT = "frames -> later frames in layers 1..2"


@cache
def both(family: Any = "llava_next_video", query: str = "last") -> tuple[AttentionMaps, AttentionMaps]:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    untouched, cut = (attention_maps(model, prompt, query, knockout=knockout) for knockout in (None, CUT))
    return untouched, cut


def test_shares_are_stacked_to_1() -> None:
    fig: Any = attention_mass(*both())
    for panel in ("x", "x2"):
        bars = [trace for trace in fig.data if trace.xaxis == panel]
        np.testing.assert_allclose(np.sum([bar.y for bar in bars], axis=0), 1, atol=1e-5)
    names = [trace.name for trace in fig.data if trace.showlegend]
    assert len(names) == len(set(names))
    assert "option[B], true" in names
    assert {"system", "frame[0]", "frame[3]", "nonoption", "question, the rest", "last"} <= set(names)


def test_spans_that_come_after_the_query_are_left_out() -> None:
    fig: Any = attention_mass(both(query="frame[1]")[0])
    assert [trace.name for trace in fig.data] == ["system", "frame[0]", "frame[1]"]


def test_frames_of_a_long_clip_have_colours_of_their_own() -> None:
    model = tiny_model()
    colors = span_colors(tiny_prompt(model, n_frames=9).layout)
    assert len({colors[f"frame[{t}]"] for t in range(9)}) == 9


def test_maps_of_different_things_are_not_put_side_by_side() -> None:
    untouched, cut = both()
    model = tiny_model()
    others = {
        "query": attention_maps(model, untouched.prompt, "question"),
        "layers": attention_maps(model, untouched.prompt, layers=2),
        "heads": untouched.with_heads("max"),
        "clip": attention_maps(model, model.encode(tiny_sample(), clip=tiny_clip(seed=3))),
        "prompt": attention_maps(model, model.encode(tiny_sample(n_options=2), clip=tiny_clip())),
    }
    for what, other in others.items():
        for draw in (attention_heat, attention_mass):
            with pytest.raises(RunError, match=f"of one {what}"):
                draw(cut, other)

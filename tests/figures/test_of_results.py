"""Figures that results draw of themselves."""

from __future__ import annotations

import workbench as wb
from tests.runs.test_run import run
from tests.tiny import tiny_clip, tiny_model, tiny_sample


def test_a_figure_comes_from_the_table() -> None:
    traces = run().figure().to_dict()["data"]
    assert any("video" in str(trace.get("name")) for trace in traces)


def test_the_overlay_shows_what_the_model_sees() -> None:
    model = tiny_model()
    prompt = model.encode(tiny_sample(), clip=tiny_clip())
    fig = wb.logit_lens(model, prompt, top_k=1, progress=False).overlay(layer=2)
    assert len(fig.layout.images) == 4  # pyright: ignore[reportAttributeAccessIssue]

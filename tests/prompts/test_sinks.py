"""Sinks as spans: parsed everywhere, there only where they were found."""

from __future__ import annotations

import pytest

from tests.tiny import tiny_clip, tiny_model, tiny_sample
from workbench.errors import SpanError
from workbench.interventions import Flow, Span
from workbench.prompts.sinks import with_sinks


def test_sinks_are_spans_of_a_prompt_in_which_they_were_found() -> None:
    prompt = tiny_model().encode(tiny_sample(), clip=tiny_clip())
    assert str(Span.parse("Video sinks + text-sinks")) == "video_sinks + text_sinks"
    with pytest.raises(SpanError, match="no span"):
        _ = prompt.layout["sinks"]
    first = int(prompt.layout["video"][0])
    marked = with_sinks(prompt, [first, 0])
    assert marked.layout["sinks"].tolist() == [0, first]
    assert marked.layout["video_sinks"].tolist() == [first]
    assert marked.layout["text_sinks"].tolist() == [0]
    assert Flow.parse("sinks -> last").edges(marked.layout).count() == 2
    assert marked.inputs is prompt.inputs
    assert marked.layout.names()
    assert "sinks" not in with_sinks(prompt, []).layout
    with pytest.raises(SpanError, match="has rows"):
        with_sinks(prompt, [prompt.layout.length])

"""Methods that look: weights, and weights times what values add, on heads of which both are known."""

from __future__ import annotations

import pytest

from workbench.analyses.methods.looking import attention, attention_value
from workbench.planted import PLANTED, Candidate


def test_the_reading_head_looks_and_its_value_counts(asked) -> None:
    model, samples, candidates, (true,) = asked("loud heads that nobody hears")
    weights = dict(zip(candidates, attention(model, samples, candidates), strict=True))
    assert weights[true] == pytest.approx(1, abs=1e-4)
    added = dict(zip(candidates, attention_value(model, samples, candidates), strict=True))
    assert added[true] == pytest.approx(0.5, abs=0.01), "it writes half a unit"
    loud = Candidate("frame[0] -> last", 1, 0)
    assert added[loud] == pytest.approx(0.75, abs=0.01), "1.5 in one sample of two, and nobody reads it"
    assert loud not in {edge.candidate for edge in PLANTED["loud heads that nobody hears"].edges}


def test_a_sink_is_looked_at_and_adds_nothing(asked) -> None:
    model, samples, candidates, _ = asked("direct")
    place = candidates.index(Candidate("system -> last", 3, 0))
    head = candidates.index(Candidate("within frames", 3, 0))
    assert attention(model, samples, candidates)[place] < 1e-6, "the last row reads frame 0 instead"
    assert attention_value(model, samples, candidates)[head] < 1e-6, "rows of frames rest on the sink"

"""What a planted model claims, measured by the reference engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from workbench.analyses.methods import losses
from workbench.engine import last_logits
from workbench.planted import Candidate, Edge, Planted, candidates, cut_of

NOTHING, SOMETHING = 0.03, 0.25
"""Shares of the logit difference: less than the one is no effect, more than the other is one."""


def verify(planted: Planted, folder: Path, *, whole: bool) -> None:
    """Its edges do what is claimed, alone and together; with `whole`, no other candidate does anything."""
    model, samples = planted.load(), planted.samples(folder)
    for sample in samples:
        said = int(last_logits(model, model.encode(sample)).argmax())
        assert model.token_text(said) == sample.true_letter, "the untouched model answers rightly"
    every = candidates(model.encode(samples[0]).layout, model.n_layers, model.n_heads)
    truth = {edge.candidate: edge for edge in planted.edges}
    assert len(truth) == len(planted.edges)
    assert set(truth) <= set(every)

    def lost(cuts: Sequence[Iterable[Candidate]]) -> np.ndarray:
        return losses(model, samples, [cut_of(cut) for cut in cuts], engine="reference").mean(0)

    if truth:
        for edge, loss in zip(planted.edges, lost([[one] for one in truth]), strict=True):
            assert loss == pytest.approx(edge.alone, abs=NOTHING), edge
            _check_role(edge)
        assert lost([truth])[0] == pytest.approx(1, abs=0.1), "without all of them there is no answer"
    _check_ways(planted, lost)
    if whole:
        others = [one for one in every if one not in truth]
        found = dict(zip(others, lost([[one] for one in others]), strict=True))
        assert {one: loss for one, loss in found.items() if abs(loss) > NOTHING} == {}


def _check_role(edge: Edge) -> None:
    if edge.role == "needed":
        assert edge.alone > SOMETHING
    elif edge.role == "negative":
        assert edge.alone < -SOMETHING
    else:
        assert edge.alone == 0
        assert edge.way, "it stands for another way, or another for it"


def _check_ways(planted: Planted, lost: Callable[[Sequence[Iterable[Candidate]]], np.ndarray]) -> None:
    """Without one way the other carries the answer, and each of its edges is needed then."""
    ways = {
        way: [e.candidate for e in planted.edges if e.way == way] for way in {e.way for e in planted.edges}
    }
    ways.pop(0, None)
    if not ways:
        return
    assert set(ways) == {1, 2}
    for cut, left in ((ways[1], ways[2]), (ways[2], ways[1])):
        without, *further = lost([cut, *([*cut, one] for one in left)])
        assert without < 1 - SOMETHING, "the other way carries some of the answer"
        assert all(loss - without > SOMETHING for loss in further)

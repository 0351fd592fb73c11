"""Methods that cut: each finds what it can find, and only that."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.analyses.methods.cutting import knockout, knockout_layer, knockout_pairs, knockout_window
from workbench.planted import Candidate


def test_alone_a_backup_is_not_found_and_in_pairs_it_is(asked) -> None:
    model, samples, candidates, (main, backup) = asked("backup head")
    place = {one: number for number, one in enumerate(candidates)}
    alone = knockout(model, samples, candidates)
    assert alone[place[main]] == pytest.approx(0.4, abs=0.03)
    assert alone[place[backup]] == pytest.approx(0, abs=0.03)
    pairs = knockout_pairs(model, samples, candidates)
    assert pairs[place[backup]] == pytest.approx(0.6, abs=0.03)
    assert set(np.argsort(-np.abs(pairs))[:2]) == {place[main], place[backup]}


def test_ways_in_other_flows_are_found_in_pairs(asked) -> None:
    model, samples, candidates, true = asked("backup chain")
    found = knockout_pairs(model, samples, candidates)
    assert {candidates[place] for place in np.argsort(-np.abs(found))[:3]} == set(true)
    assert np.abs(knockout(model, samples, candidates)).max() < 0.03


def test_where_nothing_matters_nothing_is_looked_at(asked) -> None:
    model, samples, candidates, _ = asked("memory at the last row")
    assert not knockout_pairs(model, samples, candidates).any()


def test_layers_and_windows_are_of_all_heads(asked) -> None:
    model, samples, candidates, (true,) = asked("direct")
    found = dict(zip(candidates, knockout_layer(model, samples, candidates), strict=True))
    high = {one for one, loss in found.items() if loss > 0.5}
    assert high == {Candidate(true.flow, true.layer, head) for head in range(4)}
    found = dict(zip(candidates, knockout_window(model, samples, candidates), strict=True))
    high = {one for one, loss in found.items() if loss > 0.5}
    assert high == {Candidate(true.flow, layer, head) for layer in (2, 3, 4) for head in range(4)}

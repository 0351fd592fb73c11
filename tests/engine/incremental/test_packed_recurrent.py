"""Layers with a running state in the incremental engine: what the reference engine finds."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from tests.tiny import HYBRID_NAMES, FamilyName, tiny_model, tiny_prompt
from workbench.engine import Slower, get_engine
from workbench.engine.incremental.packed_recurrent import runs
from workbench.engine.incremental.plan import Segment
from workbench.engine.recurrent import Without
from workbench.errors import KnockoutError
from workbench.interventions import Cut, Flow, Knockout, RandomEdges, centred, knockouts

FLOWS = ["frames -> later frames", "video -> question", "question -> last", "frame[0] -> frame[1]"]


@pytest.mark.parametrize("family", HYBRID_NAMES)
def test_every_cut_gives_what_the_reference_engine_gives(family: FamilyName) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    asked = knockouts([Flow.parse(flow) for flow in FLOWS], [centred(1), centred(3)], model.n_layers)
    scattered = RandomEdges(count=40, first_row=5, seed=1)
    asked.append(Knockout(cuts=(Cut(flow=scattered, first_layer=1, last_layer=2),)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", Slower)
        found = get_engine("incremental").outcomes(model, prompt, asked)
    expected = get_engine("reference").outcomes(model, prompt, asked)
    for knockout, one, two in zip(asked, found.changed, expected.changed, strict=True):
        # The delta rule adds up logarithms of decays in float32, from another row on.
        assert one.p == pytest.approx(two.p, rel=1e-4), str(knockout)
    assert max(abs(one.p / found.baseline.p - 1) for one in found.changed) > 1e-3


def test_what_the_reference_engine_refuses_is_refused() -> None:
    model = tiny_model(HYBRID_NAMES[0])
    for flow in ("video -> last @ heads 1", "last -> last (self too)"):
        with pytest.raises(KnockoutError):
            get_engine("incremental").outcomes(model, tiny_prompt(model), [Knockout.of(flow, (1, 1))])


def test_rows_that_lose_sources_and_all_others_run_apart() -> None:
    # Of 8 rows, those from 4 on are new; rows 4 and 5 lose rows 1 and 2; rows from 5 on are asked for.
    groups = [Without(np.array([4, 5]), np.array([0, 3, 4, 5]))]
    without, whole = runs(groups, Segment(0, 1, 4, 5, 1, 8), torch.device("cpu"))
    assert without.prefix.tolist() == [0, 3]
    assert whole.prefix.tolist() == [0, 1, 2, 3]
    assert (without.rows.tolist(), whole.rows.tolist()) == ([[0, 1]], [[0, 1, 2, 3]])
    assert (without.targets[0].places, without.targets[0].rows) == (slice(1, 2), slice(0, 1))
    assert (whole.targets[0].places, whole.targets[0].rows) == (slice(2, 4), slice(1, 3))

"""Log-odds against their own definition in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.measures.by_definition import BASE, CHANGED, CHOICE, OPEN, TOKEN, VOCABULARY, probabilities, read
from workbench.measures.log_odds import log_odds


def test_log_odds_are_those_of_the_probabilities() -> None:
    def odds(row: torch.Tensor) -> float:
        p = probabilities(row)[TOKEN]
        return math.log(p / (1 - p))

    found = read("log_odds", CHOICE)
    np.testing.assert_allclose(found[:, 0], odds(BASE), rtol=1e-12)
    np.testing.assert_allclose(found[:, 1], [odds(row) - odds(BASE) for row in CHANGED], rtol=1e-9)
    np.testing.assert_array_equal(found, read("log_odds", OPEN))


def test_log_odds_do_not_saturate() -> None:
    """p is 1 in float32 from a lead of 17 on, and in float64 from 37 on."""
    for lead in (20.0, 60.0, 300.0):
        row = torch.zeros(1, VOCABULARY)
        row[0, TOKEN] = lead
        found = float(log_odds(row, TOKEN)[0])
        assert found == pytest.approx(lead - math.log(VOCABULARY - 1), rel=1e-14)
        assert float(row[0, TOKEN]) == lead, "the logits are left as they are"
        assert float(log_odds(row.double(), TOKEN)[0]) == found
        assert float(row.double()[0, TOKEN]) == lead

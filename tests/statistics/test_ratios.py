from __future__ import annotations

import numpy as np
import pytest

from workbench.statistics.ratios import ratio_of_means


def test_a_tiny_probability_does_not_blow_the_change_up() -> None:
    base, knocked = np.array([0.9, 0.001]), np.array([0.9, 0.011])
    assert ratio_of_means(base.sum(), knocked.sum()) == pytest.approx(100 * 0.01 / 0.901)
    assert ((knocked - base) / base * 100).mean() == pytest.approx(500)


def test_nothing_to_change_gives_no_number() -> None:
    found = ratio_of_means([0.0, 0.5], [0.2, 0.25])
    assert np.isnan(found[0])
    assert found[1] == -50

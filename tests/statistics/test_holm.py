from __future__ import annotations

import numpy as np
import pytest

from workbench.statistics.holm import holm


def test_holm_by_hand_and_with_missing_values() -> None:
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    with_gap = holm([0.01, float("nan"), 0.04])
    assert with_gap[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert np.isnan(with_gap[1])
    assert holm([]).size == 0

from __future__ import annotations

import pytest

from workbench.measures.probability import change_percent


def test_change_in_percent() -> None:
    assert change_percent(0.2, 0.8) == pytest.approx(-75)


def test_the_change_is_relative_to_the_untouched_model() -> None:
    assert change_percent(0.8, 0.8) == 0
    assert change_percent(0.0, 0.3) == -100
    assert change_percent(0.6, 0.3) == pytest.approx(100)

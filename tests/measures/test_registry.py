"""Measures by name, and the blocks in which they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.measures.by_definition import CHOICE, VOCABULARY, read
from workbench.errors import RunError
from workbench.measures import MEASURES, as_measures, registry


def test_measures_are_found_by_name_and_probability_is_always_first() -> None:
    assert {"kl", "log_odds", "logit_difference"} < set(MEASURES)
    assert next(iter(MEASURES)) == "probability"
    modules = [module.stem for module in Path(registry.__file__).parent.glob("*.py")]
    assert all(name in modules for name in MEASURES), "each has a module of its name"
    assert [measure.name for measure in as_measures()] == ["probability"]
    assert [measure.name for measure in as_measures("kl")] == ["probability", "kl"]
    asked = ["logit_difference", "probability", "kl"]
    assert [measure.name for measure in as_measures(asked)] == ["probability", "logit_difference", "kl"]
    columns = [column for measure in MEASURES.values() for column in measure.columns]
    assert columns[:3] == ["p_base", "p_knockout", "change_percent"]
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            "log_ods",
            "no measure 'log_ods'. Did you mean 'log_odds'.*Measures are: probability, .*kl, ",
        ),
        (["kl", "kl"], "'kl' is asked for twice"),
    ],
)
def test_unknown_measures_are_refused(names: str | list[str], message: str) -> None:
    with pytest.raises(RunError, match=message):
        as_measures(names)


@pytest.mark.parametrize("name", ["kl", "log_odds"])
def test_small_blocks_give_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(name, CHOICE)
    for numbers in (1, 2 * VOCABULARY, 3 * VOCABULARY + 1):
        monkeypatch.setattr(registry, "_AT_ONCE", numbers)
        np.testing.assert_allclose(read(name, CHOICE), whole, rtol=1e-13)

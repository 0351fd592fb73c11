"""Every measure against numbers of its own definition in float64, written down apart."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from workbench.errors import RunError
from workbench.measures import MEASURES, as_measures, registry
from workbench.measures.correctness import Judge
from workbench.measures.kl import kl
from workbench.measures.log_odds import log_odds
from workbench.measures.probability import change_percent

VOCABULARY, ROWS, TOKEN = 50, 7, 3
LETTERS = {3: "A", 13: "A", 4: "B", 14: "B", 5: "C"}
CHOICE = Judge(answer="A", right=frozenset({3, 13}), letters=LETTERS)
OPEN = Judge(answer="left", right=frozenset({3}), letters={})


def logits(rows: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 3, (rows, VOCABULARY))).float()


BASE, CHANGED = logits(1, 0)[0], logits(ROWS, 1)


def read(name: str, judge: Judge, token: int = TOKEN) -> NDArray[np.float64]:
    readout = MEASURES[name].readout
    assert readout is not None
    found = readout(judge)(BASE, CHANGED, token)
    assert found.dtype == torch.float64
    assert found.shape == (ROWS, len(MEASURES[name].columns))
    return found.numpy()


def probabilities(row: torch.Tensor) -> NDArray[np.float64]:
    exact = np.exp(row.double().numpy())
    return exact / exact.sum()


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


def test_change_in_percent() -> None:
    assert change_percent(0.2, 0.8) == pytest.approx(-75)


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


def test_the_logit_difference_takes_the_best_spelling_of_each_option() -> None:
    def difference(row: torch.Tensor) -> float:
        exact = row.double().numpy()
        return float(max(exact[3], exact[13]) - max(exact[4], exact[14], exact[5]))

    found = read("logit_difference", CHOICE)
    np.testing.assert_allclose(found[:, 0], difference(BASE), rtol=1e-12)
    np.testing.assert_allclose(found[:, 1], [difference(row) - difference(BASE) for row in CHANGED])
    # The option counts, not the spelling that is traced; another option has another difference.
    np.testing.assert_array_equal(found, read("logit_difference", CHOICE, token=13))
    assert (found != read("logit_difference", CHOICE, token=4)).any()


def test_without_another_option_there_is_no_logit_difference() -> None:
    alone = Judge(answer="A", right=frozenset({3}), letters={3: "A", 13: "A"})
    for judge, token in ((OPEN, TOKEN), (CHOICE, 7), (alone, TOKEN)):
        assert np.isnan(read("logit_difference", judge, token)).all()


def test_kl_is_the_sum_of_its_definition() -> None:
    p = probabilities(BASE)
    expected = [float((p * np.log(p / probabilities(row))).sum()) for row in CHANGED]
    np.testing.assert_allclose(read("kl", CHOICE)[:, 0], expected, rtol=1e-10)
    assert float(kl(BASE, BASE[None])[0]) == 0


def test_tokens_that_cannot_be_add_nothing() -> None:
    base, changed = BASE.clone(), CHANGED.clone()
    base[40:], changed[:, 40:] = -torch.inf, -torch.inf
    torch.testing.assert_close(kl(base, changed), kl(base[:40], changed[:, :40]))
    torch.testing.assert_close(log_odds(changed, TOKEN), log_odds(changed[:, :40], TOKEN))
    assert torch.isinf(kl(BASE, changed)).all(), "what was possible no longer is"


@pytest.mark.parametrize("name", ["kl", "log_odds"])
def test_small_blocks_give_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(name, CHOICE)
    for numbers in (1, 2 * VOCABULARY, 3 * VOCABULARY + 1):
        monkeypatch.setattr(registry, "_AT_ONCE", numbers)
        np.testing.assert_allclose(read(name, CHOICE), whole, rtol=1e-13)

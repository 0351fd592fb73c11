"""Methods are scored blind: what they see, and what their scores come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import RunError
from workbench.planted import PLANTED, Candidate

MODELS = ["direct", "backup head", "memory at the last row"]


def knowing(model: Any, samples: Sequence[Any], candidates: Sequence[Candidate]) -> np.ndarray:
    """Finds what the last row reads of frame 0 in head 0, and says nothing elsewhere."""
    assert {sample.id.split("/")[0] for sample in samples} == {"sample"}
    return np.array([-1.0 if one == ("frame[0] -> last", 3, 0) else 0.0 for one in candidates])


def by_chance(model: Any, samples: Sequence[Any], candidates: Sequence[Candidate]) -> np.ndarray:
    return np.linspace(1, 2, len(candidates))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("bench")
    methods: Any = {"by_chance": by_chance, "knowing": knowing}
    return wb.bench_methods(methods, models=MODELS, out=out, progress=False), out


def test_each_method_has_its_scores_on_each_model(scored: tuple[Any, Path]) -> None:
    found, out = scored
    table = found.table.set_index(["method", "model"])
    assert list(table.index) == [(method, model) for method in ("by_chance", "knowing") for model in MODELS]
    direct = table.loc[("knowing", "direct")]
    assert direct[["average_precision", "found_percent", "needed_percent"]].tolist() == [1, 100, 100]
    assert direct["highest"] == direct["highest_true"] == 1
    backup = table.loc[("knowing", "backup head")]
    assert backup["average_precision"] < 0.01
    assert backup["backup_percent"] == pytest.approx(100 / 455), "one of 455 that are equal"
    assert np.isnan(table.loc[("knowing", "memory at the last row"), "average_precision"])
    pd.testing.assert_frame_equal(pd.read_parquet(out / "methods.parquet"), found.table)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "scores.parquet"), found.scores, check_dtype=False)


def test_the_summary_says_what_was_found_and_who_cries_wolf(scored: tuple[Any, Path]) -> None:
    found, _ = scored
    summary = found.summary.set_index("method")
    assert list(summary.index) == ["knowing", "by_chance"], "the best first"
    assert summary.loc["knowing", "average_precision"] == pytest.approx(0.5, abs=0.01)
    assert summary.loc["by_chance", "false_alarm"] > 1
    missed = found.missed[found.missed["method"] == "knowing"]
    assert set(missed["model"]) == {"backup head"}
    assert list(found.stories) == MODELS
    assert repr(found) == "MethodScores(2 methods, 3 models)"


def test_the_order_of_candidates_says_nothing(scored: tuple[Any, Path]) -> None:
    found, _ = scored
    own = found.scores[(found.scores["method"] == "by_chance") & (found.scores["model"] == "direct")]
    assert not own["layer"].is_monotonic_increasing
    assert own.loc[own["role"] != "", ["flow", "layer", "head", "role"]].values.tolist() == [
        [*PLANTED["direct"].edges[0].candidate, "needed"]
    ]


def test_names_are_checked_before_anything_is_run() -> None:
    with pytest.raises(RunError, match=r"no planted model 'dirct'.*'direct'"):
        wb.bench_methods("knockout", models=["dirct"])
    with pytest.raises(RunError, match="No planted model is named"):
        wb.bench_methods("knockout", models=[])
    with pytest.raises(RunError, match="no method 'magic'"):
        wb.bench_methods("magic")


@pytest.mark.slow
def test_pairs_find_what_others_miss() -> None:
    summary = wb.bench_methods(progress=False).summary.set_index("method")
    assert summary.loc["knockout_pairs", "average_precision"] > 0.95
    assert summary.loc["knockout", "needed_percent"] == 100
    assert summary.loc["knockout", "backup_percent"] < 5
    assert summary.loc[["attention", "attention_value"], "false_alarm"].min() > 0.9

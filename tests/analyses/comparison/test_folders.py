"""Two runs side by side: the same, of other samples, of another model, of another analysis."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from tests.runs.swept import questions, swept
from workbench.analyses.answers import accuracy
from workbench.analyses.comparison import compare_runs
from workbench.errors import RunError
from workbench.planted import N_FRAMES, planted_model, staged
from workbench.statistics.bootstrap import bootstrap_mean


def printed(found, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(found)
    return " ".join(out.getvalue().split())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two models that answer alike, the second less sure; it has one sample less."""
    folder = tmp_path_factory.mktemp("runs")
    samples = questions(folder, 4)
    one, two = swept(samples, folder / "one"), swept(samples[:3], folder / "two", confidence=0.4)
    return one, two


def test_a_run_is_equal_to_itself(runs) -> None:
    found = compare_runs(runs[0].folder, runs[0].folder)
    assert found.equal
    assert not len(found.settings)
    assert found.table["difference"].tolist() == [0.0] * 6
    assert "equal in every bit" in printed(found)


def test_differences_are_those_of_the_tables(runs, tmp_path) -> None:
    one, two = runs
    found = compare_runs(one.folder, two.folder, measure="p_knockout")
    assert not found.equal
    assert found.samples["where"].value_counts().to_dict() == {"both": 3, "first": 1}
    assert "model" in set(found.settings["setting"])
    row = found.table[found.table["layer"] == 4].iloc[0]
    values = [run.table[(run.table["layer"] == 4)].set_index("sample_id")["p_knockout"] for run in (one, two)]
    changes = (values[1] - values[0]).dropna().to_numpy()
    assert row["n"] == 3
    interval = bootstrap_mean(changes)
    assert row[["difference", "low", "high"]].tolist() == pytest.approx(list(interval[:3]))
    assert row["second_mean"] == pytest.approx(values[1].mean())
    assert "Largest differences of p_knockout" in printed(found)
    written = pd.read_csv(found.to_csv(tmp_path / "all.csv"))
    assert len(written) == len(found.table) == 6


def test_right_and_wrong_are_compared_as_shares(tmp_path) -> None:
    samples = questions(tmp_path, 4)
    model = planted_model(staged(1, 3, 5))
    accuracy(model, samples, ask="likelihood", frames=N_FRAMES, out=tmp_path / "a")
    model.hf.lm_head.weight.data.mul_(-1)  # pyright: ignore
    accuracy(model, samples, ask="likelihood", frames=N_FRAMES, out=tmp_path / "b")
    found = compare_runs(tmp_path / "a", tmp_path / "b")
    row = found.table.iloc[0]
    assert found.measure == "correct"
    assert (row["task"], row["difference"]) == ("planted", -1.0)
    assert row["p_value"] == pytest.approx(2 / 16)
    assert np.isclose(row["low"], -1.0)


def test_what_cannot_be_compared_is_refused(runs, tmp_path) -> None:
    one = runs[0].folder
    with pytest.raises(RunError, match="Did you mean 'p_knockout'"):
        compare_runs(one, one, measure="p_knockuot")
    others = questions(tmp_path, 6)[4:]
    swept(others, tmp_path / "others")
    with pytest.raises(RunError, match="share no sample"):
        compare_runs(one, tmp_path / "others")
    accuracy(planted_model(staged(1, 3, 5)), others, frames=N_FRAMES, out=tmp_path / "accuracy")
    with pytest.raises(RunError, match="only runs of one analysis"):
        compare_runs(one, tmp_path / "accuracy")

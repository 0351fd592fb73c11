"""Two models side by side: who keeps which samples, and what is said of guesses and of empty tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.figures.tables import samples_table, sweep_table
from workbench.analyses.sweep.comparison import Comparison, compare_runs, sweep_even_if_wrong
from workbench.data import Samples
from workbench.errors import RunError
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged
from workbench.runs import Run
from workbench.statistics.curves import curve_table

FLOW = "frames -> later frames"


def rows(table: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    for column, value in wanted.items():
        table = table.loc[np.asarray(table[column] == value, dtype=bool)]
    return table


def run_of(right: dict[str, set[int]], asked: int = 6) -> Run:
    """A run over `asked` samples a task, of which those in `right` are answered correctly."""
    shapes = {task: {FLOW: [-50.0] * 12} for task in right}
    table = sweep_table(shapes, flows=(FLOW,), samples=asked)
    samples = samples_table(table, wrong=0)
    number = samples["sample_id"].str.rsplit("/", n=1).str[1].astype(int)
    samples["correct"] = [n in right[task] for n, task in zip(number, samples["task"], strict=True)]
    kept = rows(samples, correct=True)["sample_id"].tolist()
    table = table.loc[[sample in kept for sample in table["sample_id"]]].reset_index(drop=True)
    return Run(table=table, samples=samples, skipped=pd.DataFrame(), manifest={"finished": "now"})


GOOD = run_of({"easy": set(range(6)), "hard": set(range(6))})
BAD = run_of({"easy": {0, 1, 2}, "hard": set()})


def compared(**settings) -> Comparison:
    found = compare_runs({"video": GOOD, "image": BAD}, **settings)
    return Comparison(**{**vars_of(found), "chance": {"easy": 0.5, "hard": 0.25}})


def vars_of(found: Comparison) -> dict:
    names = ("table", "samples", "shared", "seed")
    return {name: getattr(found, name) for name in names}


def test_each_model_keeps_its_own_samples_and_is_counted() -> None:
    counts = compared().counts.set_index(["task", "model"])
    assert counts["used"].to_dict() == {
        ("easy", "video"): 6,
        ("easy", "image"): 3,
        ("hard", "video"): 6,
        ("hard", "image"): 0,
    }
    assert counts["above_chance"].to_list() == [True, False, True, False]
    assert counts.loc[("easy", "image"), "note"] == (
        "3 of 6 right, not clearly above chance (50%): perhaps lucky guesses"
    )
    assert counts.loc[("hard", "image"), "note"] == "0 of 6 right"
    assert counts.loc[("easy", "video"), "note"] == ""


def test_curves_are_those_of_each_run() -> None:
    curves = compared(seed=3).curves
    for name, run in (("video", GOOD), ("image", BAD)):
        mine = rows(curves, model=name).drop(columns="model").reset_index(drop=True)
        assert_frame_equal(mine, curve_table(run.table, seed=3), check_dtype=False)


def test_common_samples_are_one_set() -> None:
    found = compared(common=True)
    by_model = {model: set(part["sample_id"]) for model, part in found.table.groupby("model")}
    assert by_model["video"] == by_model["image"] == {f"easy/{number:03d}" for number in range(3)}
    counts = found.counts.set_index(["task", "model"])
    assert counts["used"].to_list() == [3, 3, 0, 0]
    assert counts.loc[("hard", "video"), "note"] == "no sample that every model answers"
    # What the models answered is not cut down: the figure still says who guesses.
    assert counts["correct"].to_list() == [6, 3, 6, 0]


def test_without_options_nothing_is_said_of_chance() -> None:
    counts = compare_runs({"video": GOOD, "image": BAD}).counts
    assert counts["above_chance"].tolist() == [True] * 4
    assert "chance" not in " ".join(counts["note"])


def test_the_csv_keeps_tasks_without_a_sample(tmp_path: Path) -> None:
    stored = pd.read_csv(compared().to_csv(tmp_path / "curves.csv"))
    (empty,) = rows(stored, model="image", task="hard").to_dict("records")
    assert np.isnan(empty["mean"])
    assert empty["task_note"] == "0 of 6 right"
    assert len(stored) == 3 * 12 + 1
    assert ",1," in (tmp_path / "curves.csv").read_text("utf-8").splitlines()[1], "layers are whole numbers"


def test_the_table_for_notebooks_is_escaped() -> None:
    shown = compare_runs({"<b>video": GOOD, "image": BAD})._repr_html_()
    assert "&lt;b&gt;video" in shown
    assert "<b>video" not in shown
    assert "3 of 6" in shown
    assert "nan" not in shown.lower()


def test_runs_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(RunError, match="1 run cannot be compared"):
        compare_runs({"video": GOOD})
    with pytest.raises(RunError, match="video and other have no sample in common"):
        compare_runs({"video": GOOD, "other": run_of({"else": {0}})})


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    folder = tmp_path_factory.mktemp("clips")
    return Samples([planted_sample(folder, letter) for letter in "AB"], name="planted")


def test_a_model_that_is_always_wrong_gives_an_empty_run(samples, tmp_path) -> None:
    blank = planted_model(())  # no head reads anything, so no letter is ever said
    settings = {"out": tmp_path, "frames": N_FRAMES, "progress": False}
    sweep_even_if_wrong(blank, samples, FLOW, "centred(1)", **settings)
    run = sweep_even_if_wrong(blank, samples, FLOW, "centred(1)", **settings)  # found again
    assert run.table.empty
    assert run.samples["correct"].tolist() == [False, False]
    joined = compare_runs({"blank": run, "video": right_run(samples)}, samples)
    assert joined.counts["used"].tolist() == [0, 2]
    assert joined.table["correct_base"].dtype == bool, "an empty run does not spoil the other's types"


def right_run(samples: Samples) -> Run:
    from workbench.analyses.sweep.effects import sweep

    return sweep(planted_model(staged(1, 3, 5)), samples, FLOW, "centred(1)", frames=N_FRAMES)


def test_other_errors_pass(samples, tmp_path) -> None:
    blank, good = planted_model(()), planted_model(staged(1, 3, 5))
    settings = {"out": tmp_path, "frames": N_FRAMES, "progress": False}
    sweep_even_if_wrong(blank, samples, FLOW, "centred(1)", **settings)
    with pytest.raises(RunError, match="other settings"):
        sweep_even_if_wrong(good, samples, FLOW, "centred(1)", **settings)
    with pytest.raises(RunError, match="cannot be cut in any"):
        sweep_even_if_wrong(
            good, samples, "frame[9] -> last", "centred(1)", **settings | {"out": tmp_path / "b"}
        )

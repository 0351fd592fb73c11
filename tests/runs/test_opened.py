"""Folders of several analyses, opened by one function."""

from __future__ import annotations

import shutil

import pytest
from pandas.testing import assert_frame_equal

from tests.runs.swept import questions, swept
from workbench.analyses.answers import accuracy
from workbench.errors import RunError
from workbench.planted import N_FRAMES, planted_model, staged
from workbench.runs.opened import open_run, table_of_folder


def test_a_sweep_and_an_evaluation_are_opened_alike(tmp_path) -> None:
    samples = questions(tmp_path)
    run = swept(samples, tmp_path / "sweep")
    found = open_run(tmp_path / "sweep")
    assert (found.kind, found.table, found.done) == ("sweep", "effects", 4)
    assert_frame_equal(found.rows(), run.table)
    model = planted_model(staged(1, 3, 5))
    for ask, table in (("first_token", "effects"), ("likelihood", "answers")):
        accuracy(model, samples, ask=ask, frames=N_FRAMES, out=tmp_path / ask)
        found = open_run(tmp_path / ask)
        assert (found.table, found.done) == (table, 4)
        assert found.rows()["correct"].tolist() == [True] * 4


def test_what_an_unfinished_run_has_is_there(tmp_path) -> None:
    swept(questions(tmp_path), tmp_path / "run")
    for file in (tmp_path / "run").glob("*.parquet"):
        file.unlink()
    for shard in (tmp_path / "run" / "shards").glob("*-00002.*"):
        shard.unlink()
    with pytest.warns(UserWarning, match="made again"):
        found = open_run(tmp_path / "run")
    assert found.done == 3
    assert len(set(found.rows()["sample_id"])) == 3


def test_a_folder_without_shards_has_the_one_table_it_has(tmp_path) -> None:
    run = swept(questions(tmp_path), tmp_path / "run")
    run.save(tmp_path / "saved")
    assert open_run(tmp_path / "saved").done == 4
    shutil.copy(tmp_path / "saved" / "effects.parquet", tmp_path / "saved" / "more.parquet")
    with pytest.raises(RunError, match="2 tables"):
        table_of_folder(tmp_path / "saved")


def test_other_folders_are_refused(tmp_path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        open_run(tmp_path)

"""A run as csv, parquet and a data set of the hub."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from pandas.testing import assert_frame_equal

from tests.runs.swept import questions, swept
from workbench.errors import RunError
from workbench.runs.exports import export_run


@pytest.fixture
def run(tmp_path):
    return swept(questions(tmp_path), tmp_path / "run")


def test_csv_and_parquet_hold_the_table(run, tmp_path) -> None:
    csv = pd.read_csv(export_run(run.folder, tmp_path / "all.csv"))
    assert csv.columns[:2].tolist() == ["model", "data"]
    assert set(csv["data"]) == {"planted"}
    assert_frame_equal(csv.drop(columns=["model", "data"]), run.table, check_dtype=False)
    file = export_run(run.folder, tmp_path / "all.parquet")
    assert_frame_equal(pd.read_parquet(file).drop(columns=["model", "data"]), run.table)
    manifest = json.loads(pq.read_schema(file).metadata[b"workbench"])
    assert manifest == run.manifest


def test_a_folder_is_what_load_dataset_reads(run, tmp_path) -> None:
    """Its README says in YAML which file holds which table, as the hub's data sets do."""
    folder = export_run(run.folder, tmp_path / "data_set")
    _, front, text = (folder / "README.md").read_text().split("---\n", 2)
    configs = yaml.safe_load(front)["configs"]
    assert [config["config_name"] for config in configs] == ["effects", "samples"]
    assert configs[0]["default"] is True
    tables = [pd.read_parquet(folder / config["data_files"]) for config in configs]
    assert_frame_equal(tables[0], run.table)
    assert_frame_equal(tables[1], run.samples)
    assert "24 rows" in text
    assert json.loads((folder / "manifest.json").read_text())["kind"] == "sweep"


def test_load_dataset_reads_it(run, tmp_path) -> None:
    datasets = pytest.importorskip("datasets")
    folder = export_run(run.folder, tmp_path / "data_set")
    found = datasets.load_dataset(str(folder), "effects", cache_dir=str(tmp_path / "cache"))["train"]
    assert_frame_equal(found.to_pandas(), run.table)


def test_what_cannot_be_written_is_refused(run, tmp_path) -> None:
    with pytest.raises(RunError, match=r"ends in '.json'"):
        export_run(run.folder, tmp_path / "all.json")
    with pytest.raises(RunError, match="is there already"):
        export_run(run.folder, run.folder)
    with pytest.raises(RunError, match="holds no run"):
        export_run(tmp_path, tmp_path / "all.csv")

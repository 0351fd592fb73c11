from __future__ import annotations

from pathlib import Path

import pytest

from tests.figures.tables import pathways_table, sweep_table
from workbench.analyses.pathways.ranges import pathways
from workbench.errors import RunError
from workbench.interventions.depth import scaled_bin
from workbench.pages.report.stages import find_stages


def test_bins_are_scaled_to_the_depth_as_everywhere_else(tmp_path: Path) -> None:
    table = sweep_table(samples=3)
    stages = find_stages(table, tmp_path)
    assert stages is not None
    expected = pathways(table, bin=scaled_bin(12)).table
    assert stages.overall.equals(expected)
    assert (stages.threshold, stages.window) == (-5.0, "centred(3)")
    assert list(dict.fromkeys(stages.by_task["task"])) == list(dict.fromkeys(table["task"]))
    deep = sweep_table({"t": {"video -> last": [-10.0] * 32}}, flows=("video -> last",), samples=2)
    found = find_stages(deep, tmp_path)
    assert found is not None
    assert found.overall["bin_last"].tolist()[:2] == [5, 10]
    assert found.by_task.empty, "one task needs no parts"


def test_a_csv_decides_the_bins_and_the_threshold(tmp_path: Path) -> None:
    table = sweep_table(samples=3)
    pathways_table(table, width=3, threshold=-30.0).to_csv(tmp_path / "pathways.csv", index=False)
    stages = find_stages(table, tmp_path)
    assert stages is not None
    assert stages.threshold == -30
    assert stages.by_task["bin_last"].tolist()[:4] == [3, 6, 9, 12]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    table = sweep_table(samples=2)
    stored = pathways_table(table)
    stored.drop(columns="counts").to_csv(tmp_path / "pathways.csv", index=False)
    with pytest.raises(RunError, match=r"pathways\.csv lacks the column counts; .*Delete it"):
        find_stages(table, tmp_path)
    stored.iloc[:0].to_csv(tmp_path / "pathways.csv", index=False)
    with pytest.raises(RunError, match=r"pathways\.csv lacks any row"):
        find_stages(table, tmp_path)
    assert find_stages(table.assign(window="all_layers"), tmp_path) is None

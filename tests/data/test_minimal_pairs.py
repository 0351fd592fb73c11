"""Minimal Video Pairs: two clips, one question, and the split that is asked for."""

from __future__ import annotations

from pathlib import Path

from tests.data.benchmarks import minimal_pairs
from workbench.data import samples


def test_pairs(tmp_path: Path) -> None:
    made = minimal_pairs()
    root = made.write(tmp_path / "set")
    found = samples("mvp_mini", root=root)
    assert [sample.group for sample in found] == [
        "temporal_reasoning/p0", "temporal_reasoning/p0", "temporal_reasoning/p1", "temporal_reasoning/p1",
    ]  # fmt: skip
    assert [sample.true_option for sample in found] == ["no", "yes", "no", "yes"]
    assert dict(found[0].facets) == {"source": "clevrer"}


def test_splits_are_apart_and_a_name_without_a_pair_is_skipped(tmp_path: Path) -> None:
    made = minimal_pairs()
    made.rows[0]["video_id"] = "alone"
    root = made.write(tmp_path / "set")
    made.rows = made.rows[2:]
    made.file = "intuitive_physics/full-00000-of-00001.parquet"
    made.write(root)
    assert len(samples("mvp_mini", root=root)) == 3
    assert samples("mvp_mini", root=root).skipped[0].id == "temporal_reasoning/alone"
    assert samples("mvp_full", root=root).tasks == ("intuitive_physics",)

"""The power of verdicts: counts of known verdicts, and the whole way on one clip a task."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks import use_of_time
from workbench.analyses.use_of_time import PRIOR, STATIC, USES_TIME
from workbench.mini import checkpoint


def test_precision_and_recall_by_hand() -> None:
    rows = [("honest", USES_TIME)] * 3 + [("honest", STATIC), ("background", STATIC), ("options", PRIOR)]
    table = pd.DataFrame(rows, columns=pd.Index(["model", "verdict"])).assign(task="t")
    found = {row["verdict"]: row for row in use_of_time.judged(table)}
    assert found[USES_TIME]["recall_percent"] == pytest.approx(75)
    assert found[USES_TIME]["precision_percent"] == pytest.approx(100)
    assert found[STATIC]["precision_percent"] == pytest.approx(50)
    assert use_of_time.counts(table)["honest"][STATIC] == 1
    assert use_of_time.counts(table)["honest: t"][USES_TIME] == 3


def test_a_model_is_made_to_see_one_frame() -> None:
    pixels = torch.arange(5.0)[None, :, None, None, None].expand(1, 5, 3, 2, 2)
    seen = {
        name: use_of_time.seeing(change, "features", lambda pixels: pixels)(pixels)[0, :, 0, 0, 0].tolist()
        for name, change in use_of_time.SEES.items()
    }
    assert list(seen.values()) == [[0.0] * 5, [0.0] * 5, [2.0] * 5, [4.0] * 5]


@pytest.mark.slow
def test_models_are_asked_about_clips_of_their_world(tmp_path: Path) -> None:
    (tmp_path / "options").symlink_to(checkpoint("video-ft"))
    asked = argparse.Namespace(
        variants=tmp_path, models=["honest", "options"], clips=7, tasks=["moving_direction"],
        honest_model="mini/video-ft", device="cpu", scratch=tmp_path / "scratch", out=tmp_path / "out",
    )  # fmt: skip
    found = use_of_time.power(asked)
    assert found["accuracy_percent"]["honest"] == 100
    assert sum(found["counts"]["options"].values()) == 7
    assert json.loads((tmp_path / "out" / "use_of_time.json").read_text())["clips_a_task"] == 7

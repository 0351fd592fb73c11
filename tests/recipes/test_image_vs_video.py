"""Two models beside each other: one has the flow between frames, the other does not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.recipes.planted_folder import FLOW, fallen, files, rows, settings
from workbench.errors import RunError
from workbench.planted import direct, save_planted
from workbench.recipe import find_recipe

pytestmark = pytest.mark.usefixtures("quick")


def test_image_vs_video_sees_the_flow_in_one_model_only(unsure, others, tmp_path, capsys) -> None:
    recipe: Any = find_recipe("image_vs_video")
    asked = settings(unsure, tmp_path, image_model=str(others / "direct"))
    found: Any = recipe(**asked).run()
    assert files(tmp_path) == {"image_vs_video.csv", "image_vs_video.png", "image_vs_video.html"}
    stored = pd.read_csv(tmp_path / "image_vs_video.csv")
    assert fallen(rows(stored, model="model")) == [FLOW]
    assert fallen(rows(stored, model="direct")) == []
    assert found.counts["used"].tolist() == [2, 2]
    # Two of two are right, which guessing between two options often does, too.
    assert "2 of 2 right, not clearly above chance (50%)" in capsys.readouterr().out

    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/shards/*")}
    assert made
    again: Any = recipe(**asked, common=True).run()
    assert again.shared
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/shards/*")} == made


def test_image_vs_video_shows_a_model_that_answers_nothing(unsure, others, tmp_path) -> None:
    found: Any = find_recipe("image_vs_video")(
        **settings(unsure, tmp_path, image_model=str(others / "blank"))
    ).run()
    assert found.counts["used"].tolist() == [2, 0]
    assert "blank: no curve, 0 of 2 right" in (tmp_path / "image_vs_video.html").read_text("utf-8")


def test_image_vs_video_takes_a_sweep_that_is_there(unsure, others, tmp_path) -> None:
    recipe: Any = find_recipe("image_vs_video")
    asked = settings(unsure, tmp_path / "whole", image_model=str(others / "direct"))
    expected: Any = recipe(**asked).run()
    made = tmp_path / "whole" / "video_model"
    given = {**asked, "out": tmp_path / "again", "sweep": made}
    found: Any = recipe(**given).run()
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert not (tmp_path / "again" / "video_model").exists()
    for other, message in (
        ({"flows": ("video -> last",)}, "has no video -> last"),
        ({"window": "centred(2)"}, r"has no centred\(2\)"),
        ({"limit": 1}, "other samples: 3 of data, and asked are 1 of data"),
        ({"model": str(others / "blank")}, "is a sweep of 'model', and the model asked for is 'blank'"),
    ):
        with pytest.raises(RunError, match=message):
            recipe(**{**given, **other}).run()


def test_image_vs_video_wants_two_models(unsure, tmp_path) -> None:
    with pytest.raises(RunError, match="Name two models"):
        find_recipe("image_vs_video")(**settings(unsure, tmp_path, image_model=str(unsure.model))).run()


def test_two_folders_of_one_name_are_told_apart(unsure, others, tmp_path) -> None:
    namesake = tmp_path / "elsewhere" / "model"
    save_planted(direct(3), namesake)
    found: Any = find_recipe("image_vs_video")(
        **settings(unsure, tmp_path / "out", image_model=str(namesake))
    ).run()
    assert found.models == ("model", str(namesake))

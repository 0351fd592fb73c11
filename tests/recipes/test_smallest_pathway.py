"""The search as a recipe: the planted path alone is left, and all files are there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.recipes.planted_folder import FRAMES, STAGES, PlantedFolder
from workbench.recipe import find_recipe


@pytest.fixture(scope="module")
def own_clips(four: PlantedFolder, tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    """The planted questions, each with a clip of its own."""
    data: Path = tmp_path_factory.mktemp("own") / "data"
    shutil.copytree(four.data, data)
    file = data / "json" / "planted.json"
    entries: list[Any] = json.loads(file.read_text("utf-8"))
    made = []
    for number, entry in enumerate(entries[:1] * 2 + entries[1:2] * 2):
        clips = data / "video" / "planted"
        shutil.copytree(clips / entry["video"], clips / f"own{number}")
        made.append({**entry, "video": f"own{number}"})
    file.write_text(json.dumps(made), "utf-8")
    return four._replace(data=data)


def test_the_planted_path_is_left_and_everything_is_written(
    own_clips, swept, tmp_path, capsys, quick
) -> None:
    recipe: Any = find_recipe("smallest_pathway")
    told = {"model": str(own_clips.model), "data": str(own_clips.data), "frames": FRAMES, "device": "cpu"}
    told |= {"bin": 1, "floor": 0.0, "controls": 1, "sweep": swept, "out": tmp_path}
    found = recipe(**told).run()
    blocks = pd.read_csv(tmp_path / "blocks.csv")
    left: Any = blocks[blocks["heads_open"] > 0]
    assert sorted(zip(left["layer"], left["heads_open"], strict=True)) == [(layer, 1) for layer in STAGES]
    assert found.smallest["accuracy_percent"] == 100
    for name in ("table", "faithfulness", "areas", "steps"):
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == len(getattr(found, name))
    for name in ("smallest_pathway", "smallest_pathway_grid"):
        assert (tmp_path / f"{name}.html").is_file()
    said = capsys.readouterr().out
    assert "Searched on 2 samples, tested on the 2 others." in said
    assert "Smallest set (flow x layer x head): 100.0% correct" in said

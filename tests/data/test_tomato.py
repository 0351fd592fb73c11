"""TOMATO: JSON by task, the clips by who is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.benchmarks import tomato
from workbench.data import samples


@pytest.mark.parametrize("folder", ["data", "jsons"])
def test_fields(folder: str, tmp_path: Path) -> None:
    made = tomato()
    made.file = f"{folder}/count.json"
    made.rows[1]["options"] = [str(number) for number in range(7)]
    made.rows[1]["answer"] = 6
    found = samples("tomato", root=made.write(tmp_path / "set"))
    assert [sample.id for sample in found] == ["count/0", "count/1", "count/2"]
    assert found[1].true_letter == "G"
    assert found[0].true_option == "2"
    assert found[0].video == tmp_path / "set" / "videos" / "human" / "k0.mp4"
    assert dict(found[0].facets) == {"demonstration_type": "human", "motion_type": "spin"}


def test_a_clip_is_found_whatever_its_kind_says(tmp_path: Path) -> None:
    made = tomato()
    made.clips = ("videos/simulated/k0.mp4", "videos/object/k1.webm", "videos/k2.mp4")
    found = samples("tomato", root=made.write(tmp_path / "set"))
    assert [sample.video.parent.name for sample in found] == ["simulated", "object", "videos"]

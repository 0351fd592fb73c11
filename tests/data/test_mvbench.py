"""MVBench as it is downloaded, its archives unpacked in video/."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.conftest import MakeFolder, entry
from workbench.data import samples

CLIPS = {
    "action_sequence": "star/Charades_v1_480/ZXN6A.mp4",
    "fine_grained_action": "Moments_in_Time_Raw/videos/climbing/a.mp4",
    "object_shuffle": "perception/videos/video_10009.mp4",
    "moving_direction": "clevrer/video_validation/video_10009.mp4",
}
"""One clip a task; two of them have the same name."""


@pytest.fixture
def downloaded(make_folder: MakeFolder) -> Path:
    files = {
        "action_sequence": entry(video="ZXN6A.mp4", start=1.5, end=9.0, accurate_start=1.0, accurate_end=9.5),
        "fine_grained_action": entry(video="climbing/a.mp4"),
        "object_shuffle": entry(video="video_10009.mp4"),
        "moving_direction": entry(video="video_10009.mp4"),
        "episodic_reasoning": entry(video="s05e02_seg02_clip_09", fps=3, start=0.0, end=17.0),
    }
    clips = [f"video/{clip}" for clip in CLIPS.values()]
    clips += [f"video/tvqa/frames_fps3_hq/s05e02_seg02_clip_09/{n:05d}.jpg" for n in (1, 2)]
    return make_folder({task: [annotation] for task, annotation in files.items()}, tuple(clips), at="MVBench")


@pytest.mark.parametrize("how", ["mvbench", "path", "name"])
def test_every_task_finds_its_clips(downloaded: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.chdir(downloaded.parent)
    found = {"mvbench": lambda: samples("mvbench", root=downloaded), "path": lambda: samples(downloaded)}.get(
        how, lambda: samples("MVBench")
    )()
    assert len(found) == 5
    assert found.skipped == []
    where = {sample.task: sample.video for sample in found}
    for task, clip in CLIPS.items():
        assert where[task] == downloaded / "video" / clip
    assert where["episodic_reasoning"].is_dir()
    (sequence,) = found.by_task()["action_sequence"]
    assert (sequence.start, sequence.end, sequence.true_option) == (1.5, 9.0, "right")


def test_the_clips_that_are_not_passed_on_are_named(downloaded: Path) -> None:
    (downloaded / "json" / "fine_grained_pose.json").write_text(
        (downloaded / "json/object_shuffle.json").read_text()
    )
    with pytest.warns(UserWarning, match=r"'fine_grained_pose' is left out.*NTU RGB\+D.*video/nturgbd/"):
        assert len(samples("mvbench", root=downloaded)) == 5

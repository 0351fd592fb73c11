"""Where clips are looked for, and that nothing leads out of the data set's folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.data.conftest import TASK, MakeFolder, entry, reason
from workbench.data import load_folder
from workbench.errors import SampleError


@pytest.mark.parametrize(
    ("video", "clip"),
    [
        ("a.mp4", "video/moving_direction/a.mp4"),
        ("a.mp4", "video/a.mp4"),
        ("a.mp4", "a.mp4"),
        ("moving_direction/a.mp4", "video/moving_direction/a.mp4"),
        ("video/moving_direction/a.mp4", "video/moving_direction/a.mp4"),
        ("star/part/a.mp4", "video/star/part/a.mp4"),
        ("./a.mp4", "video/moving_direction/a.mp4"),
        ("S01_seg02", "video/tvqa/frames/S01_seg02/00001.jpg"),
    ],
)
def test_clips_are_found_where_they_may_lie(make_folder: MakeFolder, video: str, clip: str) -> None:
    video = f"tvqa/frames/{video}" if clip.endswith(".jpg") else video
    root = make_folder({TASK: [entry(video=video)]}, (clip,))
    (sample,) = load_folder(root)
    found = root / clip
    assert sample.video.resolve() == (found.parent if clip.endswith(".jpg") else found)


def test_the_task_s_own_folder_comes_first(make_folder: MakeFolder) -> None:
    root = make_folder({TASK: [entry(video="a.mp4")]}, ("a.mp4", "video/a.mp4", f"video/{TASK}/a.mp4"))
    assert load_folder(root)[0].video == root / "video" / TASK / "a.mp4"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (entry(video="\ud800.mp4"), "clip '\\ud800.mp4' not found"),
        (entry(video=""), "video '' names no file"),
        (entry(video="."), "video '.' names no file"),
        (entry(video="./"), "video './' names no file"),
        (entry(video="gone.mp4"), "clip 'gone.mp4' not found in "),
        (entry(video="good.mp4/x.mp4"), "not found"),
        (entry(video="a\0b.mp4"), "clip 'a\\x00b.mp4' not found"),
        (entry(video="x" * 5000), "cannot be looked up: File name too long"),
        (entry(video="../outside.mp4"), "leads out of the data set"),
        (entry(video="a/../../../outside.mp4"), "leads out of the data set"),
        (entry(video="..\\outside.mp4"), "leads out of the data set"),
        (entry(video="/etc/passwd"), "leads out of the data set"),
        (entry(video="\\\\server\\share"), "leads out of the data set"),
        (entry(video="C:\\clip.mp4"), "leads out of the data set"),
    ],
)  # fmt: skip
def test_a_video_that_is_none_or_leads_out_is_skipped(make_folder: MakeFolder, bad: Any, says: str) -> None:
    assert says in reason(make_folder, bad)


def test_an_absolute_path_is_refused_even_when_it_is_inside(make_folder: MakeFolder, tmp_path: Path) -> None:
    inside = tmp_path / "set" / "video" / TASK / "good.mp4"
    assert "leads out" in reason(make_folder, entry(video=str(inside)))


def test_a_folder_without_frames_is_no_clip(make_folder: MakeFolder) -> None:
    assert "folder without frames" in reason(make_folder, entry(video="frames"), ("video/frames/notes.txt",))


def test_a_named_pipe_is_no_clip(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({TASK: [entry(video="pipe.mp4"), entry()]})
    os.mkfifo(root / "pipe.mp4")
    (skipped,) = load_folder(root).skipped
    assert "neither a file nor a folder" in skipped.reason


def test_a_file_whose_name_is_no_text_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder({TASK: [entry(video="\udcff.mp4"), entry()]})
    try:
        (root / "\udcff.mp4").write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (skipped,) = load_folder(root).skipped
    assert "video holds a broken character" in skipped.reason
    skipped.id.encode("utf-8")


class TestLinks:
    """Links are followed inside the folder, and nowhere else."""

    def test_a_clip_that_links_outside_is_skipped(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        (tmp_path / "secret.mp4").write_bytes(b"x")
        root = make_folder({TASK: [entry(video="link.mp4"), entry()]})
        (root / "video" / "link.mp4").symlink_to(tmp_path / "secret.mp4")
        (skipped,) = load_folder(root).skipped
        assert "a link that leads out of" in skipped.reason

    def test_so_is_a_clip_under_a_folder_that_links_outside(
        self, make_folder: MakeFolder, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "a.mp4").write_bytes(b"x")
        root = make_folder({TASK: [entry(video="more/a.mp4"), entry()]})
        (root / "video" / "more").symlink_to(tmp_path / "elsewhere")
        (skipped,) = load_folder(root).skipped
        assert "a link that leads out of" in skipped.reason

    def test_so_is_a_folder_with_a_frame_that_links_outside(
        self, make_folder: MakeFolder, tmp_path: Path
    ) -> None:
        (tmp_path / "secret.jpg").write_bytes(b"x")
        root = make_folder({TASK: [entry(video="frames"), entry()]}, ("clip_1.mp4", "frames/00001.jpg"))
        (root / "frames" / "00002.jpg").symlink_to(root / "frames" / "00001.jpg")
        assert load_folder(root).skipped == []
        (root / "frames" / "00003.jpg").symlink_to(tmp_path / "secret.jpg")
        (skipped,) = load_folder(root).skipped
        assert "a link that leads out of" in skipped.reason

    def test_annotations_that_link_outside_are_refused(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        (tmp_path / "other.json").write_text("[]")
        root = make_folder({})
        (root / "json" / "a.json").symlink_to(tmp_path / "other.json")
        with pytest.raises(SampleError, match="link that leads out"):
            load_folder(root)

    def test_a_link_inside_and_a_linked_root_are_fine(self, make_folder: MakeFolder, tmp_path: Path) -> None:
        root = make_folder({TASK: [entry(video="link.mp4")]})
        (root / "video" / "link.mp4").symlink_to(root / "video" / TASK / "clip_1.mp4")
        (tmp_path / "linked").symlink_to(root)
        (sample,) = load_folder(tmp_path / "linked")
        assert sample.video == tmp_path / "linked" / "video" / "link.mp4"

    @pytest.mark.parametrize("below", ["", "TVBench"])
    def test_the_cache_of_the_hub_is_read(self, tmp_path: Path, below: str) -> None:
        repo = tmp_path / "datasets--FunAILab--TVBench"
        root = repo / "snapshots" / "abc" / below
        for name, content in (
            (f"json/{TASK}.json", json.dumps([entry()]).encode()),
            ("video/clip_1.mp4", b"x"),
        ):
            blob = repo / "blobs" / name.replace("/", "")
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(blob)
        (sample,) = load_folder(root)
        assert sample.video == root / "video" / "clip_1.mp4", "the blob's own name has no suffix"

    def test_links_in_a_circle_are_missing_clips(self, make_folder: MakeFolder) -> None:
        root = make_folder({TASK: [entry(video="a.mp4"), entry()]})
        (root / "a.mp4").symlink_to(root / "b.mp4")
        (root / "b.mp4").symlink_to(root / "a.mp4")
        (skipped,) = load_folder(root).skipped
        assert "a.mp4" in skipped.reason

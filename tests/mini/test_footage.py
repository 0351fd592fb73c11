"""The clips that come with the project, and more of them on demand."""

from __future__ import annotations

import json

import numpy as np

import workbench as wb
from workbench.mini.footage import (
    FRAMES,
    RATE,
    REVERSED,
    SHIPPED,
    SHIPPED_TWINS,
    clips_folder,
    draw,
    scene_and_question,
)
from workbench.mini.world import KINDS
from workbench.video import read_clip, write_clip


def test_shipped_clips_are_all_there_and_small():
    samples = wb.samples("mini")
    counts = samples.counts()
    assert all(counts[task] == SHIPPED for task in (*KINDS, "static"))
    assert all(counts[task] == SHIPPED_TWINS for task in REVERSED)
    assert not samples.skipped
    folder = clips_folder()
    assert sum(path.stat().st_size for path in folder.rglob("*.mp4")) < 8 * 2**20


def test_a_clip_file_shows_its_scene_and_a_twin_the_same_backwards():
    scene, _ = scene_and_question("moving_direction", 0)
    folder = clips_folder()
    clip = read_clip(folder / "video/moving_direction/00000.mp4", FRAMES)
    assert np.abs(clip.frames.astype(float) - draw(scene)).mean() < 6
    twin = read_clip(folder / "video/moving_direction_reversed/00000.mp4", FRAMES)
    assert np.abs(clip.frames.astype(float) - twin.frames[::-1]).mean() < 6


def test_annotations_are_what_the_world_makes_now():
    folder = clips_folder()
    for task in (*KINDS, *REVERSED):
        entries = json.loads((folder / "json" / f"{task}.json").read_text("utf-8"))
        for number in (0, len(entries) - 1):
            _, question = scene_and_question(task, number)
            assert entries[number]["candidates"][question.answer] == entries[number]["answer"]
            assert entries[number]["question"] == question.text


def test_more_clips_are_made_on_demand(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    samples = wb.samples("mini/scene_transition", limit=SHIPPED + 1)
    assert len(samples) == SHIPPED + 1
    assert str(samples[-1].video).startswith(str(tmp_path))
    first = clips_folder() / "video/scene_transition/00000.mp4"
    assert samples[0].video.read_bytes() == first.read_bytes()
    scene, _ = scene_and_question("scene_transition", 0)
    again = write_clip(tmp_path / "again.mp4", draw(scene), fps=RATE, crf=23)
    assert again.read_bytes() == first.read_bytes()

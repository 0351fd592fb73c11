"""Samples, and data set folders in TVBench's format, as a test needs them. No clip in them is ever opened."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any, Protocol

import pytest

from workbench.data import Sample, Samples, Skipped, load_folder


def entry(**changes: Any) -> dict[str, Any]:
    """An annotation that can be used, with some fields changed; a field set to `...` is left out."""
    fields: dict[str, Any] = {
        "video": "clip_1.mp4",
        "question": "Which direction does the red circle move?",
        "candidates": ["left", "right"],
        "answer": "right",
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}


class MakeFolder(Protocol):
    def __call__(self, tasks: dict[str, Any], clips: tuple[str, ...] = ..., *, at: str = ...) -> Path: ...


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Writes json/TASK.json (bytes as they are, anything else as JSON) and clips of a few bytes."""

    def make(
        tasks: dict[str, Any],
        clips: tuple[str, ...] = ("video/moving_direction/clip_1.mp4",),
        *,
        at: str = "set",
    ) -> Path:
        root = tmp_path / at
        (root / "json").mkdir(parents=True)
        for task, content in tasks.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode("ascii")
            (root / "json" / f"{task}.json").write_bytes(data)
        for clip in clips:
            path = root / clip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not a video")
        return root

    return make


@pytest.fixture
def root(make_folder: MakeFolder) -> Path:
    tasks = {task: [entry(), entry(question="And then?")] for task in ("moving_direction", "object_count")}
    return make_folder(tasks, ("video/clip_1.mp4",))


@pytest.fixture
def clips_calls(root: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A clip maker in the place of the project's own: notes what it is asked and gives `root`."""
    calls: list[dict[str, Any]] = []

    def clips_folder(limit: int | None = None, tasks: tuple[str, ...] | None = None) -> Path:
        calls.append({"limit": limit, "tasks": tasks})
        return root

    module = types.ModuleType("workbench.mini.footage")
    vars(module)["clips_folder"] = clips_folder
    monkeypatch.setitem(sys.modules, "workbench.mini.footage", module)
    return calls


def sample(id: str = "t/1", **changes: Any) -> Sample:
    fields: dict[str, Any] = {
        "task": id.split("/")[0],
        "video": Path("clips") / f"{id.split('/')[-1]}.mp4",
        "question": "Where to?",
        "options": ("left", "right"),
        "answer": 0,
    }
    return Sample(id=id, **{**fields, **changes})


@pytest.fixture
def four() -> Samples:
    items = [sample("a/1"), sample("b/1", stem="It moves", open_answer="left"), sample("a/2"), sample("b/2")]
    return Samples(
        items, name="four", source=Path("clips"), skipped=[Skipped("a/9", "gone"), Skipped("c/1", "bad")]
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "my clip.mp4"
    path.write_bytes(b"x")
    return path


TASK = "moving_direction"


def reason(make_folder: MakeFolder, bad: Any, clips: tuple[str, ...] = ()) -> str:
    """Why `bad` is skipped, in a file that has one good entry after it."""
    good = entry(video="good.mp4")
    there = (f"video/{TASK}/good.mp4", f"video/{TASK}/clip_1.mp4", *clips)
    found = load_folder(make_folder({TASK: [bad, good]}, there))
    assert [sample.video.name for sample in found] == ["good.mp4"]
    (skipped,) = found.skipped
    assert skipped.reason.startswith(f"entry 1 of {TASK}.json: ")
    return skipped.reason

"""Data set folders in TVBench's format, written as a test needs them. No clip in them is ever opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import pytest


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

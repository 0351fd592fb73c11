"""MVBench: 20 tasks of 200 questions each, with its archives unpacked in video/."""

from __future__ import annotations

from pathlib import Path

from workbench.data.collection import Samples
from workbench.data.dataset import Dataset
from workbench.data.origins import MVBENCH_FOLDERS
from workbench.data.tvbench import load_folder


def _load(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool) -> Samples:
    assert root is not None, "the registry asks for root where needs_root is set"
    return load_folder(root, tasks=tasks, limit=limit, name="mvbench", strict=strict)


MVBENCH = Dataset(
    name="mvbench",
    description="MVBench: 20 tasks, multiple choice (OpenGVLab/MVBench on the hub), archives unpacked",
    load=_load,
    needs_root=True,
    layout="json/TASK.json, and in video/ what its archives hold (star/, clevrer/, perception/, ..)",
    hub="OpenGVLab/MVBench",
    style="mvbench",
    scoring="lmms_mvbench",
    frames="midpoints(8)",
    counts=dict.fromkeys(MVBENCH_FOLDERS, 200),
    total=4000,
)

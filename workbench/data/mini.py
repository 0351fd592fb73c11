"""The clips that come with the project, in TVBench's folder format and read by the same code."""

from __future__ import annotations

from pathlib import Path

from workbench.data.collection import Samples
from workbench.data.dataset import Dataset
from workbench.data.reading import task_key
from workbench.data.tvbench import LAYOUT, load_folder


def _load(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool) -> Samples:
    # Here and not above: making clips needs a renderer, which other data sets do not.
    from workbench.mini.footage import clips_folder

    keys = None if tasks is None else tuple(task_key(task) for task in tasks)
    return load_folder(
        clips_folder(limit=limit, tasks=keys), tasks=keys, limit=limit, name="mini", strict=strict
    )


MINI = Dataset(
    name="mini",
    description="Rendered clips that come with the project, for the models mini/video-ft and mini/image",
    load=_load,
    needs_root=False,
    layout=LAYOUT,
    papers_tasks=True,
)

"""Data sets by name. A new benchmark is one module with a `Dataset` and one line here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.data.collection import Samples
from workbench.data.dataset import Dataset, check_limit
from workbench.data.egoschema import EGOSCHEMA
from workbench.data.given import given_samples
from workbench.data.longvideobench import LONGVIDEOBENCH, LONGVIDEOBENCH_SUBTITLES
from workbench.data.mini import MINI
from workbench.data.minimal_pairs import MVP_FULL, MVP_MINI
from workbench.data.mvbench import MVBENCH
from workbench.data.tables import is_table, load_table
from workbench.data.tomato import TOMATO
from workbench.data.tvbench import LAYOUT, TVBENCH, TVBENCH_OPEN, load_folder
from workbench.data.videomme import VIDEOMME, VIDEOMME_SUBTITLES
from workbench.data.vinoground import VINOGROUND
from workbench.errors import SampleError, near_matches, shown
from workbench.spelling import spelled

if TYPE_CHECKING:
    from workbench.data.given import Given

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        MINI,
        TVBENCH,
        TVBENCH_OPEN,
        MVBENCH,
        TOMATO,
        VIDEOMME,
        VIDEOMME_SUBTITLES,
        EGOSCHEMA,
        LONGVIDEOBENCH,
        LONGVIDEOBENCH_SUBTITLES,
        VINOGROUND,
        MVP_MINI,
        MVP_FULL,
    )
}


def samples(
    name: str | Path | Given,
    *,
    root: str | Path | None = None,
    tasks: str | Iterable[str] | None = None,
    limit: int | None = None,
    strict: bool = True,
) -> Samples:
    """The questions of a data set, or your own. No clip is opened.

    `samples("mini")`, `samples("mini/moving_direction,object_count")`, `samples("tvbench", root="TVBench")`,
    `samples("TVBench")` where that folder is here, the path of any folder in TVBench's format, or a table of
    your own questions, `samples("questions.csv")` (.csv, .tsv, .jsonl, .json, .parquet). A DataFrame with the
    same columns is taken too, or a list of its rows: `samples([{"video": "a.mp4", "question": "Which way?",
    "options": "left|right", "answer": "left"}])`. "mini" is the project's own also beside a folder of that
    name: write "./mini" for the folder.

    Args:
        root: where the files of a downloaded data set are, or the clips of a table where they do not lie
            beside it.
        tasks: names, or one text with commas; None loads all tasks.
        limit: the first so many usable samples of each task.
        strict: whether a task that is named needs a clip. False leaves tasks without clips out with a
            warning, as where no task is named.

    Raises SampleError: no such data set, folder or task, a root or tasks that make no sense, nothing usable.
    """
    check_limit(limit)
    wanted = _task_names(tasks)
    if not isinstance(name, str | Path):
        return given_samples(name, root=root, tasks=wanted, limit=limit)
    head, slash, rest = name.partition("/") if isinstance(name, str) else ("", "", "")
    dataset = DATASETS.get(head.strip().lower())
    if dataset is not None and dataset.needs_root and root is None:
        if slash and _is_folder(Path(name)):
            dataset = None
        elif _is_folder(Path(head.strip())):
            root = head.strip()
    if dataset is None:
        return _folder(name, root, wanted, limit, strict)
    if slash:
        if wanted is not None:
            raise SampleError(
                f"{shown(name)} names tasks, and so does tasks={list(wanted)}: use one of the two"
            )
        wanted = _task_names(rest)
    if dataset.needs_root and root is None:
        raise SampleError(
            f"{shown(dataset.name)} has to be downloaded first, and there is no folder {shown(head.strip())} "
            f"here: give its folder, samples({dataset.name!r}, root='/path/to/it') or --data "
            f"{dataset.name}:/path/to/it; the folder holds {dataset.layout}"
        )
    if not dataset.needs_root and root is not None:
        raise SampleError(
            f"{shown(dataset.name)} comes with the project, so root={shown(str(root))} would be ignored: "
            "leave root out, or give the path as the data set's name"
        )
    return dataset.load(None if root is None else Path(root), wanted, limit, strict)


def _folder(
    name: str | Path, root: str | Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool
) -> Samples:
    if is_table(name):
        return load_table(name, root=root, tasks=tasks, limit=limit, strict=strict)
    try:
        folder = spelled(Path(name).expanduser())
    except (OSError, RuntimeError, ValueError):  # a name too long, or "~nobody"
        folder = Path(name)
    if not str(name).strip() or not _is_folder(folder):
        hint = near_matches(str(name).lower(), DATASETS)
        known = ", ".join(DATASETS)
        raise SampleError(
            f"{shown(str(name))} is neither a data set ({known}) nor a folder with {LAYOUT}.{hint}"
        )
    if root is not None:
        raise SampleError(
            f"{shown(str(name))} is a folder, so root={shown(str(root))} would be ignored: leave root out"
        )
    return load_folder(folder, tasks=tasks, limit=limit, strict=strict)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long to be one, or with a zero byte
        return False


def _task_names(tasks: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if tasks is None:
        return None
    several = (
        tasks.split(",")
        if isinstance(tasks, str)
        else list(tasks)
        if isinstance(tasks, Iterable)
        else [tasks]
    )
    if not all(isinstance(task, str) for task in several):
        raise SampleError(f"tasks is {shown(tasks)}: give names of tasks, or one text with commas")
    names = tuple(task.strip() for task in several)
    if not names or not all(names):
        raise SampleError(f"tasks is {shown(tasks)}: give one name or more, or leave it out for all tasks")
    return names

"""A user's own questions in a file: CSV, TSV, JSON lines, JSON or parquet, one row a question.

Columns: those that `Samples.from_list` takes as keys (`columns.py`); options in CSV as "left|right", or in
columns of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench.data.annotations import ENDINGS, Row, read_rows
from workbench.data.collection import Samples
from workbench.data.columns import COLUMNS, columns_of, gathered, is_column, meant
from workbench.data.confine import ClipMissing
from workbench.data.dataset import check_limit
from workbench.data.own import own_sample
from workbench.data.reading import task_key
from workbench.data.sample import Sample, Skipped
from workbench.errors import SampleError, near_matches, printable, shown
from workbench.spelling import spelled

_NUMBERS = ("start", "end")


def is_table(name: str | Path) -> bool:
    """Whether a name is that of a file of questions."""
    try:
        path = Path(name).expanduser()
        return path.suffix.lower() in ENDINGS and (path.is_file() or not path.is_dir())
    except (OSError, ValueError, RuntimeError):
        return False


def load_table(
    name: str | Path,
    *,
    root: str | Path | None,
    tasks: Iterable[str] | None,
    limit: int | None,
    strict: bool = True,
) -> Samples:
    """The samples of a file. Clips are looked for beside it, or in `root`; their paths may be absolute only
    without it.

    Rows that cannot be used are listed in `.skipped`. Raises SampleError for a column that does not exist, a
    task that no row has, and where no row is usable.
    """
    check_limit(limit)
    file = spelled(Path(name).expanduser().absolute())
    if not file.is_file():
        raise SampleError(f"There is no file {file}: name a table of questions ({', '.join(ENDINGS)})")
    folder = file.parent if root is None else spelled(Path(root).expanduser().absolute())
    if not folder.is_dir():
        raise SampleError(f"root {shown(str(root))} is no folder: give the folder that holds the clips")
    rows = list(read_rows(file))
    _check_columns(file, rows)
    wanted = None if tasks is None else [task_key(task) for task in tasks]
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    known: dict[str, int] = {}
    used: set[str] = set()
    for row in rows:
        entry = _own(row.entry)
        task = str(entry.get("task") or file.stem) if isinstance(entry, dict) else file.stem
        known.setdefault(task_key(task), 0)
        if wanted is not None and task_key(task) not in wanted:
            continue
        if known[task_key(task)] == limit:
            continue
        id = printable(f"{task}/{row.key}")
        try:
            sample = own_sample(id, file.stem, entry, folder, absolute=root is None)
            if sample.id in used:
                raise SampleError(f"the id {shown(sample.id)} is there already: rows need ids of their own")
        except ClipMissing as problem:
            skipped.append(Skipped(id, f"{row.where}: {problem} (clips are looked for beside the table)"))
        except SampleError as problem:
            skipped.append(Skipped(id, f"{row.where}: {problem}"))
        else:
            used.add(sample.id)
            known[task_key(task)] += 1
            samples.append(sample)
    missing = [task for task in wanted or () if not known.get(task)]
    if unknown := [task for task in missing if task not in known]:
        hint = near_matches(unknown[0], known)
        raise SampleError(f"{file} has no task {shown(unknown[0])}; it has {', '.join(known)}.{hint}")
    if not samples or (missing and strict):
        reasons = "; ".join(f"{one.id}: {one.reason}" for one in skipped[:3])
        raise SampleError(
            f"{file}: no usable row among {len(skipped)} ({reasons}). Correct the table, or name the folder "
            "of the clips (root=); on the command line, put them beside it."
        )
    return Samples(samples, name=file.stem, source=folder, skipped=skipped)


def _check_columns(file: Path, rows: list[Row]) -> None:
    """Raise SampleError for a column that would be ignored, and where there is no row."""
    if not rows:
        raise SampleError(f"{file} has no rows: each is a question with 'video' and 'question'")
    names = columns_of(row.entry for row in rows)
    for name in names:
        if not is_column(name):
            raise SampleError(
                f"{file} has a column {shown(str(name).strip())}, which would be ignored; columns are "
                f"{', '.join(COLUMNS)}.{meant(str(name))} Rename it, put facet_ before it to keep it, or "
                "remove it."
            )
    for column in ("video", "question"):
        if column not in names:
            raise SampleError(
                f"{file} has no column {column!r}; it has {', '.join(map(str, names))}."
                f"{near_matches(column, [str(name) for name in names])}"
            )


def _own(entry: Any) -> Any:
    """A row as `from_list` takes it: options in a list, numbers as numbers, facets together."""
    if not isinstance(entry, dict):
        return entry
    made = gathered({name: value for name, value in entry.items() if value is not None})
    if isinstance(made, str):
        return made
    for name in _NUMBERS:
        if isinstance(made.get(name), str):
            with suppress(ValueError):  # the schema says what it should be
                made[name] = float(made[name])
        elif isinstance(made.get(name), int) and not isinstance(made[name], bool):
            with suppress(OverflowError):  # so large that the schema refuses it
                made[name] = float(made[name])
    for name in ("task", "id", "group"):
        if isinstance(made.get(name), int) and not isinstance(made[name], bool):
            made[name] = str(made[name])
    return made

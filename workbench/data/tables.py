"""A user's own questions in a file: CSV, TSV, JSON lines, JSON or parquet, one row a question.

Columns: those that `Samples.from_list` takes as keys. Options are a list (in CSV as "left|right"), or columns
of their own: option_a, option_b, .. or option0, option1, ..; what else a file has may be kept as facet_NAME.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

from workbench.data.annotations import ENDINGS, Row, read_rows
from workbench.data.collection import Samples
from workbench.data.confine import ClipMissing
from workbench.data.dataset import check_limit
from workbench.data.entry import OwnEntry
from workbench.data.own import own_sample
from workbench.data.reading import task_key
from workbench.data.sample import LETTERS, Sample, Skipped
from workbench.errors import SampleError, near_matches, printable, shown
from workbench.spelling import spelled

COLUMNS = (*OwnEntry.model_fields, "option_a, option_b, ..", "facet_NAME")
"""What a table may have."""
_OPTION = re.compile(r"[Oo]ption(?:[_ ]?(?P<upper>[A-Z])|[_ ](?P<lower>[a-z])|[_ ]?(?P<number>\d{1,2}))")
_NUMBERS = ("start", "end")
_ALSO = {
    "choices": "options",
    "candidates": "options",
    "clip": "video",
    "path": "video",
    "video_path": "video",
}
"""Other words for a column that are common."""


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
    names = dict.fromkeys(name for row in rows if isinstance(row.entry, dict) for name in row.entry)
    for name in names:
        plain = str(name).strip()
        if plain in OwnEntry.model_fields or _OPTION.fullmatch(plain) or plain.startswith("facet_"):
            continue
        known = (*OwnEntry.model_fields, *_ALSO)
        meant = _ALSO.get(plain.lower())
        hint = f" Did you mean {meant!r}?" if meant else near_matches(plain, known)
        raise SampleError(
            f"{file} has a column {shown(plain)}, which would be ignored; columns are {', '.join(COLUMNS)}."
            f"{hint} Rename it, put facet_ before it to keep it, or remove it."
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
    made = {
        name: value for name, value in entry.items() if name in OwnEntry.model_fields and value is not None
    }
    numbered = [
        (_place(found), value)
        for name, value in entry.items()
        if (found := _OPTION.fullmatch(str(name).strip())) and value not in (None, "")
    ]
    if numbered and "options" in made:
        return "a row with options twice, in one column and in columns of their own"
    if len({place for place, _ in numbered}) < len(numbered):
        return "a row with two columns for one option"
    if numbered:
        made["options"] = [str(value) for _, value in sorted(numbered, key=itemgetter(0))]
    elif isinstance(made.get("options"), str):
        made["options"] = [part.strip() for part in made["options"].split("|")]
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
    kept = {
        str(name)[6:]: str(value) for name, value in entry.items() if str(name).startswith("facet_") and value
    }
    own = made.get("facets") or {}
    if kept and isinstance(own, dict):  # the schema says what it should be
        made["facets"] = {**own, **kept}
    return made


def _place(found: re.Match[str]) -> int:
    letter = found["upper"] or (found["lower"] or "").upper()
    return LETTERS.index(letter) if letter else int(found["number"])

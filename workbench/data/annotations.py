"""Annotation files of any form as rows: JSON, JSON lines, CSV, parquet. What they hold is data, never run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.confine import inside
from workbench.errors import SampleError, shown
from workbench.foreign import MOST_BYTES, parse_json, read_bytes, read_json

ENDINGS = (".json", ".jsonl", ".csv", ".tsv", ".parquet")
"""Of files that `read_rows` reads."""
_MOST_CELL = 10_000_000


class Row(NamedTuple):
    """One entry of a file."""

    entry: Any
    """A dict in a sound file; whatever else stands in a JSON list is for the reader to refuse."""
    where: str
    """For messages: "entry 3 of test.json"."""
    key: str
    """What the file calls it by: its key in a JSON object, else its number from 1."""


def find_files(root: Path, *patterns: str, what: str) -> list[Path]:
    """The files of the first pattern below `root` that has some, sorted.

    Raises SampleError where no pattern has any, saying that the folder should hold `what`.
    """
    for pattern in patterns:
        found = sorted(
            file for file in root.glob(pattern) if file.is_file() and not file.name.startswith(".")
        )
        if found:
            return found
    nearby = [folder for folder in (root.parent, *sorted(root.glob("*/"))) if _has(folder, patterns)]
    hint = f" Did you mean {nearby[0]}?" if nearby else ""
    raise SampleError(f"{root} holds no annotations: it should have {what}.{hint}")


def _has(folder: Path, patterns: tuple[str, ...]) -> bool:
    return any(next(iter(folder.glob(pattern)), None) is not None for pattern in patterns)


def read_rows(file: Path, root: Path | None = None) -> Iterator[Row]:
    """The entries of an annotation file in order, a JSON object's by their keys.

    Raises SampleError where it cannot be read as what its name says, or leads out of `root`.
    """
    if root is not None and not inside(file, root):
        raise SampleError(f"{file} is a link that leads out of {root}: put the annotations themselves there")
    ending = file.suffix.lower()
    if ending == ".json":
        yield from _from_json(file)
    elif ending == ".jsonl":
        yield from _from_lines(file)
    elif ending in (".csv", ".tsv"):
        yield from _from_csv(file, "\t" if ending == ".tsv" else ",")
    elif ending == ".parquet":
        yield from _from_parquet(file)
    else:
        raise SampleError(f"{file} ends in {shown(ending)}: annotations are read from {', '.join(ENDINGS)}")


def _from_json(file: Path) -> Iterator[Row]:
    content = read_json(file, error=SampleError)
    if isinstance(content, dict):
        for key, entry in content.items():
            yield Row(entry, f"entry {shown(key)} of {file.name}", str(key))
    elif isinstance(content, list):
        for number, entry in enumerate(content, start=1):
            yield Row(entry, f"entry {number} of {file.name}", str(number))
    else:
        raise SampleError(f"{file} holds {shown(content)}, not a list or an object of questions")


def _from_lines(file: Path) -> Iterator[Row]:
    for number, line in enumerate(_text(file).splitlines(), start=1):
        if line.strip():
            entry = parse_json(line, source=f"{file}, line {number},", error=SampleError)
            yield Row(entry, f"line {number} of {file.name}", str(number))


def _from_csv(file: Path, between: str) -> Iterator[Row]:
    text = _text(file)
    before = csv.field_size_limit(_MOST_CELL)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True))
    except csv.Error as problem:
        raise SampleError(
            f"{file} is no CSV: {problem}. Quote cells that hold quotes or line breaks."
        ) from None
    finally:
        csv.field_size_limit(before)
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise SampleError(f"{file} is empty: its first line names the columns")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names):
        raise SampleError(f"{file} has two columns of one name among {shown(names)}: rename one")
    for number, row in enumerate(rows[1:], start=1):
        where = f"row {number} of {file.name}"
        if len(row) != len(names):
            yield Row(f"{len(row)} cells for {len(names)} columns", where, str(number))
        else:
            yield Row({name: cell or None for name, cell in zip(names, row, strict=True)}, where, str(number))


def _from_parquet(file: Path) -> Iterator[Row]:
    content = read_bytes(file, error=SampleError, most_bytes=8 * MOST_BYTES)
    try:
        table = pq.read_table(pa.BufferReader(content))
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as problem:
        cause = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise SampleError(f"{file} is no parquet file: {cause}. It is damaged: get it again.") from None
    for number, entry in enumerate(rows, start=1):
        yield Row(entry, f"row {number} of {file.name}", str(number))


def _text(file: Path) -> str:
    content = read_bytes(file, error=SampleError)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise SampleError(f"{file} is not UTF-8 text (byte {problem.start}). Save it as UTF-8.") from None

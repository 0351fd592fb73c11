"""Annotations of every data set in every form, filled with anything: samples, or our error."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.benchmarks import BENCHMARKS
from tests.fuzz.values import (
    LEAF,
    TEXT,
    VALUE,
    as_json,
    assert_printable,
    attempt,
    confined,
    entries,
    few,
    spoilt,
)
from tests.pages.test_hostile import Elements
from workbench.data import DATASETS, Samples, samples
from workbench.data.display import samples_html

Rows = list[Any]
SHOWN = {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li"}


class Form(NamedTuple):
    """One annotation file of one data set."""

    benchmark: str
    """Of BENCHMARKS: what else lies in the folder."""
    name: str
    """As `samples` takes it; "table" is the file itself."""
    file: str
    sound: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row
    """A row of the benchmark as this file has it."""
    keyed: bool = False
    without: str = ""
    """A file to remove, because it would be read in the place of this one."""


def authors(row: dict[str, Any]) -> dict[str, Any]:
    """A row of EgoSchema as its authors' questions.json has it."""
    options = {f"option {number}": text for number, text in enumerate(row["option"])}
    return {"q_uid": row["video_idx"], "question": row["question"], **options}


def numbered(row: dict[str, Any]) -> dict[str, Any]:
    """A row of LongVideoBench as its parquet files have it."""
    options = {f"option{number}": text for number, text in enumerate(row["candidates"])}
    return {**{key: value for key, value in row.items() if key != "candidates"}, **options, "option4": "N/A"}


def columns(row: dict[str, Any]) -> dict[str, Any]:
    """A table's options in columns of their own, and two facets."""
    rest = {key: value for key, value in row.items() if key != "options"}
    return {**rest, "option_a": "here", "option_b": "there", "start": 0.1, "end": 0.9, "answer": "A"}


FORMS = {
    "tvbench": Form("tvbench", "tvbench", "json/moving_direction.json"),
    "tvbench_open": Form("tvbench", "tvbench_open", "json/moving_direction.json"),
    "mvbench": Form("mvbench", "mvbench", "json/action_sequence.json"),
    "tomato": Form("tomato", "tomato", "data/count.json", keyed=True),
    "tomato.list": Form("tomato", "tomato", "data/count.json"),
    "tomato.parquet": Form("tomato", "tomato", "data/all.parquet", without="data/count.json"),
    "videomme": Form("videomme", "videomme", "videomme/test-00000-of-00001.parquet"),
    "videomme_subtitles": Form("videomme", "videomme_subtitles", "videomme/test-00000-of-00001.parquet"),
    "egoschema": Form("egoschema", "egoschema", "Subset/test-00000-of-00001.parquet"),
    "egoschema.json": Form("egoschema", "egoschema", "questions.json", authors),
    "longvideobench": Form("longvideobench", "longvideobench", "lvb_val.json"),
    "longvideobench_subtitles": Form("longvideobench", "longvideobench_subtitles", "lvb_val.json"),
    "longvideobench.parquet": Form(
        "longvideobench", "longvideobench", "validation-0.parquet", numbered, without="lvb_val.json"
    ),
    "vinoground": Form("vinoground", "vinoground", "vinoground_videos/vinoground_textscore.json"),
    "mvp_mini": Form("mvp_mini", "mvp_mini", "temporal_reasoning/mini-00000-of-00001.parquet"),
    "mvp_full.jsonl": Form("mvp_mini", "mvp_full", "temporal_reasoning/full-0.jsonl"),
    **{
        f"table.{ending}{how}": Form("table.jsonl", "table", f"mine.{ending}", sound)
        for ending in ("csv", "tsv", "jsonl", "json", "parquet")
        for how, sound in (("", lambda row: row), (", columns", columns))
    },
}


def test_every_data_set_is_here() -> None:
    assert {form.name for form in FORMS.values()} == set(DATASETS) - {"mini"} | {"table"}


class Folder(NamedTuple):
    """Where a form's data set lies, with its annotations still to be written."""

    form: Form
    root: Path
    outside: Path
    rows: Rows

    @property
    def file(self) -> Path:
        return self.root / self.form.file

    def load(self, **more: Any) -> Samples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a task is left out whose clips are not there
            if self.form.name == "table":
                return samples(self.file, root=self.root, **more)
            return samples(self.form.name, root=self.root, **more)

    def read(self, content: bytes) -> Samples | None:
        """What comes of the file with this content; fails where that is neither samples nor our error."""
        self.file.write_bytes(content)
        with confined(self.root, self.outside):
            found = attempt(self.load)
            if found is not None:
                assert_usable(found, self.root)
        return found


def assert_usable(found: Samples, root: Path) -> None:
    """Its clips lie inside, its words can be stored and shown, and nothing of it is an order to anybody."""
    assert len(found.fingerprint) == 64
    assert len(found.to_dataframe()) == len(found)
    for sample in found:
        assert sample.video.resolve().is_relative_to(root.resolve())
        words = (sample.id, sample.task, sample.question, *sample.options, str(sample.video))
        "".join((*words, *sum(sample.facets, ()), *(line.text for line in sample.subtitles))).encode("utf-8")
    for skipped in found.skipped:
        for text in skipped:
            assert_printable(text)
    assert_printable(repr(found))
    shown = Elements(samples_html(found.name, found.counts(), list(found), found.skipped))
    assert set(shown.tags) <= SHOWN
    assert not [name for name, _ in shown.attributes if name not in ("class", "style")]


@pytest.fixture(scope="module", params=list(FORMS))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    form = FORMS[request.param]
    home = tmp_path_factory.mktemp("fuzz")
    benchmark = BENCHMARKS[form.benchmark]()
    root = benchmark.write(home / "set")
    (home / "outside").mkdir()
    (home / "outside" / "secret.mp4").write_bytes(b"x")
    (root / (form.without or "none")).unlink(missing_ok=True)
    if form.benchmark == "table.jsonl":
        (root / benchmark.file).unlink()
    (root / form.file).parent.mkdir(exist_ok=True)
    made = Folder(form, root, home / "outside", [form.sound(row) for row in benchmark.rows])
    found = made.read(written(made, made.rows))
    assert found is not None
    assert not found.skipped, "the sound rows are sound"
    return made


def written(folder: Folder, rows: Rows) -> bytes:
    """The file with these rows, as far as its form can hold them."""
    ending = folder.file.suffix
    if ending == ".json":
        return as_json({str(number): row for number, row in enumerate(rows)} if folder.form.keyed else rows)
    if ending == ".jsonl":
        return b"".join(as_json(row) + b"\n" for row in rows)
    tables = [row for row in rows if isinstance(row, dict)]
    if ending == ".parquet":
        sink = io.BytesIO()
        pq.write_table(columns_of(tables), sink)
        return sink.getvalue()
    out = io.StringIO()
    names = list(dict.fromkeys(key for row in tables for key in row))
    writer = csv.writer(out, delimiter="\t" if ending == ".tsv" else ",")
    writer.writerow(names)
    for row in tables:
        cells = [row.get(name) for name in names]
        writer.writerow(["|".join(map(str, cell)) if isinstance(cell, list) else cell for cell in cells])
    return out.getvalue().encode("utf-8", "surrogatepass")


def columns_of(rows: Rows) -> pa.Table:
    """Columns with the types that their values have; as texts where these differ, or parquet has none."""
    made = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        try:
            plain = name.encode("utf-8").decode()
        except UnicodeEncodeError:
            continue
        values = [row.get(name) for row in rows]
        try:
            made[plain] = pa.array(values)
            pq.write_table(pa.table({"x": made[plain]}), io.BytesIO())
        except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
            made[plain] = pa.array([ascii(value) for value in values])
    return pa.table(made)


@few(3)
@given(data=st.data())
def test_any_entries(folder: Folder, data: st.DataObject) -> None:
    rows = [*data.draw(entries(folder.rows)), *folder.rows[: data.draw(st.integers(0, 1))]]
    folder.read(written(folder, rows))


@few(3)
@given(data=st.data())
def test_any_content_at_all(folder: Folder, data: st.DataObject) -> None:
    if folder.file.suffix in (".json", ".jsonl"):
        anything = VALUE.map(as_json)
    else:
        anything = st.binary(max_size=60)
    folder.read(data.draw(spoilt(written(folder, folder.rows)) | anything))


@few(2)
@given(data=st.data())
def test_any_task_and_limit(folder: Folder, data: st.DataObject) -> None:
    folder.file.write_bytes(written(folder, folder.rows))
    tasks = data.draw(st.none() | TEXT | st.lists(TEXT, max_size=3) | LEAF)
    limit = data.draw(st.none() | LEAF)
    with confined(folder.root, folder.outside):
        found = attempt(lambda: folder.load(tasks=tasks, limit=limit, strict=data.draw(st.booleans())))
    assert found is None or len(found)

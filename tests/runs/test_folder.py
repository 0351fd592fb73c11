"""A run's folder: what is kept of a sample comes back, what is damaged or somebody else's does not."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import ROOT
from workbench.checksums import write_listed
from workbench.data import Sample
from workbench.errors import RunError
from workbench.runs import Record, SampleRow, Skip, new_manifest, table_of
from workbench.runs.finals import joined, read_tables
from workbench.runs.folder import Damaged, FolderStore
from workbench.runs.settings import hash_of_settings
from workbench.runs.tables import schema_of


class Row(NamedTuple):
    name: str
    layer: int
    p: float
    right: bool


SCHEMA = schema_of(Row)
ROWS = [Row("a", 1, 0.5, True), Row("<é>", 2, float("nan"), False)]
ANSWER = SampleRow("s", "t", "A", 0.5, "A", "A", True, 9, 1.5)


def manifest(**settings: Any) -> dict[str, Any]:
    class Model:
        device = "cpu"

    return new_manifest("test", {"x": 1, **settings}, Model())


def store(out: Path, *, keeps_samples: bool = False, **settings: Any) -> FolderStore:
    return FolderStore(out, manifest(**settings), "rows", SCHEMA, keeps_samples=keeps_samples)


def record(rows: list[Row], sample: SampleRow | None = None, *skipped: Skip) -> Record:
    return Record(table_of(rows, SCHEMA), sample, skipped)


RECORDS = [
    record(ROWS, ANSWER),
    record([], None, Skip("b", "", "broken: <b>é</b>")),
    record(ROWS[:1], ANSWER, Skip("c", "video -> last", "no video")),
]


def same(one: pa.Table, two: pa.Table) -> bool:
    """NaN is equal to NaN here."""
    return one.schema == two.schema and str(one.to_pylist()) == str(two.to_pylist())


@pytest.mark.parametrize("keeps_samples", [True, False])
def test_records_come_back_and_become_one_table(tmp_path: Path, keeps_samples: bool) -> None:
    with store(tmp_path, keeps_samples=keeps_samples) as kept:
        for position, one in enumerate(RECORDS):
            kept.put(position, one)
        back = [kept.get(position) for position in range(4)]
        assert back[3] is None
        for got, put in zip(back[:3], RECORDS, strict=True):
            assert got is not None
            assert same(got.rows, put.rows)
            assert got[1:] == put[1:]
        tables = joined(RECORDS, SCHEMA, left_out=[Skip("z", "", "never there")])
        assert tables.rows["name"].to_pylist() == ["a", "<é>", "a"]
        assert [skip.sample_id for skip in tables.skipped] == ["z", "b", "c"]
        kept.finish(tables)
        assert kept.manifest["finished"]
    read, bad = read_tables(tmp_path, "rows", legacy=False)
    assert bad == []
    assert same(read["rows"], tables.rows)
    assert read["skipped"] == tables.skipped
    assert read["samples"].num_rows == (2 if keeps_samples else 0)
    assert (tmp_path / "samples.parquet").exists() is keeps_samples


@pytest.mark.parametrize("name", ["rows-00000.parquet", "sample-00000.json"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"{}", b"not a shard at all", "half", "one bit", None])
def test_a_damaged_shard_is_as_good_as_none(tmp_path: Path, name: str, content: bytes | str | None) -> None:
    with store(tmp_path) as kept:
        kept.put(0, RECORDS[0])
        path = tmp_path / "shards" / name
        whole = path.read_bytes()
        if content is None:
            path.unlink()
        elif content == "half":
            path.write_bytes(whole[: len(whole) // 2])
        elif content == "one bit":
            at = whole.index(b"sha256") + 12 if name.endswith("json") else len(whole) // 2
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        else:
            assert isinstance(content, bytes)
            path.write_bytes(content)
        assert kept.get(0) is None
        path.write_bytes(whole)
        assert kept.get(0) is not None


def test_rows_of_another_table_are_not_taken(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        kept.put(0, RECORDS[0])
        rows = tmp_path / "shards" / "rows-00000.parquet"
        pq.write_table(pq.read_table(rows).select(["name"]), rows)
        assert kept.get(0) is None


def test_other_settings_and_a_second_writer_are_refused(tmp_path: Path) -> None:
    with store(tmp_path):
        with pytest.raises(RunError, match="Another process"):
            store(tmp_path).__enter__()
    with pytest.raises(RunError, match="y: nothing in the folder"):
        store(tmp_path, y=2).__enter__()


def test_a_shard_says_in_plain_words_what_it_holds(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        kept.put(12, RECORDS[2])
    body = json.loads((tmp_path / "shards" / "sample-00012.json").read_text("utf-8"))
    assert body["sample"]["sample_id"] == "s"
    assert body["skipped"] == [{"sample_id": "c", "flow": "video -> last", "reason": "no video"}]
    run = hash_of_settings("test", {"x": 1})
    assert (body["run"], body["position"], body["sample_id"], body["clip"]) == (run, 12, "", None)
    rows = (tmp_path / "shards" / "rows-00012.parquet").read_bytes()
    assert body["rows_sha256"] == hashlib.sha256(rows).hexdigest()
    assert set(body) == {
        *("run", "position", "sample_id", "clip"),
        *("sample", "skipped", "rows_sha256", "sha256"),
    }


# What is somebody else's.


def measured_store(out: Path, clips: Path, *, names: str = "01", **settings: Any) -> FolderStore:
    samples = [Sample(id=f"s/{n}", task="s", video=clips / f"{n}.mp4", question="?") for n in names]
    made = manifest(samples=len(samples), **settings)
    return FolderStore(out, made, "rows", SCHEMA, keeps_samples=True, samples=samples)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for n in "01":
        (folder / f"{n}.mp4").write_bytes(f"clip {n}".encode())
    return folder


@pytest.fixture
def kept(tmp_path: Path, clips: Path) -> Path:
    """A folder with two measured samples."""
    with measured_store(tmp_path / "run", clips) as store:
        store.put(0, RECORDS[0])
        store.put(1, RECORDS[2])
    return tmp_path / "run"


def stored(out: Path, clips: Path, **more: Any) -> list[bool]:
    with measured_store(out, clips, **more) as store:
        return [record is not None for record in store.stored()]


def test_without_its_manifest_a_folder_goes_on_with_the_settings_that_its_samples_name(
    kept: Path, clips: Path
) -> None:
    (kept / "manifest.json").unlink()
    with pytest.raises(RunError, match=r"records of 2 samples, made with other settings.*no manifest\.json"):
        stored(kept, clips, y=2)
    assert not (kept / "manifest.json").exists(), "a refusal writes nothing"
    with pytest.warns(Damaged, match="had lost its manifest"):
        assert stored(kept, clips) == [True, True]
    assert stored(kept, clips) == [True, True]


@pytest.mark.parametrize("name", ["rows.parquet", "samples.parquet", "skipped.csv"])
def test_tables_without_a_manifest_are_nobodys_to_overwrite(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("of somebody else")
    with pytest.raises(RunError, match=rf"holds {name}, made with unknown settings"):
        store(tmp_path, keeps_samples=True).__enter__()
    assert (tmp_path / name).read_text() == "of somebody else"


def test_swapped_and_copied_shards_are_named_and_measured_again(kept: Path, clips: Path) -> None:
    shards = kept / "shards"
    for name in ("sample-0000{}.json", "rows-0000{}.parquet"):
        one, two = shards / name.format(0), shards / name.format(1)
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)
    message = (
        r"2 of 2 samples are measured again: sample-00000.json \(it is that of another sample, 's/1'\), "
        r"sample-00001.json \(it is that of another sample, 's/0'\)"
    )
    with pytest.warns(Damaged, match=message):
        assert stored(kept, clips) == [False, False]


def test_shards_of_another_run_are_named_and_measured_again(kept: Path, clips: Path, tmp_path: Path) -> None:
    with measured_store(tmp_path / "other", clips, y=1) as other:
        other.put(1, RECORDS[0])
    for path in (tmp_path / "other" / "shards").iterdir():
        (kept / "shards" / path.name).write_bytes(path.read_bytes())
    with pytest.warns(Damaged, match=r"1 of 2 .*sample-00001.json \(it is of a run with other settings\)"):
        assert stored(kept, clips) == [True, False]


def test_a_clip_that_was_replaced_is_refused_by_name_and_nothing_is_lost(kept: Path, clips: Path) -> None:
    before = {path: path.read_bytes() for path in kept.rglob("*.*")}
    (clips / "1.mp4").write_bytes(b"another clip")
    with pytest.raises(RunError, match=r"1 clips are not those .*1\.mp4 \(sample 's/1'\).*Put them back"):
        stored(kept, clips)
    assert {path: path.read_bytes() for path in kept.rglob("*.*")} == before
    (clips / "1.mp4").write_bytes(b"clip 1")
    assert stored(kept, clips) == [True, True]


def test_clips_of_the_same_names_in_another_folder_are_other_clips(
    kept: Path, clips: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    clips.rename(moved)
    assert stored(kept, moved) == [True, True], "a data set may move"
    for path in moved.iterdir():
        path.write_bytes(b"another clip")
    with pytest.raises(RunError, match=r"2 clips are not those"):
        stored(kept, moved)
    with pytest.raises(RunError, match=r"nothing is there to compare with .*clips/0\.mp4"):
        stored(kept, tmp_path / "nowhere")


def test_a_sample_whose_clip_could_not_be_used_is_tried_again_with_a_new_one(
    tmp_path: Path, clips: Path
) -> None:
    with measured_store(tmp_path / "run", clips) as store:
        store.put(0, RECORDS[1])
        store.put(1, RECORDS[0])
    assert stored(tmp_path / "run", clips) == [True, True]
    (clips / "0.mp4").write_bytes(b"a clip that is whole")
    assert stored(tmp_path / "run", clips) == [False, True]


# What the folder itself does to writers.


def test_only_what_this_run_left_half_written_is_removed_and_only_after_the_settings_are_checked(
    kept: Path, clips: Path
) -> None:
    write_listed(kept / "pathways.csv", "a table that is made of the run")
    mine = [
        kept / ".rows-0123abcd.tmp.parquet",
        kept / ".pathways-0123abcd.tmp.csv",
        kept / "shards" / ".sample-00001-0123abcd.tmp.json",
    ]
    others = [kept / "notes.tmp", kept / ".notes-0123abcd.tmp.txt", kept / "shards" / ".x-0123abcd.tmp.json"]
    for path in (*mine, *others):
        path.write_text("half")
    with pytest.raises(RunError, match="other settings"):
        stored(kept, clips, y=5)
    assert all(path.exists() for path in (*mine, *others))
    stored(kept, clips)
    assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("name", ["shards", ".lock"])
def test_links_out_of_the_folder_are_not_followed(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs").write_text("theirs")
    out = tmp_path / "run"
    out.mkdir()
    (out / name).symlink_to(elsewhere if name == "shards" else elsewhere / "theirs")
    with pytest.raises(RunError, match=rf"{name} is a link to somewhere else"):
        store(out)
    assert (elsewhere / "theirs").read_text() == "theirs"


def test_a_final_table_that_is_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    with store(tmp_path / "run") as kept:
        kept.put(0, RECORDS[0])
        (tmp_path / "run" / "rows.parquet").symlink_to(tmp_path / "theirs")
        kept.finish(joined(RECORDS[:1], SCHEMA))
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "run" / "rows.parquet").is_symlink()


@pytest.mark.parametrize("name", ["a\0b", "x" * 255 + "y", "é" * 200, "\udcff" * 3 + "\0"])
def test_a_name_that_no_folder_can_have_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match=r"(?s)cannot be written.*another folder"):
        store(tmp_path / name)


def test_a_name_of_255_characters_is_a_folder_as_any_other(tmp_path: Path) -> None:
    with store(tmp_path / ("x" * 255)) as kept:
        kept.put(0, RECORDS[0])
        kept.finish(joined(RECORDS[:1], SCHEMA))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "Make room"), (errno.EROFS, "that you may write to"), (errno.EIO, "another folder")],
)
def test_a_disk_that_takes_no_more_ends_in_words_and_nothing_is_lost(
    kept: Path, clips: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    before = {path.name: path.read_bytes() for path in (kept / "shards").iterdir()}

    def full(*args: Any) -> None:
        raise OSError(number, os.strerror(number))

    with measured_store(kept, clips) as writer, monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        with pytest.raises(RunError, match=rf"manifest.json cannot be written .*{remedy}.*goes on"):
            writer.put(1, RECORDS[0])
        with pytest.raises(RunError, match=rf"rows-00001.parquet cannot be written .*{remedy}.*goes on"):
            writer.put(1, RECORDS[0])
        with pytest.raises(RunError, match=rf"cannot be written .*{remedy}"):
            writer.finish(joined(RECORDS[:1], SCHEMA))
    assert {path.name: path.read_bytes() for path in (kept / "shards").iterdir()} == before
    assert stored(kept, clips) == [True, True]


def test_a_file_larger_than_the_process_may_write_ends_in_words(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys\n"
        "from tests.runs.test_folder import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "with store(Path(sys.argv[1])) as kept:\n"
        "    kept.put(0, RECORDS[1])\n"
        "    try:\n"
        "        kept.put(1, record(ROWS * 2000))\n"
        "    except RunError as error:\n"
        "        print(error)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "run")]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env={**os.environ})
    assert "rows-00001.parquet cannot be written (File too large). Make room" in found.stdout, found.stderr
    assert [path.name for path in sorted((tmp_path / "run" / "shards").iterdir())] == [
        "rows-00000.parquet",
        "sample-00000.json",
    ]

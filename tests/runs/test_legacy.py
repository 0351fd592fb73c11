"""Folders that 0.1.0 wrote still open, and go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from tests.runs.test_folder import ROWS, SCHEMA, store
from workbench.analyses.sweep.effects import sweep
from workbench.checksums import sums
from workbench.errors import RunError
from workbench.runs import Damaged, Run, load_run, table_of
from workbench.runs.legacy import read_part
from workbench.runs.tables import schema_of


def write_part(folder: Path, position: int, reason: str = "", rows: pa.Table | None = None) -> Path:
    """As 0.1.0 wrote it: one parquet a sample, and in its metadata why it was skipped."""
    (folder / "shards").mkdir(exist_ok=True)
    kept = table_of(() if reason else ROWS, SCHEMA) if rows is None else rows
    table = kept.replace_schema_metadata({b"skipped": reason.encode()})
    path = folder / "shards" / f"part-{position:05d}.parquet"
    pq.write_table(table, path, compression="zstd")
    return path


def begun_before(folder: Path) -> None:
    """A folder whose manifest is of a version that did not tie samples to their run."""
    with store(folder) as kept:
        old = {key: value for key, value in kept.manifest.items() if key != "settings_sha256"}
    (folder / "manifest.json").write_text(json.dumps(old))


def test_parts_are_read_as_records(tmp_path: Path) -> None:
    begun_before(tmp_path)
    write_part(tmp_path, 0)
    write_part(tmp_path, 1, "broken: <b>é</b>")
    with store(tmp_path) as kept:
        one, two, three = (kept.get(position) for position in range(3))
        assert one is not None
        assert one.rows["name"].to_pylist() == ["a", "<é>"]
        assert one.rows.schema.equals(SCHEMA, check_metadata=True)
        assert one.skipped == ()
        assert two is not None
        assert two.rows.num_rows == 0
        assert [skip.reason for skip in two.skipped] == ["broken: <b>é</b>"]
        assert three is None


def test_parts_in_the_folder_of_a_newer_run_are_not_its_own(tmp_path: Path) -> None:
    write_part(tmp_path, 0)
    with pytest.raises(RunError, match=r"records of 1 samples, made with unknown settings, and no man"):
        store(tmp_path).__enter__()
    (tmp_path / "shards" / "part-00000.parquet").unlink()
    with store(tmp_path) as kept:
        write_part(tmp_path, 0)
        assert kept.get(0) is None


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", None])
def test_a_damaged_part_is_as_good_as_none(tmp_path: Path, content: bytes | None) -> None:
    path = write_part(tmp_path, 0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert read_part(tmp_path / "shards", 0, SCHEMA) is None


def test_a_part_of_another_table_is_not_taken(tmp_path: Path) -> None:
    write_part(tmp_path, 0)

    assert read_part(tmp_path / "shards", 0, schema_of(type(ROWS[0]))) is not None
    assert read_part(tmp_path / "shards", 0, SCHEMA.remove(0)) is None


@pytest.fixture(params=["v0.1.0", "v0.2.0-begun"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A sweep as that version left it: `folders/` has what it wrote, byte by byte."""
    return Path(shutil.copytree(Path(__file__).parent / "folders" / request.param, tmp_path / "old"))


def swept(out: Path | None = None, **settings: Any) -> Run:
    model: Any = StandInModel()
    flows = ["frames -> later frames", "video -> question"]
    samples = questions(0, 1, 0, 0, broken=(3,))
    return sweep(model, samples, flows, "centred(3)", engine=StandInEngine(), out=out, **settings)


def test_a_folder_of_an_older_version_loads(old: Path) -> None:
    run = load_run(old)
    assert run.finished
    assert_frame_equal(run.table, swept().table, check_exact=True)
    assert run.skipped["sample_id"].tolist() == ["direction/3"]
    assert run.samples["sample_id"].tolist() == [f"direction/{n}" for n in range(3)]


@pytest.mark.filterwarnings("ignore:The run in .* goes on with other versions")
def test_a_folder_of_an_older_version_goes_on_and_is_listed_at_its_end(old: Path) -> None:
    (old / "shards" / "sample-00002.json").unlink()
    run = swept(old)
    assert_frame_equal(run.table, swept().table, check_exact=True)
    assert run.manifest["resumed"]
    assert "settings_sha256" not in run.manifest
    assert set(sums(old)) == {"effects.parquet", "samples.parquet", "skipped.csv"}
    content = bytearray((old / "samples.parquet").read_bytes())
    content[100] ^= 1
    (old / "samples.parquet").write_bytes(content)
    with pytest.warns(Damaged, match="samples.parquet"):
        assert_frame_equal(load_run(old).samples, run.samples)


@pytest.mark.filterwarnings("ignore:The run in .* goes on with other versions")
def test_rows_of_an_older_version_that_are_damaged_are_not_taken(old: Path) -> None:
    rows = old / "shards" / "effects-00002.parquet"
    content = bytearray(rows.read_bytes())
    content[len(content) // 2] ^= 1
    rows.write_bytes(content)
    with pytest.warns(Damaged, match=r"sample-00002.json \(its rows are damaged"):
        run = swept(old)
    assert_frame_equal(run.table, swept().table, check_exact=True)


def test_what_an_older_version_recorded_is_still_compared(old: Path) -> None:
    with pytest.raises(RunError, match="seed: 0 in the folder, 1 asked for") as caught:
        swept(old, seed=1)
    assert "pixels" not in str(caught.value), "it did not record them"

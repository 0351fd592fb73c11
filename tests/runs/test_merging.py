"""Parts of a run become the run that one process makes, byte for byte; what does not fit is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.runs.swept import questions, swept
from workbench.errors import RunError
from workbench.runs import merging
from workbench.runs.merging import merge_runs


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return questions(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def whole(samples, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    swept(samples, out)
    return out


def part(whole: Path, out: Path, *positions: int) -> Path:
    """A copy of a run that has only these records, and is not finished."""
    shutil.copytree(whole, out)
    for file in (*out.glob("*.parquet"), *out.glob("*.csv"), out / "SHA256SUMS"):
        file.unlink()
    for shard in (out / "shards").iterdir():
        if int(shard.stem.rpartition("-")[2]) not in positions:
            shard.unlink()
    manifest = (out / "manifest.json").read_text()
    finished = wb.load_run(whole).manifest["finished"]
    (out / "manifest.json").write_text(manifest.replace(f'"finished": "{finished}"', '"finished": null'))
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.suffix in (".parquet", ".csv")
    }


def test_copies_of_a_run_that_went_on_apart_are_that_run(whole, samples, tmp_path) -> None:
    parts = [part(whole, tmp_path / "a", 0, 1), part(whole, tmp_path / "b", 1, 2, 3)]
    before = [contents(one) for one in parts]
    found = merge_runs(tmp_path / "all", parts)
    assert (found.samples, found.done) == (4, 4)
    assert contents(tmp_path / "all") == contents(whole)
    assert [contents(one) for one in parts] == before
    assert swept(samples, tmp_path / "all").finished, "it goes on as usual, with nothing to do"
    assert len(wb.load_run(tmp_path / "all").manifest["merged_from"]) == 2


def test_what_is_missing_still_is_measured_by_the_same_command(whole, samples, tmp_path) -> None:
    parts = [part(whole, tmp_path / "a", 0), part(whole, tmp_path / "b", 2)]
    found = merge_runs(tmp_path / "some", parts)
    assert found.done == 2
    assert not wb.load_run(tmp_path / "some").finished
    run = swept(samples, tmp_path / "some")
    assert_frame_equal(run.table, wb.load_run(whole).table)


def test_runs_of_other_samples_become_a_run_of_all(whole, samples, tmp_path) -> None:
    swept(samples[:3], tmp_path / "a")
    swept(samples[2:], tmp_path / "b")
    merge_runs(tmp_path / "all", [tmp_path / "a", tmp_path / "b"])
    run = wb.load_run(tmp_path / "all")
    assert run.finished
    assert_frame_equal(run.table, wb.load_run(whole).table)
    assert run.samples["sample_id"].tolist() == [sample.id for sample in samples]
    settings = run.manifest["settings"]
    assert settings["samples"] == 4
    assert len(settings["merged"]) == 2


def test_what_the_data_left_out_is_kept(samples, tmp_path) -> None:
    from workbench.data import Samples, Skipped

    for name, some in (("a", samples[:2]), ("b", samples[2:])):
        bad = Samples(some, name="planted", skipped=[Skipped("planted/bad", "no clip")])
        swept(bad, tmp_path / name)
    merge_runs(tmp_path / "all", [tmp_path / "a", tmp_path / "b"])
    assert pd.read_csv(tmp_path / "all" / "skipped.csv")["sample_id"].tolist() == ["planted/bad"]


def test_what_does_not_fit_is_refused(whole, samples, tmp_path) -> None:
    swept(samples[:2], tmp_path / "other", confidence=0.5)
    with pytest.raises(RunError, match=r"(?s)other settings than .*model: "):
        merge_runs(tmp_path / "all", [whole, tmp_path / "other"])
    with pytest.raises(RunError, match="two or more"):
        merge_runs(tmp_path / "all", [whole])
    with pytest.raises(RunError, match="is there already"):
        merge_runs(whole, [whole, whole])
    unfinished = part(whole, tmp_path / "half", 0)
    swept(samples[:2], tmp_path / "two")
    with pytest.raises(RunError, match="lacks 3 of its 4 samples"):
        merge_runs(tmp_path / "all", [tmp_path / "two", unfinished])
    assert not (tmp_path / "all").exists()


def test_a_sample_with_other_numbers_is_named(whole, tmp_path, monkeypatch) -> None:
    copy = part(whole, tmp_path / "copy", 0, 1, 2, 3)
    real = merging.read_shard

    def changed(folder, position, *more, **told):
        shard = real(folder, position, *more, **told)
        if folder == copy and position == 1:
            assert shard.record.sample is not None
            answer = shard.record.sample._replace(p_base=0.5)
            return shard._replace(record=shard.record._replace(sample=answer))
        return shard

    monkeypatch.setattr(merging, "read_shard", changed)
    with pytest.raises(RunError, match="Sample 'planted/1' has other numbers"):
        merge_runs(tmp_path / "all", [whole, copy])


def test_a_damaged_record_is_refused(whole, tmp_path) -> None:
    copy = part(whole, tmp_path / "copy", 0, 1)
    (copy / "shards" / "effects-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="the record of sample 1 cannot be used"):
        merge_runs(tmp_path / "all", [whole, copy])


def test_a_stop_in_the_middle_leaves_nothing(whole, tmp_path, monkeypatch) -> None:
    copy = part(whole, tmp_path / "copy", 0, 1)

    def stops(*told, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(merging, "write_tables", stops)
    with pytest.raises(KeyboardInterrupt):
        merge_runs(tmp_path / "all", [whole, copy])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy"]

"""Runs on disk: saving, reading back, and folders that hold something else."""

from __future__ import annotations

import json

import pytest
from pandas.testing import assert_frame_equal

from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from workbench.analyses.sweep.effects import sweep
from workbench.errors import RunError
from workbench.runs import EFFECT_COLUMNS, Damaged, Run, load_measured, load_run


def run(out=None, **settings) -> Run:
    model: object = StandInModel()
    samples = questions(0, 1, 0, broken=(2,))
    return sweep(model, samples, "video -> last", "centred(3)", engine=StandInEngine(), out=out, **settings)  # pyright: ignore[reportArgumentType]


def test_a_run_in_memory_can_be_saved_and_read_back(tmp_path) -> None:
    made = run()
    assert made.folder is None
    assert made.save(tmp_path / "deep" / "run") == tmp_path / "deep" / "run"
    read = load_run(tmp_path / "deep" / "run")
    assert_frame_equal(read.table, made.table, check_exact=True)
    assert_frame_equal(read.samples, made.samples, check_exact=True)
    assert_frame_equal(read.skipped, made.skipped)
    assert read.manifest == made.manifest
    assert read.folder == tmp_path / "deep" / "run"
    assert "2 samples, 4 effects, 1 skipped" in repr(read)


def test_saving_twice_is_no_error_but_another_run_is_not_overwritten(tmp_path) -> None:
    made = run()
    made.save(tmp_path)
    made.save(tmp_path)
    with pytest.raises(RunError, match="holds another run"):
        run(seed=1).save(tmp_path)
    assert load_run(tmp_path).manifest == made.manifest


def test_a_saved_run_equals_a_stored_one_byte_for_byte(tmp_path) -> None:
    run(out=tmp_path / "stored")
    run().save(tmp_path / "saved")
    for name in ("effects.parquet", "skipped.csv"):
        assert (tmp_path / "stored" / name).read_bytes() == (tmp_path / "saved" / name).read_bytes()


def test_folders_without_a_run_are_refused(tmp_path) -> None:
    with pytest.raises(RunError, match=r"holds no run: it has no manifest\.json"):
        load_run(tmp_path)
    with pytest.raises(RunError, match="holds no run"):
        load_run(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a run's manifest"),
        ("[]", "is not a run's manifest"),
        ("\x00", "is not a run's manifest"),
        ('{"format": 1}', "is not a run's manifest"),
        ('{"format": 99, "kind": "sweep", "settings": {}, "resumed": []}', r"has format 99.* reads format 1"),
        ('{"format": 1, "kind": "other", "settings": {}, "resumed": []}', "another analysis"),
    ],
)
def test_other_manifests_are_refused(tmp_path, text, message) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(RunError, match=message):
        load_run(tmp_path)
    if "other" not in text:
        with pytest.raises(RunError, match=message):
            run(out=tmp_path)


def test_folders_that_cannot_be_written_are_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"is a file; out= must name a folder"):
        run(out=tmp_path / "file")
    with pytest.raises(RunError, match="cannot be written"):
        run(out=tmp_path / "file" / "below")


def test_an_unfinished_run_can_be_looked_at(tmp_path) -> None:
    run(out=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
    (tmp_path / "effects.parquet").unlink()
    (tmp_path / "shards" / "sample-00001.json").unlink()
    part = load_run(tmp_path)
    assert not part.finished
    assert part.samples["sample_id"].tolist() == ["direction/0"]
    assert part.skipped["sample_id"].tolist() == ["direction/2"]
    assert "unfinished" in repr(part)


def test_a_saved_run_whose_tables_are_damaged_is_refused(tmp_path) -> None:
    run().save(tmp_path)
    (tmp_path / "samples.parquet").write_bytes(b"PAR1PAR1")
    with pytest.raises(RunError, match="missing or damaged"):
        load_run(tmp_path)


def test_reasons_keep_their_commas_quotes_and_lines(tmp_path) -> None:
    made = run()
    odd = 'a, "b"\nNA\n null'
    made.skipped.loc[0, "reason"] = odd
    made.save(tmp_path)
    assert load_run(tmp_path).skipped["reason"].tolist() == [odd]


def test_a_table_of_another_kind_is_refused(tmp_path) -> None:
    made = run()
    made.save(tmp_path)
    made.table.drop(columns="token").to_parquet(tmp_path / "effects.parquet", index=False)
    with pytest.raises(RunError, match=r"missing or damaged \(effects.parquet\)"):
        load_run(tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # as an older version left it, which listed nothing
    del made.manifest["settings_sha256"]
    (tmp_path / "manifest.json").write_text(json.dumps(made.manifest))
    with pytest.raises(RunError, match="a sweep's begin with sample_id"):
        load_run(tmp_path)


def test_further_columns_are_kept(tmp_path) -> None:
    made = run()
    made.table["kl"] = [0.5, float("nan"), 2.0, 3.0]
    made.save(tmp_path)
    read = load_run(tmp_path)
    assert_frame_equal(read.table, made.table, check_exact=True)
    assert read.table.columns[-1] == "kl"


def test_a_run_that_has_stored_nothing_yet_is_an_empty_table(tmp_path) -> None:
    run(out=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
    for shard in (tmp_path / "shards").iterdir():
        shard.unlink()
    begun = load_run(tmp_path)
    assert begun.table.empty
    assert tuple(begun.table.columns) == EFFECT_COLUMNS
    assert not begun.finished
    with pytest.raises(RunError, match="is not finished"):
        load_measured(tmp_path, "sweep", "effects")


@pytest.mark.parametrize("name", ["effects.parquet", "samples.parquet", "skipped.csv"])
def test_a_folder_in_the_place_of_a_table_is_no_run_of_nothing(tmp_path, name) -> None:
    run().save(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(RunError, match=rf"missing or damaged \({name}\), and it holds no shards"):
        load_run(tmp_path)


def test_a_manifest_that_names_a_huge_number_of_samples_is_read_at_once(tmp_path) -> None:
    run(out=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    manifest["settings"]["samples"] = 999_999_999
    del manifest["settings_sha256"]
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "finished": None}))
    assert load_run(tmp_path).table.empty, "its samples name another run"


@pytest.mark.parametrize("folder", ["a\0b", "x" * 300, "."])
def test_names_of_no_run_are_refused_in_words(tmp_path, folder) -> None:
    with pytest.raises(RunError, match="holds no run"):
        load_run(tmp_path / folder)


def test_a_damaged_table_of_a_part_of_a_run_says_so_and_that_it_is_not_finished(tmp_path) -> None:
    made = run(out=tmp_path)
    (tmp_path / "effects.parquet").unlink()
    (tmp_path / "shards" / "sample-00000.json").write_text("{")
    with pytest.warns(Damaged, match=r"effects.parquet is missing or damaged, and was made again"):
        part = load_run(tmp_path)
    assert not part.finished
    assert len(part.table) < len(made.table)

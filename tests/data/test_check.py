"""The check of a folder: counts, clips that are missing or cannot be read, and what a whole one gives."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.data.benchmarks import BENCHMARKS, mvbench, tvbench
from workbench.data import DATASETS
from workbench.data.check import check


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_shown_on_each_format(name: str, tmp_path: Path) -> None:
    made = BENCHMARKS[name]()
    samples = made.load(made.write(tmp_path / "set"))
    found = check(samples, progress=False)
    assert set(found.tasks["task"]) == set(samples.tasks)
    assert int(found.tasks["questions"].to_numpy().sum()) == len(samples)
    assert not found.tasks[["missing", "unreadable", "unusable"]].to_numpy().any()
    assert set(found.tasks["seconds_max"].round(1)) == {1.2}
    # Of what is published there is less here, and nothing else is wrong.
    assert set(found.faults["kind"]) <= {"count"}


def test_faults_by_kind(tmp_path: Path) -> None:
    made = tvbench()
    made.rows.append({**made.rows[0], "video": "gone.mp4"})
    made.rows.append({**made.rows[1], "answer": "up"})
    root = made.write(tmp_path / "set")
    (root / "video" / "moving_direction" / "2.mp4").write_bytes(b"no film")
    with zipfile.ZipFile(root / "video" / "more.zip", "w") as archive:
        archive.writestr("x.mp4", b"x")
    found = check(made.load(root), progress=False)
    by_kind = found.faults.groupby("kind")["id"].agg(list).to_dict()
    assert by_kind["no clip"] == ["moving_direction/gone"]
    assert by_kind["unreadable clip"] == ["moving_direction/2"]
    assert by_kind["wrong answer"] == ["moving_direction/1#2"]
    assert by_kind["not unpacked"] == ["more.zip"]
    assert len(by_kind["count"]) == len(DATASETS["tvbench"].counts) - 1, "the other tasks are not there"
    (row,) = found.tasks.to_dict("records")
    assert (row["questions"], row["missing"], row["unreadable"], row["unusable"]) == (5, 1, 1, 1)
    assert not found.clean
    unopened = check(made.load(root), open_clips=False, progress=False)
    assert "unreadable clip" not in set(unopened.faults["kind"])
    assert set(unopened.tasks["seconds_max"].isna()) == {True}


def test_counts_against_the_published_ones(tmp_path: Path) -> None:
    made = mvbench()
    root = made.write(tmp_path / "set")
    made.rows = made.rows * 67  # 201
    (root / made.file).write_text(json.dumps(made.rows[:200]), "utf-8")
    fault = check(made.load(root), open_clips=False, progress=False).faults
    assert "action_sequence/" not in set(fault["id"])
    (root / made.file).write_text(json.dumps(made.rows), "utf-8")
    fault = check(made.load(root), open_clips=False, progress=False).faults
    (reason,) = fault[fault["id"] == "action_sequence/"]["reason"]
    assert reason == "201 questions, and 200 are published"


def test_a_bound_outside_the_clip_is_found_by_opening_it(tmp_path: Path) -> None:
    made = mvbench()
    made.rows[1]["end"] = 99.0
    faults = check(made.load(made.write(tmp_path / "set")), progress=False).faults
    assert "action_sequence/1" in set(faults[faults["kind"] == "unreadable clip"]["id"])


@pytest.mark.parametrize("name", ["videomme", "longvideobench"])
def test_a_sum_is_held_against_the_published_one(name: str, tmp_path: Path) -> None:
    made = BENCHMARKS[name]()
    samples = made.load(made.write(tmp_path / "set"))
    faults = check(samples, open_clips=False, progress=False).faults
    (reason,) = faults[faults["id"] == name]["reason"]
    assert reason == f"3 questions in all, and {DATASETS[name].total} are published"


def test_tasks_that_are_loaded_only_by_name_are_not_missed(tmp_path: Path) -> None:
    made = BENCHMARKS["egoschema"]()
    root = made.write(tmp_path / "set")
    faults = check(made.load(root), open_clips=False, progress=False).faults
    assert faults["reason"].tolist() == ["3 questions, and 500 are published"]
    made.rows = made.rows * 2
    found = check(made.load(made.write(root)), open_clips=False, progress=False)
    assert found.faults["kind"].tolist() == ["duplicated id"] * 3 + ["count"]
    assert found.tasks["unusable"].tolist() == [3]


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "vinoground"])
def test_answers_outside_the_options_are_called_so(name: str, tmp_path: Path) -> None:
    made = BENCHMARKS[name]()
    made.rows[0][made.answer] = made.bad_answers[0]
    faults = check(made.load(made.write(tmp_path / "set")), open_clips=False, progress=False).faults
    assert faults["kind"].tolist().count("wrong answer") == 1
